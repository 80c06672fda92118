/** A worker that runs a socket filter in bursts, with a pause after each in which the reader falls asleep. */
import { workerData } from 'node:worker_threads';
import { Fd } from '../../src/sys/fd.js';
import { runSocketFilter } from './assemble.js';

const { fd, bursts, perBurst } = workerData as { fd: number; bursts: number; perBurst: number };
const program = new Fd(fd);
const pause = new Int32Array(new SharedArrayBuffer(4));
for (let burst = 0; burst < bursts; burst++) {
  runSocketFilter(program, perBurst);
  Atomics.wait(pause, 0, 0, burst % 4);
}
// The descriptor is the main thread's to close.
program.release();
