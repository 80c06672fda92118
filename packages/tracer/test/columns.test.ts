import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ColumnReader, type ColumnsOptions, type EventColumns } from '../src/columns/event-columns.js';
import { offsetsTcpEvent } from '../src/generated/tcp.js';
import { columnNames, type LostRecord } from '../src/index.js';
import { WallClock } from '../src/stream/clock.js';
import { assertColumns } from './support/assert-columns.js';
import { closeEvent, FakeRing, fakeStream } from './support/fake-ring.js';
import { randomEvent, randomFrom } from './support/random-events.js';

const clock = new WallClock(1_700_000_000_123_456_789n);

/** @param onBatch Gets each batch while it is valid. */
async function columnsOf(
  events: readonly DataView[],
  wall = clock,
  onBatch: (batch: EventColumns) => void = () => undefined,
  options?: ColumnsOptions,
): Promise<EventColumns[]> {
  const ring = new FakeRing();
  const { stream } = fakeStream(ring, undefined);
  stream.hasReader = true;
  for (const event of events) ring.add(event);
  await stream.drain();
  const reader = new ColumnReader(wall, options);
  const batches: EventColumns[] = [];
  for (let batch = reader.next(stream); batch !== undefined; batch = reader.next(stream)) {
    for (const name of columnNames) batch.column(name);
    assertColumns(batch);
    onBatch(batch);
    batches.push(batch);
  }
  return batches;
}

describe('columns of events', () => {
  it('have the values of the records, and NaN or no word where a record has none', async () => {
    const random = randomFrom(815);
    const events = Array.from({ length: 5000 }, (_, index) => {
      const event = randomEvent(random);
      event.setBigUint64(offsetsTcpEvent.timeNs, BigInt(index) * 1_234_567n, true);
      return event;
    });
    const batches = await columnsOf(events);
    assert.deepEqual(
      batches.map(({ length }) => length),
      [2048, 2048, 904],
    );
  });

  it('have the same values where batches share their memory, until the next one', async () => {
    const random = randomFrom(817);
    const events = Array.from({ length: 5000 }, () => randomEvent(random));
    const kept: object[] = [];
    const batches = await columnsOf(events, clock, () => undefined);
    const shared = await columnsOf(
      events,
      clock,
      (batch) => {
        // assertColumns() has compared the values with the records.
        kept.push(...columnNames.map((name) => batch.column(name).buffer));
      },
      { reuse: true },
    );
    assert.equal(new Set(kept).size, columnNames.length);
    const lengths = (all: readonly EventColumns[]) => all.map(({ length }) => length);
    assert.deepEqual(lengths(shared), lengths(batches));
  });

  it('are there for every field of a record', async () => {
    const random = randomFrom(816);
    const events = Array.from({ length: 2000 }, () => randomEvent(random));
    const fields = new Set<string>();
    await columnsOf(events, clock, (batch) => {
      for (let row = 0; row < batch.length; row++)
        for (const field of Object.keys(batch.record(row))) fields.add(field);
    });
    for (const field of ['time', 'process', 'network', 'local', 'peer', 'flow_id'])
      assert.ok(fields.delete(field), field);
    assert.deepEqual(
      [...fields].filter((field) => !(columnNames as readonly string[]).includes(field)),
      [],
    );
  });

  it('have other records at their places between the rows', async () => {
    const ring = new FakeRing();
    const lost: LostRecord = { event: 'lost', time: '', monotonic_ns: 0, count: 7, where: 'udp' };
    let due = 0;
    const { stream } = fakeStream(ring, undefined, [
      { records: () => new Array<LostRecord>(due).fill(lost) },
    ]);
    stream.hasReader = true;
    for (const [events, others] of [
      [0, 1],
      [5, 2],
      [3, 0],
    ] as const) {
      ring.addCloses(events);
      due = others;
      await stream.drain();
    }
    const batch = new ColumnReader(clock).next(stream)!;
    assert.equal(batch.length, 8);
    assert.deepEqual(
      batch.others.map(({ row }) => row),
      [0, 5, 5],
    );
    assert.equal(batch.others[0]!.record, lost);
  });

  it('have the wall-clock times of their records, also where the clock was set between them', async () => {
    const second = 1_000_000_000;
    const steady = Array.from({ length: 50 }, (_, index) => closeEvent(BigInt(index) * 777_777_777_777n));
    for (const offset of [0n, -5n * 10n ** 18n, 2n ** 62n, 1_700_000_000_999_999_999n]) {
      const wall = new WallClock(offset);
      await columnsOf(steady, wall);
      wall.setOffset(offset + 12_345_678_901n, 7000 * second);
      wall.setOffset(offset - 98_765_432_101n, 20_000 * second);
      await columnsOf(steady, wall);
    }
  });

  it('have the wall-clock times of their records, also where an event comes too late', async () => {
    const ring = new FakeRing();
    const { stream } = fakeStream(ring, undefined);
    stream.hasReader = true;
    for (const time of [5_000_000_000n, 6_000_000_000n]) ring.add(closeEvent(time));
    await stream.drain();
    ring.add(closeEvent(3_000_000_000n));
    await stream.drain();
    const wall = new WallClock(1_700_000_000_123_456_789n);
    wall.setOffset(1_800_000_000_000_000_000n, 4_000_000_000);
    const batch = new ColumnReader(wall).next(stream)!;
    assert.equal(stream.inversions, 1);
    assert.deepEqual([...batch.column('monotonic_ns')], [5e9, 6e9, 3e9]);
    assertColumns(batch);
  });

  it('stay valid after their batch, which itself is over', async () => {
    const times = Array.from({ length: 2049 }, (_, index) => BigInt(1000 + index));
    const [first, second] = await columnsOf(times.map((time) => closeEvent(time)));
    assert.deepEqual([...first!.column('monotonic_ns')], times.slice(0, 2048).map(Number));
    assert.deepEqual([...second!.column('monotonic_ns')], [3048]);
    assert.throws(() => first!.record(0), /the next was asked for/);
  });
});
