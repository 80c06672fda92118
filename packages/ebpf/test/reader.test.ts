import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimeOrderer } from '../src/reader/ordering.js';
import { PerfRingWalker } from '../src/reader/perf-ring.js';
import { RingWalker } from '../src/reader/ring.js';
import { randomSource } from './support/random.js';

const busyBit = 0x8000_0000;
const discardBit = 0x4000_0000;
const everything = Number.POSITIVE_INFINITY;

/** The memory of a BPF ring buffer, written to as the kernel does. */
class FakeRing {
  readonly consumer = new ArrayBuffer(4096);
  readonly producer = new ArrayBuffer(4096);
  readonly data: DataView;
  readonly size: number;

  constructor(size: number, start = 0n) {
    this.size = size;
    this.data = new DataView(new ArrayBuffer(2 * size));
    new BigUint64Array(this.consumer)[0] = start;
    new BigUint64Array(this.producer)[0] = start;
  }

  get produced(): bigint {
    return new BigUint64Array(this.producer)[0]!;
  }

  get consumed(): bigint {
    return new BigUint64Array(this.consumer)[0]!;
  }

  /** Writes a byte into both halves, as the double mapping shows it. */
  #setByte(position: bigint, value: number): void {
    const offset = Number(position % BigInt(this.size));
    this.data.setUint8(offset, value);
    this.data.setUint8(offset + this.size, value);
  }

  #setHeader(position: bigint, value: number): void {
    for (let byte = 0; byte < 4; byte++)
      this.#setByte(position + BigInt(byte), (value >>> (8 * byte)) & 0xff);
  }

  /** Reserves a record; returns its position, or undefined if it does not fit. */
  reserve(payload: Uint8Array): bigint | undefined {
    const position = this.produced;
    const total = BigInt((payload.length + 8 + 7) & ~7);
    if (position + total - this.consumed > BigInt(this.size)) return undefined;
    this.#setHeader(position, (payload.length | busyBit) >>> 0);
    for (const [index, byte] of payload.entries()) this.#setByte(position + 8n + BigInt(index), byte);
    new BigUint64Array(this.producer)[0] = position + total;
    return position;
  }

  submit(position: bigint, length: number): void {
    this.#setHeader(position, length);
  }

  discard(position: bigint, length: number): void {
    this.#setHeader(position, length | discardBit);
  }
}

function collect(into: Buffer[]): (view: DataView, offset: number, length: number) => void {
  return (view, offset, length) =>
    into.push(Buffer.from(new Uint8Array(view.buffer, view.byteOffset + offset, length)));
}

test('ring buffer: a walk ends at a busy record and passes over discarded ones', () => {
  const ring = new FakeRing(256);
  const walker = new RingWalker(ring);
  const [a, b, c, d] = [1, 2, 3, 4].map((byte) => ring.reserve(Uint8Array.of(byte)))!;
  const found: Buffer[] = [];
  assert.equal(walker.ready(), false);
  ring.submit(b!, 1);
  assert.equal(walker.drain(collect(found), 10, everything), 0);
  assert.equal(ring.consumed, 0n);
  ring.discard(a!, 1);
  ring.submit(d!, 1);
  assert.equal(walker.ready(), true);
  assert.equal(walker.drain(collect(found), 10, everything), 1);
  assert.equal(ring.consumed, 32n);
  ring.submit(c!, 1);
  assert.equal(walker.drain(collect(found), 10, everything), 2);
  assert.deepEqual(
    found.map((bytes) => bytes[0]),
    [2, 3, 4],
  );
  assert.deepEqual(walker.statistics, { records: 3, bytes: 3, discarded: 1 });
  assert.equal(walker.ready(), false);
});

