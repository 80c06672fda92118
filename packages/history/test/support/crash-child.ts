/**
 * A process that stores batches as fast as it can, writes the number of each that is acknowledged, and is killed:
 * FOLDER RUN [STEP [COUNT]] kills itself at the COUNTth time of a step.
 */
import { writeSync } from 'node:fs';
import { HistoryStore } from '../../src/index.js';
import type { Step } from '../../src/store/context.js';
import { AGE_KEPT, crashBatch, PACE_NS } from './crash-rows.js';

const [folder, run, stepToDie, times = '1'] = process.argv.slice(2) as [
  string,
  string,
  Step | undefined,
  string,
];
let left = Number(times);
/** As far as the times of the batches. */
let uptimeMs = 0;
const store = await HistoryStore.open({
  folder,
  minimumFreeBytes: 0,
  ...(stepToDie?.startsWith('retention:') && { retention: { ageNs: AGE_KEPT } }),
  uptimeMs: () => uptimeMs,
  step: (step) => {
    if (step === stepToDie && --left === 0) process.kill(process.pid, 'SIGKILL');
  },
});
const alive = setInterval(() => {}, 1000);
let maintenance: Promise<unknown> = Promise.resolve();
let isBusy = false;
for (let number = 1; number <= 400; number++) {
  await store.append(crashBatch(Number(run), number));
  writeSync(1, `${number}\n`);
  uptimeMs = Number((PACE_NS * BigInt(number)) / 1_000_000n);
  if (isBusy) continue;
  isBusy = true;
  maintenance = store.maintain().finally(() => {
    isBusy = false;
  });
}
await maintenance;
await store.close();
clearInterval(alive);
