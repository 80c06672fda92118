/** Prints each signal that a process sends to another one. */
import { constants } from 'node:os';
import { errnoName } from '@weir/ebpf';
import { run, table } from '../run.js';
import { load } from './generated/killsnoop.js';

const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** @param options `pid`: only what this process sends. */
export async function* killsnoop({ pid: onlyPid = 0 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyPid } });
  tool.attach();
  const row = table(-15, 7, 10, -10);
  yield row('process', 'pid', 'to', 'signal', 'result');
  for await (const { comm, pid, target, signal, result } of tool.maps.events.reader())
    yield row(comm, pid, target, names.get(signal) ?? `${signal}`, result < 0 ? errnoName(-result) : 'sent');
}

await run(import.meta.url, killsnoop, 'pid');
