/** Prints each file that a process opens, or fails to open. */
import { errnoName } from '@weir/ebpf';
import { run, table } from '../run.js';
import { load } from './generated/opensnoop.js';

/** @param options `pid`: only this process. */
export async function* opensnoop({ pid: onlyPid = 0 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyPid } });
  tool.attach();
  const row = table(-15, 7, 10);
  yield row('process', 'pid', 'descriptor', 'path');
  for await (const { comm, pid, result, path } of tool.maps.events.reader())
    yield row(comm, pid, result < 0 ? errnoName(-result) : result, path);
}

await run(import.meta.url, opensnoop, 'pid');
