// A plain Node server, as people write them: no signal handling, default keep-alive.
const http = require("http");

const server = http.createServer((request, response) => {
  const answer = () => response.end(JSON.stringify({
    pid: process.pid, port: Number(process.env.PORT), note: process.env.NOTE || "",
  }) + "\n");
  if (request.url.startsWith("/slow")) return setTimeout(answer, 200);
  if (request.url === "/exit7") process.exit(7);
  if (request.url === "/hang") return;
  if (request.method === "POST") {
    let bytes = 0;
    request.on("data", (piece) => { bytes += piece.length; });
    request.on("end", () => response.end(JSON.stringify({ pid: process.pid, bytes }) + "\n"));
    return;
  }
  answer();
});
server.listen(Number(process.env.PORT), "127.0.0.1");
console.log("listening on " + process.env.PORT);
