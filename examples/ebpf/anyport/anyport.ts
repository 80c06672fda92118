/** A server that answers on every port of a range, with one socket that listens. Prints each connection, and the port that it came to. */
import { EventEmitter, on, once } from 'node:events';
import { createServer } from 'node:net';
import { run, table } from '../run.js';
import { descriptor } from '../sockets.js';
import { load } from './generated/anyport.js';

/** @param options The range: `from` and `to`, both included. */
export async function* anyport({ from = 7000, to = 7999 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { firstPort: from, lastPort: to } });
  const row = table(-40, 8);
  const answers = new EventEmitter();
  const lines = on(answers, 'line') as AsyncIterable<[string]>;
  const server = createServer((socket) => {
    const { remoteAddress = '', localPort = 0 } = socket;
    socket.on('error', () => {}).end(`you came to port ${localPort}\n`);
    answers.emit('line', row(remoteAddress, localPort));
  });
  try {
    server.listen(0);
    await once(server, 'listening');
    tool.maps.listener.set(0, descriptor(server));
    tool.attach();
    yield row('client', 'port');
    for await (const [line] of lines) yield line;
  } finally {
    server.close();
  }
}

await run(import.meta.url, anyport, 'from', 'to');
