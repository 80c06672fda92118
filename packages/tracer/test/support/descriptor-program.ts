/**
 * A process that gets file descriptors on command, and prints them: for each line on standard input, opened
 * files, a listening socket, both ends of a connection, all closed again. Its answer is a JSON array in that order.
 */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** Node.js keeps a socket's descriptor to itself. */
function descriptor(owner: Server | Socket): number {
  return (owner as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}

async function getDescriptors(files: number): Promise<number[]> {
  const opened = Array.from({ length: files }, () => openSync('/dev/null', 'r'));
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = new Socket().connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[peer]] = await Promise.all([accepted, once(client, 'connect')]);
  const all = [...opened, descriptor(server), descriptor(client), descriptor(peer)];
  opened.forEach(closeSync);
  const closed = Promise.all([server, client, peer].map((owner) => once(owner, 'close')));
  server.close();
  client.destroy();
  peer.destroy();
  await closed;
  return all;
}

// Once for nothing, so that what Node.js needs itself is there.
await getDescriptors(1);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await getDescriptors(Number(line)))}\n`);
}
