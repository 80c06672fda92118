/** Prints, each second, a histogram of how long threads that could run waited for a CPU. */
import { setTimeout as sleep } from 'node:timers/promises';
import { histogram } from '../histogram.js';
import { run } from '../run.js';
import { load } from './generated/runqlat.js';

/** @param options `pid`: only this process's threads. `seconds`: from one print to the next. */
export async function* runqlat({ pid = 0, seconds = 1 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyPid: pid } });
  tool.attach();
  for (;;) {
    yield* histogram(tool.globals.slots, 'µs');
    await sleep(seconds * 1000);
  }
}

await run(import.meta.url, runqlat, 'pid', 'seconds');
