import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicNs } from '@weir/ebpf/sys';
import { ColumnReader, type EventColumns } from '../src/columns/event-columns.js';
import { offsetsTcpEvent } from '../src/generated/tcp.js';
import type { LostRecord, TraceRecord } from '../src/index.js';
import { JsonReader } from '../src/json/json-reader.js';
import { jsonLine } from '../src/json/record-json.js';
import { WallClock } from '../src/stream/clock.js';
import { EventDecoder } from '../src/stream/decode.js';
import type { EventStream } from '../src/stream/event-stream.js';
import { FollowedClock } from '../src/stream/followed-clock.js';
import { EVENT_STRIDE } from '../src/stream/staging.js';
import { assertColumns } from './support/assert-columns.js';
import { closeEvent, fakeStream, watchRecords } from './support/fake-ring.js';
import { MemoryRing } from './support/memory-ring.js';
import { randomEvent, randomFrom } from './support/random-events.js';

const lostRecord: LostRecord = { event: 'lost', time: '', monotonic_ns: 0, count: 1, where: 'udp' };

/** A clock that stands still, so that records made at two moments can be compared. */
function stillClock(): FollowedClock {
  return new FollowedClock({
    happened: () => false,
    wait: ({ signal }) => once(signal!, 'abort'),
    offsetNs: () => 1_700_000_000_123_456_789n,
    suspendedNs: () => 0n,
    nowNs: () => 0,
    [Symbol.dispose]: () => undefined,
  });
}

type Take = (stream: EventStream) => readonly string[];

/**
 * What waits, read in one of the forms: a line for each record.
 *
 * @returns with a function that compares the last batch of columns with what it was at first, as long as it is not over.
 */
function readers(clock: WallClock): { takes: readonly Take[]; assertBatch: () => void } {
  let last: { readonly batch: EventColumns; readonly records: readonly string[] } | undefined;
  const recordsOf = (batch: EventColumns): string[] =>
    Array.from({ length: batch.length }, (_, row) => jsonLine(batch.record(row)));
  const columns = new ColumnReader(clock);
  const json = new JsonReader(clock);
  const text = new TextDecoder();
  const takes: Take[] = [
    (stream) => stream.take().map(jsonLine),
    (stream) => {
      const batch = json.next(stream);
      return batch === undefined ? [] : text.decode(batch.bytes).split(/(?<=\n)/);
    },
    (stream) => {
      const batch = columns.next(stream);
      last = undefined;
      if (batch === undefined) return [];
      const records = recordsOf(batch);
      last = { batch, records };
      const lines: string[] = [];
      for (let row = 0; row <= batch.length; row++) {
        for (const other of batch.others) if (other.row === row) lines.push(jsonLine(other.record));
        if (row < batch.length) lines.push(records[row]!);
      }
      return lines;
    },
  ];
  const assertBatch = (): void => {
    if (last === undefined) return;
    assert.deepEqual(recordsOf(last.batch), last.records);
    assertColumns(last.batch);
  };
  return { takes, assertBatch };
}

/** Times since the last one, in order but for some; all of them before now. */
function* timesUpToNow(random: () => number): Generator<bigint[], never, number> {
  let last = monotonicNs();
  let count = 0;
  for (;;) {
    count = yield [];
    const now = monotonicNs();
    const span = Number(now - last) - 1;
    const times = Array.from({ length: count }, () => last + 1n + BigInt(Math.floor(random() * span)));
    times.sort((a, b) => Number(a - b));
    for (let index = 1; index < count; index++) {
      if (random() > 0.03) continue;
      const other = Math.max(0, index - 1 - Math.floor(random() * (random() < 0.1 ? 200 : 3)));
      [times[index], times[other]] = [times[other]!, times[index]!];
    }
    count = yield times;
    last = now;
  }
}

function assertLines(found: readonly string[], expected: readonly string[], what: string): void {
  assert.equal(found.length, expected.length, what);
  for (const [index, line] of found.entries()) assert.equal(line, expected[index], `${what}, line ${index}`);
}

