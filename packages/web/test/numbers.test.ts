import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  formatBytes,
  formatMicroseconds,
  formatRatio,
  formatSeconds,
  formatShort,
} from '../src/format/number-text.js';
import { formatRange, parseApiTime } from '../src/format/time-text.js';

describe('numbers as text', () => {
  test('bytes have three digits and the unit that suits them', () => {
    const texts = [0, 999, 999.6, 1000, 12_345, 999_499, 999_500, 1e9, 1e21].map(formatBytes);
    assert.deepEqual(texts, [
      '0 B',
      '999 B',
      '1 kB',
      '1 kB',
      '12.3 kB',
      '999 kB',
      '1 MB',
      '1 GB',
      '1,000 EB',
    ]);
    assert.equal(formatBytes(undefined), '–');
  });

  test('times have the unit that suits them', () => {
    const texts = [0, 740.4, 1200, 3_100_000, 62_000_000, 7_500_000_000].map(formatMicroseconds);
    assert.deepEqual(texts, ['0 µs', '740 µs', '1.2 ms', '3.1 s', '1 min 2 s', '2 h 5 min']);
    assert.deepEqual([0.25, 59.6, 86_400, 90_000].map(formatSeconds), ['0.25 s', '1 min', '1 d', '1 d 1 h']);
  });

  test('counts and shares are short', () => {
    assert.deepEqual([0, 999, 1234, 1_234_567].map(formatShort), ['0', '999', '1.23K', '1.23M']);
    assert.deepEqual([0.0321, 1].map(formatRatio), ['3.2%', '100%']);
  });

  test('times of the API keep their fraction of a second', () => {
    assert.equal(parseApiTime('2026-11-27T13:11:18.500000000Z'), Date.UTC(2026, 10, 27, 13, 11, 18) + 500);
    const from = new Date(2026, 10, 27, 13, 0).getTime();
    assert.match(formatRange(from, from + 60_000), /13:00:00 – 13:01:00$/);
  });
});
