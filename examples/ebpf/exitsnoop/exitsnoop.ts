/** Prints each process that ends: how long it ran, and how it ended. */
import { run, table } from '../run.js';
import { load } from './generated/exitsnoop.js';

/** @param options `parent`: only children of this process. */
export async function* exitsnoop({ parent = 0 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyParent: parent } });
  tool.attach();
  const row = table(-15, 7, 7, 10);
  yield row('process', 'pid', 'parent', 'seconds', 'end');
  for await (const { comm, pid, ppid, ageNs, status } of tool.maps.events.reader())
    yield row(comm, pid, ppid, (ageNs / 1e9).toFixed(3), endOf(status));
}

function endOf(status: number): string {
  const signal = status & 0x7f;
  if (signal !== 0) return `signal ${signal}${(status & 0x80) === 0 ? '' : ', core dumped'}`;
  return `code ${(status >> 8) & 0xff}`;
}

await run(import.meta.url, exitsnoop, 'parent');
