import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClockSource, FollowedClock } from '../src/stream/followed-clock.js';

const SECOND = 1_000_000_000;
const hour = '1970-01-01T01:00:';

/** Clocks that a test sets. */
class FakeClocks implements ClockSource {
  now = 0;
  offset = 0n;
  suspended = 0n;
  changed = false;
  #wake: (() => void) | undefined;

  set(offsetNs: bigint): void {
    this.offset = offsetNs;
    this.changed = true;
    this.#wake?.();
  }

  happened(): boolean {
    const { changed } = this;
    this.changed = false;
    return changed;
  }

  wait({ signal }: { signal?: AbortSignal | undefined }): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal?.addEventListener('abort', () => resolve());
    });
  }

  offsetNs = (): bigint => this.offset;
  suspendedNs = (): bigint => this.suspended;
  nowNs = (): number => this.now;
  [Symbol.dispose](): void {}
}

describe('a clock that is set', () => {
  it('is followed at once; events from before the last look keep the time from before', () => {
    const clocks = new FakeClocks();
    const clock = new FollowedClock(clocks);
    clocks.now = 5 * SECOND;
    clock.follow();
    clocks.set(3600n * BigInt(SECOND));
    clocks.now = 5 * SECOND + 100_000;
    clock.follow();
    assert.equal(clock.wall.format(5 * SECOND - 1), '1970-01-01T00:00:04.999999999Z');
    assert.equal(clock.wall.format(5 * SECOND + 100_000), `${hour}05.000100000Z`);
  });

  it('after a long time without a look changes the times of the last millisecond only', () => {
    const clocks = new FakeClocks();
    const clock = new FollowedClock(clocks);
    clocks.set(3600n * BigInt(SECOND));
    clocks.now = 5 * SECOND;
    clock.follow();
    assert.equal(clock.wall.format(4 * SECOND), '1970-01-01T00:00:04.000000000Z');
    assert.equal(clock.wall.format(5 * SECOND - 500_000), `${hour}04.999500000Z`);
  });

  it('by a suspend has the old time until it, and the new one as soon as other processes run again', () => {
    const clocks = new FakeClocks();
    const clock = new FollowedClock(clocks);
    clocks.now = 5 * SECOND;
    clock.follow();
    clocks.suspended = 3600n * BigInt(SECOND);
    clocks.set(clocks.suspended);
    clocks.now = 5.4 * SECOND;
    clock.follow();
    assert.equal(clock.wall.format(5.1 * SECOND), '1970-01-01T00:00:05.100000000Z');
    assert.equal(clock.wall.format(5.3 * SECOND), `${hour}05.300000000Z`);
    // The next change is none by a suspend.
    clocks.set(0n);
    clocks.now = 9 * SECOND;
    clock.follow();
    assert.equal(clock.wall.format(8.9 * SECOND), `${hour}08.900000000Z`);
  });

  it('is followed while nothing is read', async () => {
    const clocks = new FakeClocks();
    const clock = new FollowedClock(clocks);
    const end = new AbortController();
    const following = clock.followUntil(end.signal);
    for (const seconds of [3600n, 7200n]) {
      clocks.now += SECOND;
      clocks.set(seconds * BigInt(SECOND));
      await sleep(1);
    }
    end.abort();
    await following;
    assert.equal(clock.wall.format(1 * SECOND), `${hour}01.000000000Z`);
    assert.equal(clock.wall.format(2 * SECOND), '1970-01-01T02:00:02.000000000Z');
  });
});

it('a clock that drifts is read anew every ten seconds', () => {
  const clocks = new FakeClocks();
  const clock = new FollowedClock(clocks);
  clocks.offset = 5000n;
  clocks.now = 9 * SECOND;
  clock.follow();
  assert.equal(clock.wall.format(clocks.now), '1970-01-01T00:00:09.000000000Z');
  clocks.now = 10 * SECOND;
  clock.follow();
  assert.equal(clock.wall.format(clocks.now), '1970-01-01T00:00:10.000005000Z');
});
