/**
 * A daemon: the first process listens on the port that is its argument, starts a second one with the same socket, prints the
 * pid of that, and ends. The second accepts and closes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const [argument] = process.argv.slice(2);

if (argument === 'serve') {
  createServer((socket) => socket.end('hello')).listen({ fd: 3 }, () => void process.send?.('ready'));
} else {
  const server = createServer().listen(Number(argument), '127.0.0.1');
  await once(server, 'listening');
  const { _handle: handle } = server as unknown as { readonly _handle: { readonly fd: number } };
  const daemon = spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', handle.fd, 'ipc'],
  });
  await once(daemon, 'message');
  process.stdout.write(`${daemon.pid}\n`);
  process.exit();
}
