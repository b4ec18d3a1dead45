// Server-sent events with ids: counts on from Last-Event-ID, one every 20 ms.
const http = require('http');

http.createServer((request, response) => {
  if (request.url !== '/events') { response.end('ok'); return; }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  let number = Number(request.headers['last-event-id'] || 0);
  response.write('retry: 50\n\n');
  const timer = setInterval(() => {
    number += 1;
    response.write(`id: ${number}\ndata: ${JSON.stringify({ number, pid: process.pid })}\n\n`);
  }, 20);
  response.on('close', () => clearInterval(timer));
}).listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
