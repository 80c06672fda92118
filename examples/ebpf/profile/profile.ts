/** Prints, each second, the stacks that were found running most often since the start: at a timer's ticks, on every CPU. */
import { setTimeout as sleep } from 'node:timers/promises';
import { kernelSymbols } from '@weir/ebpf';
import { onlineCpus } from '@weir/ebpf/sys';
import { run } from '../run.js';
import { load, type Place } from './generated/profile.js';

/** PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK: a timer, which every machine has. */
const cpuClock = { type: 1, config: 0 };

/** @param options `pid`: only this process. `frequency`: ticks a second. `top`: how many stacks. `seconds`: from one print to the next. */
export async function* profile({
  pid = 0,
  frequency = 49,
  top = 3,
  seconds = 1,
} = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyPid: pid } });
  for (const cpu of onlineCpus())
    tool.attach({ onSample: { event: { ...cpuClock, sampleFrequency: frequency, cpu } } });
  for (;;) {
    const samples = [...tool.maps.samples].sort(([, a], [, b]) => Number(b - a));
    yield `${samples.reduce((sum, [, count]) => sum + Number(count), 0)} samples`;
    for (const [place, count] of samples.slice(0, top)) yield* lines(place, count);
    await sleep(seconds * 1000);
  }

  function* lines({ pid, comm, kernelStack, userStack }: Place, count: bigint): Generator<string> {
    yield `${count} x ${comm} ${pid}`;
    for (const address of frames(kernelStack))
      yield `  kernel  ${kernelSymbols().functionAround(address)?.name ?? hex(address)}`;
    if (kernelStack === notKept) yield '  kernel  a stack that there was no place for';
    for (const address of frames(userStack)) yield `  process ${hex(address)}`;
    if (userStack === notKept) yield '  process a stack that there was no place for';
  }

  function frames(stack: number): readonly bigint[] {
    const addresses = stack < 0 ? undefined : tool.maps.stacks.get(stack)?.frames;
    return [...(addresses ?? [])].filter((address) => address !== 0n);
  }
}

/** -EEXIST. All stacks that were not kept have this for their number, and so they are counted together. */
const notKept = -17;

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

await run(import.meta.url, profile, 'pid', 'frequency', 'top', 'seconds');
