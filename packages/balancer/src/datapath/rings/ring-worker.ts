/** What the thread of `RingThread` runs. */
import { workerData } from 'node:worker_threads';
import { buildRing } from './ring.js';
import type { RingThreadData } from './ring-thread.js';
import { SharedRings } from './shared-rings.js';

const { rings, memory } = workerData as RingThreadData;
new SharedRings(rings.length, memory).buildAll((index, ring) => {
  const { members, version } = rings[index]!;
  buildRing(members, version, ring);
});
