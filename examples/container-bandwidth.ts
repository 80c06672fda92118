/** Prints each second how much each container, or else each systemd unit, has sent and received. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, Tracer } from '@weir/tracer';
import { Processes } from '@weir/tracer/enrich';
import { filter, onInterrupt, printable } from './common.js';

const processes = new Processes();
const ending = new AbortController();
onInterrupt(() => ending.abort());

await using tracer = Tracer.start({ filter });
using live = tracer.connections();
/** Sent and received so far. A connection from before the start counts from now on. */
const counted = new WeakMap<Connection, readonly [number, number]>();
await live.refresh();
for (const connection of live) counted.set(connection, [connection.bytes_sent, connection.bytes_received]);
console.error('counting; Ctrl-C ends');

while (!ending.signal.aborted) {
  await sleep(1000, undefined, { signal: ending.signal }).catch(() => {});
  await live.refresh();
  const moved = new Map<string, [number, number]>();
  // Ended connections too: however short one was, all that it moved counts.
  for (const connection of [...live, ...live.takeEnded().ended.map((end) => end.connection)]) {
    const { process: owner, bytes_sent, bytes_received } = connection;
    const details = owner && processes.details(owner.pid, owner.comm, { startTicks: owner.start_ticks });
    const group = details?.container_id?.slice(0, 12) ?? details?.unit ?? 'host';
    const sum = moved.get(group) ?? [0, 0];
    const [sent, received] = counted.get(connection) ?? [0, 0];
    moved.set(group, [sum[0] + bytes_sent - sent, sum[1] + bytes_received - received]);
    counted.set(connection, [bytes_sent, bytes_received]);
  }
  for (const [group, [sent, received]] of moved) {
    if (sent + received > 0) console.log(new Date().toISOString(), printable(group), sent, received);
  }
}
