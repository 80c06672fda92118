/** Prints, each second, how often each kind of soft interrupt has run since the start, and for how long. */
import { setTimeout as sleep } from 'node:timers/promises';
import { run, table } from '../run.js';
import { load } from './generated/softirqs.js';

/** By the kernel's numbers. */
const kinds = 'HI TIMER NET_TX NET_RX BLOCK IRQ_POLL TASKLET SCHED HRTIMER RCU'.split(' ');

/** @param options `seconds`: from one print to the next. */
export async function* softirqs({ seconds = 1 } = {}): AsyncGenerator<string> {
  using tool = load();
  tool.attach();
  const row = table(-8, 10, 12);
  for (;;) {
    yield row('kind', 'count', 'milliseconds');
    for (const [kind, cpus] of tool.maps.totals) {
      const count = cpus.reduce((sum, cpu) => sum + cpu.count, 0);
      const timeNs = cpus.reduce((sum, cpu) => sum + cpu.timeNs, 0);
      if (count > 0) yield row(kinds[kind] ?? `${kind}`, count, (timeNs / 1e6).toFixed(3));
    }
    await sleep(seconds * 1000);
  }
}

await run(import.meta.url, softirqs, 'seconds');
