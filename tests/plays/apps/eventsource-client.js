// The npm EventSource: node eventsource-client.js URL; prints each event's data on a line.
const { EventSource } = require('eventsource');

const source = new EventSource(process.argv[2]);
source.onmessage = (event) => console.log(event.data);
