import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fragment } from '../src/json/byte-writer.js';
import { FragmentCache } from '../src/json/fragment-cache.js';
import { randomFrom } from './support/random-events.js';

function keyed(values: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(16));
  for (const [index, value] of values.entries()) view.setUint32(4 * index, value, true);
  return view;
}

it('a kept piece of text is found again under its own words only', () => {
  const cache = new FragmentCache([{ at: 4, bytes: 8 }], 16);
  const random = randomFrom(3);
  for (let count = 0; count < 10_000; count++) {
    const words = [count, Math.floor(random() * 4), Math.floor(random() * 4), count];
    const view = keyed(words);
    const found = cache.find(view, 0) ?? cache.keep(view, 0, fragment(`${words[1]} ${words[2]}`));
    assert.deepEqual(found, fragment(`${words[1]} ${words[2]}`));
    assert.equal(cache.find(view, 0), found);
  }
});

it('two pieces of text that lead to the same places are both kept', () => {
  const cache = new FragmentCache([{ at: 0, bytes: 4 }], 2);
  for (const value of [1, 2]) cache.keep(keyed([value]), 0, fragment(String(value)));
  for (const value of [1, 2, 1, 2]) assert.deepEqual(cache.find(keyed([value]), 0), fragment(String(value)));
});
