import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WallClock } from '../src/stream/clock.js';
import { randomFrom } from './support/random-events.js';

it('the wall clock converts monotonic times to the nanosecond', () => {
  const clock = new WallClock(1_700_000_000_999_999_999n);
  assert.equal(clock.format(0), '2023-11-14T22:13:20.999999999Z');
  assert.equal(clock.format(1), '2023-11-14T22:13:21.000000000Z');
  assert.equal(clock.format(59_000_000_042), '2023-11-14T22:14:20.000000041Z');
});

it('the wall clock follows the system clock when that is set, and earlier moments keep their time', () => {
  const clock = new WallClock(0n);
  assert.equal(clock.format(1_500_000_000), '1970-01-01T00:00:01.500000000Z');
  clock.setOffset(86_400_000_000_000n, 2_000_000_000);
  clock.setOffset(3_600_000_000_000n, 3_000_000_000);
  assert.equal(clock.format(1_500_000_000), '1970-01-01T00:00:01.500000000Z');
  assert.equal(clock.format(1_999_999_999), '1970-01-01T00:00:01.999999999Z');
  assert.equal(clock.format(2_000_000_000), '1970-01-02T00:00:02.000000000Z');
  assert.equal(clock.format(3_000_000_001), '1970-01-01T01:00:03.000000001Z');
});

it('the wall clock can be set to before the start of the machine', () => {
  assert.equal(new WallClock(-500_000_000n).format(2_000_000_000), '1970-01-01T00:00:01.500000000Z');
});

it('the wall clock remembers the last of many changes', () => {
  const clock = new WallClock(0n);
  for (let second = 1; second <= 1000; second++) {
    clock.setOffset(BigInt(second) * 1_000_000_000n, second * 1e9);
  }
  assert.equal(clock.format(1000e9), '1970-01-01T00:33:20.000000000Z');
  assert.equal(clock.format(990e9), '1970-01-01T00:33:00.000000000Z');
});

it('the wall clock gives each moment the offset of its time, whatever was asked before', () => {
  const random = randomFrom(77);
  const clock = new WallClock(0n);
  const offsets = [{ from: Number.NEGATIVE_INFINITY, seconds: 0 }];
  for (let step = 0, now = 0; step < 5000; step++) {
    if (random() < 0.02 && offsets.length < 60) {
      now += Math.floor(random() * 1000);
      offsets.unshift({ from: now * 1e9, seconds: Math.floor(random() * 1e9) });
      clock.setOffset(BigInt(offsets[0]!.seconds) * 1_000_000_000n, now * 1e9);
    }
    const second = Math.floor(random() * (now + 1000));
    const { seconds } = offsets.find(({ from }) => second * 1e9 >= from)!;
    clock.locate(second * 1e9);
    assert.equal(clock.second, second + seconds);
  }
});
