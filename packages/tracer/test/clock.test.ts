import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WallClock } from '../src/stream/clock.js';

it('the wall clock converts monotonic times to the nanosecond', () => {
  const clock = new WallClock(1_700_000_000_999_999_999n);
  assert.equal(clock.format(0), '2023-11-14T22:13:20.999999999Z');
  assert.equal(clock.format(1), '2023-11-14T22:13:21.000000000Z');
  assert.equal(clock.format(59_000_000_042), '2023-11-14T22:14:20.000000041Z');
});

it('the wall clock follows the system clock when that is set', () => {
  const clock = new WallClock(0n);
  assert.equal(clock.format(1_500_000_000), '1970-01-01T00:00:01.500000000Z');
  clock.setOffset(86_400_000_000_000n);
  assert.equal(clock.format(1_500_000_000), '1970-01-02T00:00:01.500000000Z');
});
