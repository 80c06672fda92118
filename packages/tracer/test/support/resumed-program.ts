/**
 * A process with a resumable tracer, which others kill: `resumed-program.js NETNS RING_BYTES [POSITION]`. With a position, it goes on with
 * what waits at descriptor 3. It prints the number of its queue, then, before it commits, a line for each batch, which ends with END.
 */
import { writeSync } from 'node:fs';
import { DescriptorQueue, Fd } from '@weir/ebpf/sys';
import { type TraceRecord, Tracer, type TracerPosition } from '../../src/index.js';

/** A line for a batch. */
export interface KeptBatch {
  readonly records: readonly TraceRecord[];
  readonly position: TracerPosition;
}

const [inode, ringBytes, position] = process.argv.slice(2);
const options = { filter: { netns: [Number(inode)] }, ringBytes: Number(ringBytes), resumable: true };

function resume(): Tracer {
  const queue = new DescriptorQueue(new Fd(3));
  return Tracer.resume(queue.peek()!, JSON.parse(position!) as TracerPosition, options);
}

function print(line: object): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}END\n`);
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
}

const tracer = position === undefined ? Tracer.start(options) : resume();
process.once('SIGTERM', () => {
  if (position !== undefined) new DescriptorQueue(new Fd(3)).clear();
  void tracer.stop();
});
if (position === undefined) {
  const { description, descriptors } = tracer.held()!;
  const queue = DescriptorQueue.create();
  queue.put(description, descriptors);
  print({ queue: queue.fd });
} else print({});
for await (const records of tracer.batches()) {
  const reached = tracer.position();
  print({ records, position: reached });
  // The rest of a batch may be lost on the way.
  if (reached !== undefined) tracer.commit(reached);
}
print({ lost: tracer.stats().lost });
