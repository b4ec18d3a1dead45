// A Node server that logs as Pino does: one JSON object a line, levels in numbers.
const http = require("http");

const say = (level, msg, more) =>
  process.stdout.write(JSON.stringify({ level, time: Date.now(), pid: process.pid, msg, ...more }) + "\n");

http.createServer((request, response) => {
  const status = request.url.startsWith("/bad") ? 500 : 200;
  say(status === 500 ? 50 : 30, "request", { url: request.url });
  if (status === 500) console.error("Error: bad\n    at handler");
  response.writeHead(status).end("done\n");
}).listen(Number(process.env.PORT), "127.0.0.1", () => say(30, "listening"));
