/** So many connections a second, each with one byte, until its standard input ends. Both ends are here, so the history has two of each. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

const perSecond = Number(process.argv[2]);
const TURN_MS = 20;
process.title = 'steady';
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.resume();
}).listen({ port: 0, host: '127.0.0.1', backlog: 1024 });
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const began = performance.now();
let made = 0;
const timer = setInterval(() => {
  for (const wanted = ((performance.now() - began) / 1000) * perSecond; made < wanted; made++) {
    // Ports of connections that wait for stray segments are many: other addresses have their own.
    const host = `127.0.${(made >> 8) % 250}.${1 + (made % 250)}`;
    const socket = connect({ host: '127.0.0.1', port, localAddress: host });
    socket.on('error', () => {});
    socket.resume();
    socket.end('s');
  }
}, TURN_MS);
console.log('began');
process.stdin.resume().on('end', () => {
  clearInterval(timer);
  server.close();
});