describe('events that wait in the ring', () => {
  it('are delivered in every form once, in order and with their bytes, whatever happens meanwhile', async () => {
    for (let run = 1; run <= 12; run++) {
      const random = randomFrom(run * 7919);
      const ring = new MemoryRing(8 * (1500 + Math.floor(random() * 9000)));
      let due = 0;
      const clock = stillClock();
      const { stream } = fakeStream(ring, clock, [
        { records: () => new Array<LostRecord>(due).fill(lostRecord) },
      ]);
      stream.hasReader = true;
      const decoder = new EventDecoder(clock.wall);
      const { takes, assertBatch } = readers(clock.wall);
      const expected: string[] = [];
      const found: string[] = [];
      const seen: string[] = [];
      let pending: { time: bigint; record: TraceRecord }[] = [];
      let unwatch: (() => void) | undefined;
      let watchedFrom = 0;
      const times = timesUpToNow(random);
      times.next(0);
      const drain = async (last = false): Promise<void> => {
        due = random() < 0.2 ? 1 + Math.floor(random() * 2) : 0;
        await stream.drain(last);
        pending.sort((a, b) => Number(a.time - b.time));
        expected.push(...pending.map(({ record }) => jsonLine(record)));
        expected.push(...new Array<string>(due).fill(jsonLine(lostRecord)));
        pending = [];
      };
      for (let step = 0; step < 150; step++) {
        const action = random();
        if (action < 0.35) {
          times.next(0);
          const some = times.next(Math.floor(random() * 120)).value;
          times.next(0);
          for (const time of some) {
            const event = randomEvent(random);
            event.setBigUint64(offsetsTcpEvent.timeNs, time, true);
            event.setUint32(offsetsTcpEvent.cpu, 0, true);
            if (ring.add(event)) pending.push({ time, record: decoder.decode(event, 0) });
          }
        } else if (action < 0.6) {
          await drain();
        } else if (action < 0.9) {
          found.push(...takes[Math.floor(random() * takes.length)]!(stream));
        } else if (action < 0.95) {
          if (unwatch === undefined) {
            watchedFrom = found.length;
            unwatch = stream.watch(watchRecords((record) => seen.push(jsonLine(record))));
          } else {
            assertLines(seen.splice(0), expected.slice(watchedFrom), `watched in run ${run}`);
            unwatch();
            unwatch = undefined;
          }
        } else {
          await stream.wait(new AbortController().signal);
        }
        if (random() < 0.3) assertBatch();
      }
      await drain(true);
      while (!stream.isEmpty) found.push(...takes[run % takes.length]!(stream));
      assertBatch();
      assert.deepEqual(takes[run % takes.length]!(stream), []);
      assertLines(found, expected, `run ${run}`);
      assert.equal(stream.inversions, 0);
      assert.equal(ring.occupied, 0);
      assert.ok(expected.length > 1000, `${expected.length} records`);
      stream[Symbol.dispose]();
    }
  });
});

describe('events far out of order', () => {
  it('are delivered in order and with their bytes, though others of the ring are given back before them', async () => {
    const ring = new MemoryRing(EVENT_STRIDE * 1000 + 8);
    const { stream } = fakeStream(ring);
    stream.hasReader = true;
    const times = Array.from({ length: 300 }, (_, index) => 1000 + index);
    times.push(1010, 1050, 1060, 1060, 1320, 1310, 1330, 1020, 1340);
    for (const time of times) ring.add(closeEvent(BigInt(time)));
    await stream.drain();
    const found = stream.take();
    times.sort((a, b) => a - b);
    assert.deepEqual(
      found.map((record) => [record.event, record.monotonic_ns]),
      times.map((time) => ['close', time]),
    );
    stream[Symbol.dispose]();
  });
});

