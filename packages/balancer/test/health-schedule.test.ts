/** The times of checks, by a fake clock. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Schedule } from '../src/health/schedule.js';
import { FakeClock } from './support/fake-clock.js';
import { randomNumbers } from './support/random.js';

const INTERVAL = 2000;

/** Start times of functions that were added at once; each takes some milliseconds. */
function started(clock: FakeClock, count: number, tookMs: number, maxRunning?: number) {
  const starts: number[] = [];
  const running = { now: 0, most: 0 };
  const schedule = new Schedule({
    clock,
    random: randomNumbers(1),
    ...(maxRunning === undefined ? {} : { maxRunning }),
  });
  for (let i = 0; i < count; i++) {
    schedule.add(INTERVAL, async () => {
      starts.push(clock.now());
      running.most = Math.max(running.most, ++running.now);
      await new Promise<void>((resolve) => clock.after(tookMs, resolve));
      running.now--;
    });
  }
  return { schedule, starts, running };
}

/** The most starts in a window of some milliseconds. */
function busiest(starts: readonly number[], from: number, windowMs: number): number {
  const windows = new Map<number, number>();
  for (const time of starts.filter((time) => time >= from)) {
    const window = Math.floor(time / windowMs);
    windows.set(window, (windows.get(window) ?? 0) + 1);
  }
  return Math.max(...windows.values());
}

describe('the schedule', () => {
  it('the schedule spreads thousands of checks that are added at once, and keeps them apart', async () => {
    const clock = new FakeClock();
    const { starts, schedule } = started(clock, 3000, 5);
    await clock.pass(1000);
    // 3000 first starts and some second ones in 1000 ms are 38 in 10 ms.
    assert.ok(busiest(starts, 0, 10) < 80, `${busiest(starts, 0, 10)}`);
    assert.ok(starts.length >= 3000, 'each was run within a second');
    await clock.pass(9000);
    // 3000 in 2000 ms are 150 in 100 ms.
    assert.ok(busiest(starts, INTERVAL, 100) < 250, `${busiest(starts, INTERVAL, 100)}`);
    schedule[Symbol.dispose]();
  });

  it('the schedule runs each check at its interval, within a tenth', async () => {
    const clock = new FakeClock();
    const { starts, schedule } = started(clock, 1, 100);
    await clock.pass(60_000);
    const gaps = starts.slice(1).map((time, i) => time - starts[i]!);
    assert.ok(
      gaps.slice(1).every((gap) => gap >= 1800 && gap <= 2200),
      gaps.join(' '),
    );
    assert.ok(gaps[0]! <= INTERVAL);
    schedule[Symbol.dispose]();
  });

  it('the schedule limits running checks; others wait, and none is forgotten', async () => {
    const clock = new FakeClock();
    const { starts, running, schedule } = started(clock, 200, 1000, 20);
    await clock.pass(10_000);
    assert.equal(running.most, 20);
    assert.ok(schedule.waiting > 0);
    assert.ok(starts.length >= 190, `${starts.length}`);
    schedule[Symbol.dispose]();
    assert.equal(schedule.waiting, 0);
  });

  it('the schedule spreads checks again after the machine slept', async () => {
    const clock = new FakeClock();
    const { starts, schedule } = started(clock, 500, 5);
    await clock.pass(5000);
    clock.sleep(60_000);
    await clock.pass(4000);
    assert.ok(busiest(starts, 65_000, 100) < 60, `${busiest(starts, 65_000, 100)}`);
    schedule[Symbol.dispose]();
  });

  it('the schedule never runs a removed check', async () => {
    const clock = new FakeClock();
    let runs = 0;
    using schedule = new Schedule({ clock });
    const remove = schedule.add(INTERVAL, async () => void runs++);
    await clock.pass(1000);
    remove();
    const before = runs;
    assert.ok(before >= 1);
    await clock.pass(10_000);
    assert.equal(runs, before);
  });
});
