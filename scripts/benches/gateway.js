// The usual Node gateway: http-proxy with keep-alive agents, round robin, X-Forwarded, access log.
// node gateway.js MODULES LOG DOOR PORT[,PORT...] [DOOR PORT[,PORT...]]
const fs = require("fs");
const http = require("http");
const [modules, log, ...doors] = process.argv.slice(2);
const { createProxyServer } = require(`${modules}/http-proxy`);

const lines = fs.createWriteStream(log, { flags: "a" });

function open(door, ports) {
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 256 });
  const proxy = createProxyServer({ agent, xfwd: true });
  let turn = 0;
  const target = () => ({ target: `http://127.0.0.1:${ports[turn++ % ports.length]}` });
  proxy.on("error", (error, req, out) => (out.writeHead ? out.writeHead(502).end() : out.destroy()));
  const server = http.createServer((req, res) => {
    const began = Date.now();
    res.on("finish", () => {
      const stamp = new Date().toISOString();
      lines.write(`${stamp} ${req.socket.remoteAddress} ${req.method} ${req.url} ${res.statusCode} ${Date.now() - began}\n`);
    });
    proxy.web(req, res, target());
  });
  server.on("upgrade", (req, socket, head) => proxy.ws(req, socket, head, target()));
  server.keepAliveTimeout = 0;
  server.listen(door, "127.0.0.1", 4096);
}

for (let i = 0; i < doors.length; i += 2) open(Number(doors[i]), doors[i + 1].split(","));