test('ring buffer: a walk is bounded by its limit and by a position', () => {
  const ring = new FakeRing(1024);
  const walker = new RingWalker(ring);
  const add = (byte: number) => ring.submit(ring.reserve(Uint8Array.of(byte))!, 1);
  for (let byte = 0; byte < 10; byte++) add(byte);
  const found: Buffer[] = [];
  assert.equal(walker.drain(collect(found), 3, everything), 3);
  const end = walker.producerPosition();
  for (let byte = 10; byte < 20; byte++) add(byte);
  assert.equal(walker.drain(collect(found), 100, end), 7);
  assert.equal(walker.position, end);
  assert.equal(walker.drain(collect(found), 0, everything), 0);
  assert.equal(walker.drain(collect(found), 100, everything), 10);
  assert.deepEqual(
    found.map((bytes) => bytes[0]),
    [...Array(20).keys()],
  );
});

test('ring buffer: a record whose consumer throws counts as consumed', () => {
  const ring = new FakeRing(256);
  const walker = new RingWalker(ring);
  for (const byte of [1, 2]) ring.submit(ring.reserve(Uint8Array.of(byte))!, 1);
  const fail = () => {
    throw new Error('consumer');
  };
  assert.throws(() => walker.drain(fail, 10, everything), /consumer/);
  assert.equal(walker.statistics.records, 1);
  assert.equal(ring.consumed, 16n);
  const found: Buffer[] = [];
  walker.drain(collect(found), 10, everything);
  assert.deepEqual(
    found.map((bytes) => bytes[0]),
    [2],
  );
});

test('ring buffer: a consumer that stops the walk gets no further record', () => {
  const ring = new FakeRing(256);
  const walker = new RingWalker(ring);
  for (const byte of [1, 2]) ring.submit(ring.reserve(Uint8Array.of(byte))!, 1);
  assert.equal(
    walker.drain(() => walker.stop(), 10, everything),
    1,
  );
});

test('ring buffer: random traffic comes out as it went in, over every wrap and beyond 2^32', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomSource(seed);
    const start = [0n, 2n ** 31n - 64n, 2n ** 32n - 64n, 2n ** 45n - 8n][seed % 4]!;
    const ring = new FakeRing(512, start);
    const walker = new RingWalker(ring);
    const expected: Buffer[] = [];
    const found: Buffer[] = [];
    const pending: { position: bigint; bytes: Buffer }[] = [];
    for (let step = 0; step < 2000; step++) {
      if (random() < 0.5) {
        const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 90) }, () => random() * 256));
        const position = ring.reserve(bytes);
        if (position !== undefined) pending.push({ position, bytes });
      }
      // Reserved in order, finished in order or as one burst.
      while (pending.length > 0 && random() < 0.6) {
        const { position, bytes } = pending.shift()!;
        if (random() < 0.2) {
          ring.discard(position, bytes.length);
        } else {
          ring.submit(position, bytes.length);
          expected.push(bytes);
        }
      }
      if (random() < 0.3) walker.drain(collect(found), 1 + Math.floor(random() * 8), everything);
    }
    walker.drain(collect(found), 1000, everything);
    assert.deepEqual(found, expected, `seed ${seed}`);
    assert.equal(
      walker.statistics.bytes,
      expected.reduce((sum, bytes) => sum + bytes.length, 0),
    );
    assert.ok(expected.length > 100);
  }
});

