/** A connection that stays open until its standard input ends, and moves so many bytes every 300 ms. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

const bytes = Number(process.argv[2]);
process.title = 'slow';
const server = createServer((socket) => void socket.resume()).listen(0, '127.0.0.1');
await once(server, 'listening');
const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
await once(socket, 'connect');
const timer = setInterval(() => socket.write(Buffer.alloc(bytes, 's')), 300);
console.log(socket.localPort);
process.stdin.resume().on('end', () => {
  clearInterval(timer);
  socket.end();
  server.close();
});
