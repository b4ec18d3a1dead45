// A Socket.IO server: says who it is, gives back what it gets.
const http = require('http');
const { Server } = require('socket.io');

const server = http.createServer((request, response) => response.end('ok'));
const io = new Server(server, { pingInterval: 1000 });
io.on('connection', (socket) => {
  socket.on('say', (text, answer) => answer({ text, pid: process.pid }));
});
server.listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
