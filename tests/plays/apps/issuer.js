// An issuer of tokens and the API behind them, in one Node program without a library.
const crypto = require("crypto");
const http = require("http");

const keys = new Map();
const newKey = (kid) => keys.set(kid, crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }));
newKey("first");

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const sign = (kid, claims) => {
  const signed = `${part({ alg: "ES256", kid })}.${part(claims)}`;
  const key = { key: keys.get(kid).privateKey, dsaEncoding: "ieee-p1363" };
  return `${signed}.${crypto.sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
};

http.createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const kid = url.searchParams.get("kid");
  if (url.pathname === "/jwks.json") {
    const published = [...keys].map(([name, pair]) => (
      { ...pair.publicKey.export({ format: "jwk" }), kid: name, use: "sig", alg: "ES256" }));
    return response.end(JSON.stringify({ keys: published }));
  }
  if (url.pathname === "/rotate") { newKey(kid); return response.end(); }
  if (url.pathname === "/token") {
    const exp = Math.floor(Date.now() / 1000) + Number(url.searchParams.get("for") || 60);
    return response.end(sign(kid, { sub: "ada", exp, scope: url.searchParams.get("scope") }));
  }
  if (url.pathname === "/verify") { // whom forward_auth asks
    response.statusCode = request.headers["x-plan"] === "gold" ? 204 : 402;
    response.setHeader("X-Level", "7");
    return response.end();
  }
  response.end(JSON.stringify({ headers: request.headers, url: request.url }));
}).listen(Number(process.env.PORT), "127.0.0.1");