test('ring buffer: random runs of records stay as they are until their space is given back', () => {
  for (let run = 1; run <= 60; run++) {
    const random = randomSource(run);
    const start = [0n, 2n ** 31n - 64n, 2n ** 32n - 64n, 2n ** 45n - 8n][run % 4]!;
    const ring = new FakeRing(512, start);
    const walker = new RingWalker(ring);
    const expected: Buffer[] = [];
    const found: Buffer[] = [];
    const pending: { position: bigint; bytes: Buffer }[] = [];
    const held: { bytes: Buffer; offset: number }[] = [];
    const onRun = (view: DataView, first: number, count: number, stride: number): void => {
      const { length } = expected[found.length]!;
      for (let index = 0; index < count; index++) {
        const offset = first + index * stride;
        const bytes = Buffer.from(new Uint8Array(view.buffer, view.byteOffset + offset, length));
        found.push(bytes);
        held.push({ bytes, offset });
      }
    };
    for (let step = 0; step < 2000; step++) {
      if (random() < 0.5) {
        const length = random() < 0.8 ? 24 : Math.floor(random() * 90);
        const bytes = Buffer.from(Array.from({ length }, () => random() * 256));
        const position = ring.reserve(bytes);
        if (position !== undefined) pending.push({ position, bytes });
      }
      while (pending.length > 0 && random() < 0.6) {
        const { position, bytes } = pending.shift()!;
        if (random() < 0.1) {
          ring.discard(position, bytes.length);
        } else {
          ring.submit(position, bytes.length);
          expected.push(bytes);
        }
      }
      if (random() < 0.3) {
        const limit = 1 + Math.floor(random() * 8);
        assert.ok(walker.peek(onRun, limit, everything) <= limit);
      }
      for (const { bytes, offset } of held)
        assert.deepEqual(Buffer.from(new Uint8Array(ring.data.buffer, offset, bytes.length)), bytes);
      if (random() < 0.1 && held.length > 0) {
        const { bytes, offset } = held.splice(0, 1 + Math.floor(random() * held.length)).at(-1)!;
        walker.release((offset + bytes.length + 7) & ~7);
      } else if (random() < 0.05) {
        held.length = 0;
        walker.release();
        assert.equal(walker.occupied, walker.producerPosition() - walker.position);
      }
    }
    walker.peek(onRun, 1000, everything);
    assert.deepEqual(found, expected, `run ${run}`);
    walker.release();
    assert.equal(ring.consumed, BigInt(walker.position));
    assert.ok(expected.length > 100);
  }
});

test('ring buffer: runs are bounded by the limit, by a position, and by records of another length', () => {
  const ring = new FakeRing(1024);
  const walker = new RingWalker(ring);
  const add = (length: number) => ring.submit(ring.reserve(new Uint8Array(length))!, length);
  for (const length of [8, 8, 8, 16, 8]) add(length);
  const runs: number[][] = [];
  const onRun = (_view: DataView, ...run: number[]) => void runs.push(run);
  assert.equal(walker.peek(onRun, 2, everything), 2);
  const end = walker.producerPosition();
  add(8);
  assert.equal(walker.peek(onRun, 100, end), 3);
  assert.equal(walker.position, end);
  assert.deepEqual(runs, [
    [8, 2, 16],
    [40, 1, 16],
    [56, 1, 24],
    [80, 1, 16],
  ]);
  assert.equal(ring.consumed, 0n);
  assert.equal(walker.occupied, end + 16);
  walker.release(64 + 8);
  assert.equal(ring.consumed, 72n);
  assert.equal(walker.ready(), true);
});

test('ring buffer: runs that are drained make room, and of one whose consumer throws the first record is consumed', () => {
  const ring = new FakeRing(1024);
  const walker = new RingWalker(ring);
  const add = (byte: number, length = 8) =>
    ring.submit(ring.reserve(new Uint8Array(length).fill(byte))!, length);
  for (const byte of [1, 2, 3, 4]) add(byte);
  ring.discard(ring.reserve(new Uint8Array(8))!, 8);
  add(5, 24);
  const found: number[] = [];
  const onRun = (view: DataView, offset: number, count: number, stride: number) => {
    for (let i = 0; i < count; i++) {
      const byte = view.getUint8(offset + i * stride);
      if (byte === 2 && !found.includes(0)) {
        found.push(0);
        throw new Error('consumer');
      }
      found.push(byte);
    }
  };
  assert.equal(walker.drainRuns(onRun, 1), 1);
  assert.equal(ring.consumed, 16n);
  assert.throws(() => walker.drainRuns(onRun, 10), /consumer/);
  assert.equal(ring.consumed, 32n);
  assert.deepEqual(walker.statistics, { records: 2, bytes: 16, discarded: 0 });
  assert.equal(walker.drainRuns(onRun, 10), 3);
  assert.deepEqual(found, [1, 0, 3, 4, 5]);
  assert.equal(ring.consumed, ring.produced);
  assert.deepEqual(walker.statistics, { records: 5, bytes: 56, discarded: 1 });
  assert.equal(walker.drainRuns(onRun, 10), 0);
});

