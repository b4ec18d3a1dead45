// Is asked before each request to /members/: 204 lets it pass, all else is what the client gets.
const http = require('http');

http.createServer((request, response) => {
  const ticket = /(?:^|; )ticket=([a-z]+)/.exec(request.headers.cookie || '');
  if (ticket) response.writeHead(204, { 'X-User': ticket[1] }).end();
  else response.writeHead(302, { Location: `/login?to=${encodeURIComponent(request.headers['x-forwarded-uri'])}` }).end();
}).listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
