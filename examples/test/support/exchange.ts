/** Connections over the loopback device of a network namespace that only this thread is in. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { Namespace, unshare } from '@weir/ebpf/sys';

/** Moves this thread into a network namespace of its own, for good. @returns its inode. */
export function enterOwnNetns(): number {
  unshare(Namespace.net);
  const { status, stderr } = spawnSync('ip', ['link', 'set', 'lo', 'up'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip: ${stderr}`);
  return statSync('/proc/thread-self/ns/net').ino;
}

/** Opens a connection, sends and receives so many bytes, and closes it. @returns the server's port. */
export async function exchange(host: string, sent: number, received: number): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().on('end', () => socket.end(Buffer.alloc(received)));
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host, port, allowHalfOpen: true });
  client.end(Buffer.alloc(sent));
  await text(client);
  server.close();
  await once(server, 'close');
  return port;
}

/** Tries to connect where nobody listens. @returns the port. */
export async function refused(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const client = connect({ host, port });
  await once(client, 'error').catch(() => {});
  return port;
}
