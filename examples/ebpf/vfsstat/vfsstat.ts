/** Prints, each second, how often files were read, written, synced, opened and removed since the start. */
import { setTimeout as sleep } from 'node:timers/promises';
import { run, table } from '../run.js';
import { load } from './generated/vfsstat.js';

/** @param options `pid`: only this process. `seconds`: from one print to the next. */
export async function* vfsstat({ pid = 0, seconds = 1 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyPid: pid } });
  tool.attach();
  const row = table(8, 8, 8, 8, 8);
  yield row('read', 'write', 'sync', 'open', 'remove');
  for (;;) {
    const { reads, writes, syncs, opens, removals } = tool.globals.calls;
    yield row(reads, writes, syncs, opens, removals);
    await sleep(seconds * 1000);
  }
}

await run(import.meta.url, vfsstat, 'pid', 'seconds');
