// Socket.IO's own client: node socketio-client.js URL TRANSPORT[,TRANSPORT]; reads lines, sends each,
// prints what comes back with the transport and the number of connections so far, as JSON.
const readline = require('readline');
const { io } = require('socket.io-client');

const [url, transports] = process.argv.slice(2);
const socket = io(url, { transports: transports.split(','), withCredentials: true, reconnectionDelay: 50 });
let connections = 0;
socket.on('connect', () => { connections += 1; });
socket.on('connect_error', (error) => console.error(String(error)));
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  socket.timeout(20000).emit('say', line, (error, said) => {
    const transport = socket.io.engine && socket.io.engine.transport.name;
    console.log(JSON.stringify({ error: error && String(error), ...said, transport, connections }));
  });
}).on('close', () => { socket.close(); process.exit(0); });
