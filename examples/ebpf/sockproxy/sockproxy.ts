/** A proxy for TCP: it makes the connections, and the kernel moves the bytes from one to the other. Prints each pair that has ended. */
import { EventEmitter, on, once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { needed, runWith, table } from '../run.js';
import { load } from './generated/sockproxy.js';
import { move } from './move.js';

interface Options {
  /** Where the proxy listens, and where it connects to. */
  readonly port?: number;
  readonly host?: string;
  readonly to?: number;
}

export async function* sockproxy({ port = 0, host = '127.0.0.1', to }: Options = {}): AsyncGenerator<string> {
  using tool = load();
  tool.attach({ toTheOther: { map: tool.collection.map('sources') } });
  const places = Array.from({ length: 4096 }, (_, pair) => 2 * pair);
  const pairs = new EventEmitter();
  const ended = on(pairs, 'ended');
  const row = table(-22, 12, 12);

  // Neither socket is read before the kernel does it.
  const proxy = createServer({ pauseOnConnect: true, allowHalfOpen: true }, async (client) => {
    const server = connect({ host, port: needed('to', to), allowHalfOpen: true }).pause();
    const place = places.pop();
    for (const socket of [client, server]) socket.on('error', () => {});
    const name = `${client.remoteAddress?.replace('::ffff:', '')}:${client.remotePort}`;
    try {
      await once(server, 'connect');
      if (place === undefined) throw new Error('too many connections');
      const { sent, received, by } = await move(tool, client, server, place);
      pairs.emit('ended', row(name, Number(sent), Number(received), by));
    } catch (error) {
      for (const socket of [client, server]) socket.destroy();
      pairs.emit('ended', `${name}: ${(error as Error).message}`);
    } finally {
      if (place !== undefined) places.push(place);
    }
  });
  try {
    proxy.listen(port);
    await once(proxy, 'listening');
    yield `listening on port ${(proxy.address() as AddressInfo).port}`;
    for await (const [line] of ended) yield line;
  } finally {
    proxy.close();
  }
}

await runWith(import.meta.url, sockproxy, { port: Number, host: String, to: Number });
