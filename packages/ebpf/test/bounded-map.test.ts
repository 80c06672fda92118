import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BoundedMap } from '../src/bounded-map.js';
import { randomSource } from './support/random.js';

describe('BoundedMap', () => {
  it('evicts the key that was set longest ago when a new one finds it full', () => {
    const map = new BoundedMap<string, number>(2);
    map.set('a', 1).set('b', 2).set('c', 3);
    assert.deepEqual(
      [...map],
      [
        ['b', 2],
        ['c', 3],
      ],
    );
  });

  it('takes a key that is set again as the newest, and one that is read as it was', () => {
    const map = new BoundedMap<string, number>(2);
    map.set('a', 1).set('b', 2).set('a', 3);
    assert.equal(map.size, 2);
    assert.equal(map.get('b'), 2);
    map.set('c', 4);
    assert.deepEqual([...map.keys()], ['a', 'c']);
  });

  it('reports each evicted entry after its removal, and none that was deleted or replaced', () => {
    const evicted: [string, number, boolean][] = [];
    const map = new BoundedMap<string, number>(1, (key, value) => evicted.push([key, value, map.has(key)]));
    map.set('a', 1).set('a', 2).set('b', 3);
    map.delete('b');
    map.set('c', 4);
    assert.deepEqual(evicted, [['a', 2, false]]);
  });

  it('keeps exactly the keys that were set last, whatever is set again, deleted or cleared between', () => {
    for (const limit of [1, 2, 50]) {
      const map = new BoundedMap<number, number>(limit);
      let order: number[] = [];
      const random = randomSource(limit);
      for (let round = 0; round < 20_000; round++) {
        const key = Math.floor(random() * limit * 2.5);
        order = order.filter((other) => other !== key);
        if (random() < 0.05) map.delete(key);
        else {
          map.set(key, round);
          order = [...order, key].slice(-limit);
        }
        if (random() < 0.001) {
          map.clear();
          order = [];
        }
        assert.deepEqual([...map.keys()], order);
      }
    }
  });
});
