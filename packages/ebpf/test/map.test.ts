import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from '../src/errors.js';
import { indexKey } from '../src/map/array.js';
import { cidrKey } from '../src/map/lpm.js';
import { percpuStride } from '../src/map/percpu.js';
import { walkKeys } from '../src/map/walk.js';
import { randomSource } from './support/random.js';

test('keys of networks have the bits behind the prefix cleared', () => {
  const hex = (cidr: string, size?: number) => Buffer.from(cidrKey(cidr, size)).toString('hex');
  assert.equal(hex('10.1.255.3/20'), '140000000a01f000');
  assert.equal(hex('10.1.2.3'), '200000000a010203');
  assert.equal(hex('255.255.255.255/0'), '0000000000000000');
  assert.equal(hex('255.255.255.255/1'), '0100000080000000');
  assert.equal(hex('fd00::ffff/8'), `08000000fd${'0'.repeat(30)}`);
  assert.equal(hex('10.0.0.0/8', 16), `080000000a${'0'.repeat(30)}`);
  for (const wrong of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', 'x/8', '::/129']) {
    assert.throws(() => cidrKey(wrong), OptionError);
  }
  assert.throws(() => cidrKey('::/0', 4), OptionError);
});

test('per-CPU values lie at strides of 8', () => {
  assert.deepEqual([1, 4, 8, 9, 16, 20].map(percpuStride), [8, 8, 8, 16, 16, 24]);
});

/** A hash that answers as the kernel's does: with its first key if asked for the one after a key that is gone. */
class FakeHash {
  keys: number[];
  constructor(keys: number[]) {
    this.keys = keys;
  }
  readonly next = (key: Uint8Array | undefined): Uint8Array | undefined => {
    const place = key === undefined ? -1 : this.keys.indexOf(new DataView(key.buffer).getUint32(0, true));
    const following = this.keys[place + 1];
    return following === undefined ? undefined : indexKey(following);
  };
}

function toNumber(key: Uint8Array): number {
  return new DataView(key.buffer).getUint32(0, true);
}

test('a walk yields every lasting key once, whatever is deleted or added meanwhile', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomSource(seed);
    const lasting = Array.from({ length: 30 }, (_, index) => 2 * index);
    const fleeting = Array.from({ length: 30 }, (_, index) => 2 * index + 1);
    const order = [...lasting, ...fleeting].sort(() => random() - 0.5);
    const hash = new FakeHash(order);
    const found: number[] = [];
    for (const key of walkKeys(hash.next, 60, 'fake')) {
      found.push(toNumber(key));
      if (random() < 0.3) {
        const victim = fleeting[Math.floor(random() * fleeting.length)]!;
        hash.keys = hash.keys.filter((other) => other !== victim);
      }
      if (random() < 0.1) hash.keys.splice(Math.floor(random() * hash.keys.length), 0, 1000 + found.length);
    }
    assert.equal(new Set(found).size, found.length, `seed ${seed}: a key came twice`);
    for (const key of lasting) assert.ok(found.includes(key), `seed ${seed}: key ${key} did not come`);
  }
});

test('deleting each key as it comes empties a hash', () => {
  const hash = new FakeHash([5, 3, 8, 1]);
  for (const key of walkKeys(hash.next, 4, 'fake')) {
    hash.keys = hash.keys.filter((other) => other !== toNumber(key));
  }
  assert.deepEqual(hash.keys, []);
});

test('a walk over a map that never holds still ends with an error', () => {
  let calls = 0;
  // As if the key in hand were deleted each time.
  const next = () => {
    calls++;
    return indexKey(calls % 2);
  };
  assert.throws(() => [...walkKeys(next, 10, 'restless')], /restless.*faster/);
  assert.ok(calls < 2000);
});
