// A backend for the examples: says what it got, and does what the path asks for.
//
//   /fail       500, if FAIL is set in the environment; else as any other path
//   /slow       waits 300 ms
//   /words      3 kB of text
//   /events     server-sent events, ten a second
//   /ws         WebSocket echo
const crypto = require('crypto');
const http = require('http');

function tell(request, response, body) {
  const said = JSON.stringify({
    worker: process.pid, service: process.env.NAME || 'api', path: request.url, headers: request.headers, octets: body.length,
  });
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(said) });
  response.end(said);
}

function events(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  let number = Number(request.headers['last-event-id'] || 0);
  const timer = setInterval(() => {
    number += 1;
    response.write(`id: ${number}\ndata: ${JSON.stringify({ number, worker: process.pid })}\n\n`);
  }, 100);
  response.on('close', () => clearInterval(timer));
}

const server = http.createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/fail' && process.env.FAIL) response.writeHead(500).end('broken');
  else if (pathname === '/words') response.writeHead(200, { 'Content-Type': 'text/plain' }).end('word '.repeat(600));
  else if (pathname === '/events') events(request, response);
  else if (pathname === '/slow') setTimeout(() => tell(request, response, Buffer.concat(pieces)), 300);
  else tell(request, response, Buffer.concat(pieces));
});

server.on('upgrade', (request, socket) => {
  const accept = crypto.createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on('data', (frame) => {
    const length = frame[1] & 0x7f;
    if (length > 125 || frame.length < 6 + length) { socket.destroy(); return; }
    const payload = frame.subarray(6, 6 + length).map((octet, at) => octet ^ frame[2 + (at % 4)]);
    socket.write(Buffer.concat([Buffer.from([frame[0], length]), payload]));
    if ((frame[0] & 0x0f) === 8) socket.end();
  });
  socket.on('error', () => {});
});

server.listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
