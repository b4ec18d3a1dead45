// A small auth server: signs tokens, streams news, echoes over WebSocket. Needs nothing but Node.
//
// It knows nothing of CORS, rate limits, balancing or of who may ask: services.toml says all that, and
// who asks comes as X-User, which no client can forge.
const crypto = require('crypto');
const http = require('http');
const fs = require('fs');
const path = require('path');

const SECRET = fs.readFileSync(path.join(__dirname, 'jwt-secret.txt'), 'utf8').trim();
const LIFETIME = 15 * 60; // seconds

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function token(user) {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: user, iat: now, exp: now + LIFETIME })}`;
  return `${signed}.${crypto.createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

function answer(response, status, value, fields = {}) {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...fields });
  response.end(body);
}

async function login(request, response) {
  let body = '';
  for await (const piece of request) body += piece;
  const { email, password } = JSON.parse(body || '{}');
  if (!email || password !== 'correct horse') return answer(response, 401, { error: 'wrong email or password' });
  const session = token(email);
  // EventSource and WebSocket cannot send an Authorization header, but they send cookies.
  return answer(response, 200, { token: session }, {
    'Set-Cookie': `session=${session}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${LIFETIME}`,
  });
}

function events(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  let number = Number(request.headers['last-event-id'] || 0);
  const timer = setInterval(() => {
    number += 1;
    response.write(`id: ${number}\ndata: ${JSON.stringify({ number, user: request.headers['x-user'] })}\n\n`);
  }, 100);
  response.on('close', () => clearInterval(timer));
}

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/health/') answer(response, 200, { status: 'ok', uptime: process.uptime() });
  else if (pathname === '/api/auth/login/' && request.method === 'POST') login(request, response).catch(() => answer(response, 400, { error: 'not JSON' }));
  else if (pathname === '/api/me') answer(response, 200, { user: request.headers['x-user'], worker: process.pid, port: process.env.PORT });
  else if (pathname === '/events') events(request, response);
  else answer(response, 404, { error: 'nothing here' });
});

// WebSocket (RFC 6455), as little of it as an echo of short texts needs.
server.on('upgrade', (request, socket) => {
  const accept = crypto.createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on('data', (frame) => {
    const length = frame[1] & 0x7f;
    if (length > 125 || frame.length < 6 + length) return socket.destroy();
    const mask = frame.subarray(2, 6);
    const payload = frame.subarray(6, 6 + length).map((octet, at) => octet ^ mask[at % 4]);
    socket.write(Buffer.concat([Buffer.from([frame[0], length]), payload])); // a Close is answered by a Close
    if ((frame[0] & 0x0f) === 8) socket.end();
  });
  socket.on('error', () => {});
});

server.listen(process.env.PORT, '127.0.0.1', () => console.log(`auth server on ${process.env.PORT}`));
process.on('SIGTERM', () => process.exit(0));