describe('the room of a ring in which events wait', () => {
  const filled = (events: number): { ring: MemoryRing; stream: EventStream } => {
    const ring = new MemoryRing(EVENT_STRIDE * 1000);
    const { stream } = fakeStream(ring);
    stream.hasReader = true;
    for (let count = 0; count < events; count++) ring.add(closeEvent(BigInt(1000 + count)));
    return { ring, stream };
  };
  const restOf = (stream: EventStream): number[] => {
    const times: number[] = [];
    while (!stream.isEmpty) times.push(...stream.take().map((record) => record.monotonic_ns));
    return times;
  };

  it('is kept while the reader takes them, and given back with each batch', async () => {
    const { ring, stream } = filled(1000);
    await stream.drain();
    assert.equal(ring.occupied, ring.size);
    new JsonReader(new WallClock(0n)).next(stream);
    assert.equal(ring.occupied, ring.size - 512 * EVENT_STRIDE);
    stream[Symbol.dispose]();
  });

  it('is free again soon, whatever the reader does meanwhile', async () => {
    const { ring, stream } = filled(1000);
    await stream.drain();
    const json = new JsonReader(new WallClock(0n));
    json.next(stream);
    const deadline = performance.now() + 60_000;
    while (ring.occupied > 0 && performance.now() < deadline) await sleep(1);
    assert.equal(ring.occupied, 0);
    const rest = restOf(stream);
    assert.deepEqual(
      rest,
      Array.from({ length: 488 }, (_, index) => 1512 + index),
    );
    stream[Symbol.dispose]();
  });

  it('is given back before the next batch if new events need it', async () => {
    const { ring, stream } = filled(900);
    await stream.drain();
    for (let count = 0; count < 50; count++) ring.add(closeEvent(BigInt(2000 + count)));
    assert.equal(stream.take().length, 900);
    assert.equal(ring.occupied, 50 * EVENT_STRIDE);
    const { ring: other, stream: second } = filled(900);
    await second.drain();
    for (let count = 0; count < 50; count++) other.add(closeEvent(BigInt(2000 + count)));
    new JsonReader(new WallClock(0n)).next(second);
    assert.equal(other.occupied, 50 * EVENT_STRIDE);
    stream[Symbol.dispose]();
    second[Symbol.dispose]();
  });

  it('is given back before anybody waits for new events', async () => {
    const { ring, stream } = filled(10);
    ring.add(closeEvent(monotonicNs() + 3_600_000_000_000n));
    await stream.drain();
    assert.equal(restOf(stream).length, 10);
    await stream.wait(new AbortController().signal);
    assert.equal(ring.occupied, 0);
    stream[Symbol.dispose]();
  });

  it('is lent to a batch of columns until the next is asked for, or the room is needed, or the tracer ends', async () => {
    const events = (from: number, count: number): DataView[] =>
      Array.from({ length: count }, (_, index) => closeEvent(BigInt(from + index)));
    const timesOf = ({ length }: EventColumns, from: number): number[] =>
      Array.from({ length }, (_, row) => from + row);
    const { ring, stream } = filled(300);
    const reader = new ColumnReader(new WallClock(0n));
    await stream.drain();
    const first = reader.next(stream)!;
    assert.equal(ring.occupied, 300 * EVENT_STRIDE);
    stream.watch(watchRecords())();
    assert.equal(ring.occupied, 0);
    for (const event of events(5000, 500)) ring.add(event);
    assert.deepEqual([...first.column('monotonic_ns')], timesOf(first, 1000));
    await stream.drain();
    const second = reader.next(stream)!;
    assert.equal(ring.occupied, 500 * EVENT_STRIDE);
    stream[Symbol.dispose]();
    ring.release();
    assert.deepEqual([...second.column('monotonic_ns')], timesOf(second, 5000));
  });

  it('is not used for waiting while live connections read along', async () => {
    const { ring, stream } = filled(500);
    await stream.drain();
    assert.equal(ring.occupied, 500 * EVENT_STRIDE);
    stream.watch(watchRecords());
    assert.equal(ring.occupied, 0);
    for (let count = 0; count < 500; count++) ring.add(closeEvent(BigInt(2000 + count)));
    await stream.drain();
    assert.equal(ring.occupied, 0);
    assert.equal(restOf(stream).length, 1000);
    stream[Symbol.dispose]();
  });
});
