// A Node server on the sockets that it is handed, sd_listen_fds(3); on SIGTERM it ends what it has.
// Paths: /slow (200 ms), /exit7 (ends the process), /stuck (blocks it for a second).
const http = require("http");

const servers = [];
for (let n = 0; n < Number(process.env.LISTEN_FDS); n++) {
  servers.push(http.createServer((request, response) => {
    const answer = () => response.end(JSON.stringify({
      pid: process.pid, n, listen_pid: Number(process.env.LISTEN_PID),
      names: process.env.LISTEN_FDNAMES, port: process.env.PORT || "", note: process.env.NOTE || "",
    }) + "\n");
    if (request.url === "/exit7") process.exit(7);
    if (request.url === "/stuck") for (const end = Date.now() + 1000; Date.now() < end;);
    if (request.url === "/slow") return setTimeout(answer, 200);
    answer();
  }).listen({ fd: 3 + n }));
}
process.on("SIGTERM", () => servers.forEach((server) => server.close()));
console.log("listening");
