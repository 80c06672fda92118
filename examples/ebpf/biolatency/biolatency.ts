/** Prints, each second, a histogram of how long requests to disks took. */
import { setTimeout as sleep } from 'node:timers/promises';
import { histogram } from '../histogram.js';
import { run } from '../run.js';
import { load } from './generated/biolatency.js';

/** @param options `major` and `minor`: only this disk, by its numbers in `ls -l /dev`. `seconds`: from one print to the next. */
export async function* biolatency({ major = 0, minor = 0, seconds = 1 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyDevice: major * 2 ** 20 + minor } });
  tool.attach();
  for (;;) {
    yield* histogram(tool.globals.slots, 'µs');
    await sleep(seconds * 1000);
  }
}

await run(import.meta.url, biolatency, 'major', 'minor', 'seconds');
