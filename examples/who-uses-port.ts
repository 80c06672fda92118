/** Prints which processes listen on a port, and which are connected from or to it. */
import { Tracer } from '@weir/tracer';
import { args, filter, printable } from './common.js';

const port = Number(args[0]);
if (!Number.isInteger(port)) throw new Error('no port given: who-uses-port.js PORT');

await using tracer = Tracer.start({ filter });
using live = tracer.connections();
await live.refresh();

for (const { transport, local, peer, process: owner } of live.openSockets) {
  if (local.port !== port || peer !== undefined) continue;
  console.log(transport, `${local.address} ${local.port}`, owner?.pid, printable(owner?.comm));
}
for (const { transport, local, peer, process: owner, state } of live) {
  if (local.port !== port && peer.port !== port) continue;
  const ends = `${local.address} ${local.port} ${peer.address} ${peer.port}`;
  console.log(transport, ends, owner?.pid, printable(owner?.comm), state ?? '');
}
