/** The wall clock is set while a tracer runs. Only a guest's clock is ours to set. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClockChanges, withNetns } from '@weir/ebpf/sys';
import { type TraceRecord, Tracer } from '../src/index.js';
import { assertComplete, collect } from './support/collect.js';
import { runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

const HOUR_MS = 3_600_000;

/** To the second: busybox knows no fractions. */
function setClock(ms: number): void {
  execFileSync('date', ['-s', `@${Math.round(ms / 1000)}`], { stdio: 'ignore' });
}

const POWER = '/sys/power/state';
const SUSPEND_S = 3;

/**
 * Whether the monotonic clock stands still in a suspend. Without firmware that suspends (`deep`), the processors only idle (s2idle), as in
 * arm64's guests, and where no driver knows their idle states the kernel lets the clock run on.
 */
function stopsClock(): boolean {
  return readFileSync('/sys/power/mem_sleep', 'utf8').includes('[deep]');
}

const clocks = () => ({ wallMs: Date.now(), monotonicMs: performance.now() });

/** Suspends the machine until its real-time clock wakes it, from a process of its own. */
async function suspend(): Promise<void> {
  const alarm = '/sys/class/rtc/rtc0/wakealarm';
  const script = `echo 0 >${alarm}; echo +${SUSPEND_S} >${alarm}; echo mem >${POWER}`;
  const [status] = await once(spawn('sh', ['-ec', script], { stdio: 'inherit' }), 'exit');
  assert.equal(status, 0, script);
}

it('no change of the wall clock is reported while nobody sets it', async () => {
  using changes = new ClockChanges();
  assert.equal(changes.happened(), false);
  assert.equal(await changes.wait({ timeoutMs: 20 }), false);
});

if (process.env.WEIR_LAB_KERNEL !== undefined) {
  it('a change of the wall clock ends a wait and is reported once', async () => {
    using changes = new ClockChanges();
    const waiting = changes.wait({ timeoutMs: 10_000 });
    setClock(Date.now() + 10_000);
    try {
      assert.equal(await waiting, true);
      assert.equal(changes.happened(), true);
      assert.equal(changes.happened(), false);
    } finally {
      setClock(Date.now() - 10_000);
    }
    assert.equal(changes.happened(), true);
  });

  for (const immediate of [false, true]) {
    const how = immediate ? 'each event' : 'a timer';
    it(`records have the wall time of their own moment when the clock is set, read at ${how}`, async () => {
      using netns = new TestNetns();
      let step = 0;
      const phases: Phase[] = [];
      const collected = await collect({ immediate, filter: { netns: [netns.inode] } }, async () => {
        for (const next of [HOUR_MS, -HOUR_MS, 0]) {
          const from = Date.now();
          await runLoad(netns, 'pairs', '--count', '20');
          phases.push({ from, to: Date.now() });
          // Nothing is read while this runs: events from before the step are read after it.
          setClock(Date.now() + next - step);
          step = next;
        }
      });
      assertPhases(collected.records, phases, 80);
      assertOrdered(collected.records);
      assertComplete(collected);
    });
  }

  it('records keep the wall time of their own moment while their reader does not read', async () => {
    using netns = new TestNetns();
    await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
    const batches = tracer.batches()[Symbol.asyncIterator]();
    const phases: Phase[] = [];
    const records: TraceRecord[] = [];
    const phase = async (): Promise<void> => {
      const from = Date.now();
      await runLoad(netns, 'pairs', '--count', '20');
      phases.push({ from, to: Date.now() });
    };
    const next = batches.next();
    await phase();
    records.push(...((await next).value ?? []));
    // To other times each time: phases at the same time could not be distinguished.
    for (const step of [HOUR_MS, -2 * HOUR_MS]) {
      setClock(Date.now() + step);
      // The command has kept this thread busy, which notices the change when it is idle again: on a busy machine a while later.
      await sleep(1_000);
      await phase();
    }
    const stopped = tracer.stop();
    for (let batch = await batches.next(); !batch.done; batch = await batches.next())
      records.push(...batch.value);
    await stopped;
    setClock(Date.now() + HOUR_MS);
    assertPhases(records, phases, 80);
    assertOrdered(records);
  });

  it('records before and after a suspend have their wall times, and durations do not count it', async (t) => {
    if (!existsSync(POWER) || !readFileSync(POWER, 'utf8').includes('mem'))
      return t.skip('this kernel cannot suspend to memory (CONFIG_SUSPEND)');
    using netns = new TestNetns();
    const phases: Phase[] = [];
    let opened = clocks();
    let closed = opened;
    const collected = await collect({ filter: { netns: [netns.inode] } }, async () => {
      const phase = async (body: () => void): Promise<void> => {
        const from = Date.now();
        body();
        await runLoad(netns, 'pairs', '--count', '20');
        phases.push({ from, to: Date.now() });
      };
      const sockets: RawSocket[] = [];
      await phase(() => {
        opened = clocks();
        withNetns(`/run/netns/${netns.name}`, () => {
          sockets.push(RawSocket.tcp().bind('127.0.0.1').listen());
          sockets.push(RawSocket.tcp().connect('127.0.0.1', sockets[0]!.port), sockets[0]!.accept());
        });
      });
      await suspend();
      await phase(() => {
        for (const socket of sockets) socket[Symbol.dispose]();
        closed = clocks();
      });
    });
    const [before, after] = phases as [Phase, Phase];
    const gapMs = after.from - before.to;
    assert.ok(gapMs > (SUSPEND_S - 1) * 1000, `asleep for ${gapMs} ms`);
    assertPhases(collected.records, phases, 82);
    assertOrdered(collected.records);
    assertComplete(collected);
    const closes = collected.records.flatMap((record) =>
      record.event === 'close' && Date.parse(record.time) >= after.from ? [record.duration_us! / 1000] : [],
    );
    assert.equal(closes.length, 42);
    const monotonicMs = closed.monotonicMs - opened.monotonicMs;
    assert.ok(Math.max(...closes) < monotonicMs, `${closes} in ${monotonicMs} ms`);
    const stoodMs = closed.wallMs - opened.wallMs - monotonicMs;
    if (stopsClock()) assert.ok(stoodMs > 100, `the clock stood still for ${stoodMs} ms`);
  });
}

/** Wall times, milliseconds. */
interface Phase {
  readonly from: number;
  readonly to: number;
}

/** Each record has a time within one of the phases, and each phase so many of them. */
function assertPhases(records: readonly TraceRecord[], phases: readonly Phase[], count: number): void {
  const counts = phases.map(() => 0);
  for (const { time } of records) {
    const ms = Date.parse(time);
    const phase = phases.findIndex(({ from, to }) => from <= ms + 1 && ms <= to + 1);
    assert.ok(phase >= 0, `${time} is in none of ${JSON.stringify(phases)}`);
    counts[phase]!++;
  }
  assert.deepEqual(
    counts,
    phases.map(() => count),
  );
}

function assertOrdered(records: readonly TraceRecord[]): void {
  for (let index = 1; index < records.length; index++) {
    assert.ok(records[index - 1]!.monotonic_ns <= records[index]!.monotonic_ns);
  }
}
