import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDuration } from '../src/duration.js';
import { OptionError } from '../src/errors.js';

describe('parseDuration', () => {
  it('reads milliseconds to hours, and a bare number as seconds', () => {
    const cases = {
      '500ms': 500,
      '10s': 10_000,
      '2m': 120_000,
      '1h': 3_600_000,
      '1.5s': 1500,
      '3': 3000,
      '596h': 2_145_600_000,
    };
    for (const [text, expected] of Object.entries(cases)) assert.equal(parseDuration(text), expected, text);
  });

  it('refuses other texts and names what it takes', () => {
    for (const text of ['', '-1s', '1d', '10 s', 's', '1e3', 'Infinity', '.5s', '1s ']) {
      assert.throws(
        () => parseDuration(text),
        { name: OptionError.name, message: /such as 500ms, 10s/ },
        text,
      );
    }
    for (const text of ['0', '0s', '597h', '0.0001ms']) {
      assert.throws(() => parseDuration(text), { name: OptionError.name, message: /from 1ms to 596h/ }, text);
    }
  });
});
