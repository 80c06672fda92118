/** Fixed numbers of digits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hexText15, hexText16, nanosecondsText } from '../src/stream/digits.js';

const words = [0, 1, 0xf, 0x10, 0x0fff_ffff, 0x1234_5678, 0x8000_0000, 0x9abc_def0, 0xffff_ffff];

describe('digits', () => {
  it('of hexadecimal numbers are those of a BigInt', () => {
    for (const high of words) {
      for (const low of words) {
        const number = (BigInt(high) << 32n) | BigInt(low);
        assert.equal(hexText16(high, low), number.toString(16).padStart(16, '0'));
        assert.equal(hexText15(high, low), BigInt.asUintN(60, number).toString(16).padStart(15, '0'));
      }
    }
  });

  it('of nanoseconds are nine, at every place', () => {
    for (const ns of [0, 1, 9, 10, 999, 1000, 123_456_789, 999_999_999, 100_000_000, 987_006_050]) {
      assert.equal(nanosecondsText(ns), `${String(ns).padStart(9, '0')}Z`);
    }
  });
});
