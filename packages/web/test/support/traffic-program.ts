/** Connections whose numbers a test knows. Prints a line when it has made them all. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

const { count, refused, sent, replied, name } = JSON.parse(process.argv[2]!) as Traffic;

/** What is made. */
export interface Traffic {
  /** Connections that move bytes. */
  readonly count: number;
  /** Attempts that are refused. */
  readonly refused: number;
  /** Bytes of each connection. */
  readonly sent: number;
  readonly replied: number;
  /** Name of the process. */
  readonly name: string;
}

process.title = name;
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.resume();
  socket.on('end', () => socket.end(Buffer.alloc(replied, 'r')));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
for (let index = 0; index < count; index++) {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(Buffer.alloc(sent, 's'));
  socket.resume();
  await once(socket, 'close');
}
for (let index = 0; index < refused; index++) {
  const socket = connect({ host: '127.0.0.1', port: 1 });
  await once(socket, 'error');
}
server.close();