test('ring buffer: drained runs come out as they went in, over every wrap', () => {
  const random = randomSource(7);
  const ring = new FakeRing(512);
  const walker = new RingWalker(ring);
  const sent: number[] = [];
  const came: number[] = [];
  for (let step = 0; step < 3000; step++) {
    const length = random() < 0.8 ? 8 : 20;
    const place = ring.reserve(new Uint8Array(length).fill(step & 0xff));
    if (place === undefined || random() < 0.05) {
      walker.drainRuns(
        (view, offset, count, stride) => {
          for (let i = 0; i < count; i++) came.push(view.getUint8(offset + i * stride));
        },
        1 + Math.floor(random() * 40),
      );
    }
    if (place === undefined) continue;
    ring.submit(place, length);
    sent.push(step & 0xff);
  }
  walker.drainRuns((view, offset, count, stride) => {
    for (let i = 0; i < count; i++) came.push(view.getUint8(offset + i * stride));
  }, everything);
  assert.deepEqual(came, sent);
});

/** The memory of a perf ring, written to as the kernel does. */
class FakePerfRing {
  static readonly page = 4096;
  readonly memory: ArrayBuffer;
  readonly size: number;

  constructor(size: number, start = 0n) {
    this.size = size;
    this.memory = new ArrayBuffer(FakePerfRing.page + size);
    new BigUint64Array(this.memory, 1024, 2).fill(start);
  }

  #write(bytes: Uint8Array): boolean {
    const positions = new BigUint64Array(this.memory, 1024, 2);
    const head = positions[0]!;
    if (head + BigInt(bytes.length) - positions[1]! > BigInt(this.size)) return false;
    const data = new Uint8Array(this.memory, FakePerfRing.page);
    for (const [index, byte] of bytes.entries())
      data[Number((head + BigInt(index)) % BigInt(this.size))] = byte;
    positions[0] = head + BigInt(bytes.length);
    return true;
  }

  /** A PERF_RECORD_SAMPLE with PERF_SAMPLE_RAW; false if the ring is full. */
  sample(payload: Uint8Array): boolean {
    const total = (8 + 4 + payload.length + 7) & ~7;
    const record = Buffer.alloc(total);
    record.writeUInt32LE(9, 0);
    record.writeUInt16LE(total, 6);
    record.writeUInt32LE(total - 12, 8);
    record.set(payload, 12);
    return this.#write(record);
  }

  lost(count: number): boolean {
    const record = Buffer.alloc(24);
    record.writeUInt32LE(2, 0);
    record.writeUInt16LE(24, 6);
    record.writeBigUInt64LE(BigInt(count), 16);
    return this.#write(record);
  }
}

test('perf ring: samples come out as they went in, over every wrap, and lost ones are counted', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomSource(seed);
    const ring = new FakePerfRing(512, [0n, 2n ** 32n - 512n, 2n ** 45n][seed % 3]!);
    const walker = new PerfRingWalker(ring.memory, FakePerfRing.page, 3);
    const expected: Buffer[] = [];
    const found: Buffer[] = [];
    let lost = 0;
    let unreported = 0;
    const onSample = (view: DataView, offset: number, length: number, cpu: number) => {
      assert.equal(cpu, 3);
      collect(found)(view, offset, length);
    };
    for (let step = 0; step < 2000; step++) {
      if (random() < 0.6) {
        const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 90) }, () => random() * 256));
        if (unreported > 0 && ring.lost(unreported)) unreported = 0;
        if (unreported === 0 && ring.sample(bytes)) {
          expected.push(bytes);
        } else {
          unreported++;
          lost++;
        }
      }
      if (random() < 0.3) walker.drain(onSample, 1 + Math.floor(random() * 8), everything);
    }
    walker.drain(onSample, 1000, everything);
    // Up to seven bytes of padding follow.
    assert.equal(found.length, expected.length, `seed ${seed}`);
    for (const [index, bytes] of expected.entries()) {
      const sample = found[index]!;
      assert.ok(sample.length - bytes.length < 8);
      assert.deepEqual(sample.subarray(0, bytes.length), bytes, `seed ${seed}, sample ${index}`);
    }
    assert.equal(walker.lost + unreported, lost);
    assert.equal(walker.samples, expected.length);
  }
});

