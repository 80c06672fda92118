import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from '../src/errors.js';
import { RingReserver } from '../src/writer/user-ring.js';

const size = 64;
const busy = 0x8000_0000;
const discarded = 0x4000_0000;

/** A ring's memory, and what the kernel would do with it. */
function fakeRing() {
  const memory = {
    consumer: new ArrayBuffer(4096),
    producer: new ArrayBuffer(4096),
    data: new DataView(new ArrayBuffer(2 * size)),
    size,
  };
  const consumed = new BigUint64Array(memory.consumer, 0, 1);
  return {
    ring: new RingReserver(memory),
    produced: () => Number(new BigUint64Array(memory.producer, 0, 1)[0]),
    header: (offset: number) => memory.data.getUint32(offset, true),
    consume: (bytes: number) => {
      consumed[0] = consumed[0]! + BigInt(bytes);
    },
  };
}

test('user ring: a record is busy until it is submitted, and then has its length', () => {
  const { ring, produced, header } = fakeRing();
  const first = ring.reserve(5)!;
  const second = ring.reserve(8)!;
  assert.deepEqual([first.bytes.length, second.bytes.length, produced()], [5, 8, 32]);
  assert.deepEqual([header(0), header(16)], [busy + 5, busy + 8]);
  second.submit();
  assert.deepEqual([header(0), header(16)], [busy + 5, 8]);
  first.discard();
  assert.equal(header(0), discarded + 5);
  first.discard();
  assert.throws(() => first.submit(), OptionError);
  assert.throws(() => second.submit(), /already submitted/);
  second.discard();
  assert.equal(header(16), 8);
});

test('user ring: what is not submitted at the end of its scope is discarded', () => {
  const { ring, header } = fakeRing();
  assert.throws(() => {
    using reservation = ring.reserve(4)!;
    reservation.bytes.fill(1);
    throw new Error('while it was filled');
  }, /while it was filled/);
  assert.equal(header(0), discarded + 4);
});

test('user ring: a full one refuses until the kernel has consumed, and records run past its end whole', () => {
  const { ring, produced, header, consume } = fakeRing();
  for (const length of [20, 20]) ring.reserve(length)!.submit();
  assert.equal(ring.pending(), 64);
  assert.equal(ring.fits(0), false);
  assert.equal(ring.reserve(0), undefined);
  consume(32);
  assert.equal(ring.reserve(25), undefined);
  assert.equal(ring.fits(8), true);
  ring.reserve(8)!.submit();
  assert.deepEqual([produced(), header(0)], [80, 8]);
  consume(32);
  consume(16);
  assert.equal(ring.pending(), 0);
  const wrapped = ring.reserve(56)!;
  assert.deepEqual([wrapped.bytes.byteOffset, wrapped.bytes.length], [24, 56]);
  wrapped.submit();
  assert.equal(ring.fits(0), false);
});

test('user ring: a record that never fits is refused by name', () => {
  const { ring } = fakeRing();
  for (const length of [57, -1, 1.5, Number.NaN, 2 ** 31])
    assert.throws(() => ring.reserve(length), { name: 'OptionError', message: /the ring holds 56 at most/ });
});
