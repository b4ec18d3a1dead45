// The app of the plays in Node, without any package: GET, slow GET, POST, download, events, WebSocket.
const http = require("http");
const crypto = require("crypto");
const fs = require("fs");

const broken = process.env.NEXT ? fs.readFileSync(process.env.NEXT, "utf8").trim() : "";
if (broken === "crash") process.exit(3);
const block = Buffer.alloc(1 << 20);
for (let at = 0; at < block.length; at++) block[at] = at % 256;

const server = http.createServer((request, response) => {
  const answer = () => response.end(JSON.stringify({ pid: process.pid }));
  if (request.method === "POST") {
    request.resume().on("end", answer);
  } else if (request.url === "/slow") {
    setTimeout(answer, 200);
  } else if (request.url === "/download") {
    response.setHeader("Content-Length", 50 * block.length);
    let left = 50;
    const more = () => { while (left-- > 0) if (!response.write(block)) return; response.end(); };
    response.on("drain", more);
    more();
  } else if (request.url === "/events") {
    response.setHeader("Content-Type", "text/event-stream");
    let number = 0;
    const timer = setInterval(() => response.write(`data: ${process.pid} ${++number}\n\n`), 50);
    response.on("close", () => clearInterval(timer));
  } else {
    answer();
  }
});

// Short text frames only, which is all that the client sends.
server.on("upgrade", (request, socket) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = crypto.createHash("sha1").update(key).digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on("error", () => {});
  socket.on("data", (data) => {
    const size = data[1] & 127;
    const mask = data.subarray(2, 6);
    const payload = data.subarray(6, 6 + size).map((octet, at) => octet ^ mask[at % 4]);
    if ((data[0] & 15) === 8) socket.end(Buffer.from([0x88, 0]));
    else socket.write(Buffer.concat([Buffer.from([data[0], size]), payload]));
  });
});
server.listen(Number(process.env.PORT), "127.0.0.1");