test('perf ring: cleared memory is not taken for records', () => {
  const ring = new FakePerfRing(512);
  const walker = new PerfRingWalker(ring.memory, FakePerfRing.page, 0);
  new BigUint64Array(ring.memory, 1024, 1)[0] = 512n;
  assert.equal(
    walker.drain(() => assert.fail('no record'), 10, everything),
    0,
  );
});

test('ordering: sources in order of their own come out in order, each watermark complete', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = randomSource(seed);
    const orderer = new TimeOrderer<{ cpu: number; number: number }>();
    const times = [0n, 0n, 0n, 0n];
    const numbers = [0, 0, 0, 0];
    const out: { time: bigint; cpu: number; number: number }[] = [];
    let pushed = 0;
    for (let round = 0; round < 50; round++) {
      // Every source is read up to the watermark, and some further.
      const watermark = BigInt((round + 1) * 100);
      for (const cpu of [3, 1, 0, 2]) {
        const end = watermark + BigInt(Math.floor(random() * 50));
        for (;;) {
          const next = times[cpu]! + BigInt(Math.floor(random() * 40));
          if (next > end) {
            if (times[cpu]! <= watermark) times[cpu] = watermark + 1n;
            break;
          }
          times[cpu] = next;
          orderer.push(next, { cpu, number: numbers[cpu]!++ });
          pushed++;
        }
      }
      orderer.release(watermark, (record, time) => out.push({ time, ...record }));
      assert.ok(out.every(({ time }) => time <= watermark));
    }
    orderer.flush((record, time) => out.push({ time, ...record }));
    assert.equal(orderer.inversions, 0, `seed ${seed}`);
    assert.equal(orderer.size, 0);
    assert.equal(out.length, pushed);
    for (let index = 1; index < out.length; index++) assert.ok(out[index - 1]!.time <= out[index]!.time);
    for (const cpu of [0, 1, 2, 3]) {
      const own = out.filter((record) => record.cpu === cpu).map((record) => record.number);
      assert.deepEqual(own, [...Array(own.length).keys()], 'a source keeps its order');
    }
  }
});

test('ordering: late records are counted, released and do not disturb the rest', () => {
  const orderer = new TimeOrderer<string, number>();
  const out: string[] = [];
  orderer.push(5, 'e');
  orderer.push(3, 'c');
  orderer.push(9, 'i');
  assert.equal(
    orderer.release(6, (record) => out.push(record)),
    2,
  );
  orderer.push(5, 'e2');
  assert.equal(orderer.inversions, 0, 'the same time is not late');
  orderer.push(4, 'd');
  orderer.push(7, 'g');
  assert.equal(orderer.inversions, 1);
  assert.equal(
    orderer.flush((record) => out.push(record)),
    4,
  );
  assert.deepEqual(out, ['c', 'e', 'd', 'e2', 'g', 'i']);
});

test('ordering: any sequence is sorted, equal times in the order of their coming', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = randomSource(seed);
    const orderer = new TimeOrderer<number, number>();
    const times = Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 50));
    for (const [index, time] of times.entries()) orderer.push(time, index);
    const out: number[] = [];
    orderer.flush((record) => out.push(record));
    const expected = [...times.keys()].sort((a, b) => times[a]! - times[b]! || a - b);
    assert.deepEqual(out, expected);
  }
});
