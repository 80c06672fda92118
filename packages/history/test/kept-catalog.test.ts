import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { HistoryStore } from '../src/index.js';
import { rollups } from '../src/rollup/rollup-tables.js';
import { currentSchema, tables } from '../src/schema/index.js';
import { addSegment, deleteSegment, prepareSchema, type Segment } from '../src/store/catalog.js';
import { KeptCatalog } from '../src/store/kept-catalog.js';
import type { StoreInternals, StoreOptions } from '../src/store/options.js';
import type { Session } from '../src/store/session.js';
import { Random, randomRows } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';

const base: Omit<Segment, 'name' | 'hour'> = {
  ...{ table: 'ends', part: 1, rows: 5, bytes: 100, from: 1n, to: 2n, version: currentSchema.version },
};
const segment = (hour: number): Segment => ({ ...base, hour, name: `ends-${hour}` });

/** Connections to one database with the tables of a history. */
async function connections(context: TestContext, count: number): Promise<DuckDBConnection[]> {
  const instance = await DuckDBInstance.create(':memory:');
  context.after(() => instance.closeSync());
  const made: DuckDBConnection[] = [];
  for (let index = 0; index < count; index++) made.push(await instance.connect());
  await prepareSchema(made[0]!, { schema: currentSchema, step: () => {} });
  return made;
}

const namesOf = async (catalog: KeptCatalog, connection: DuckDBConnection) =>
  (await catalog.segments(connection)).all.map(({ name }) => name);

describe('the kept list of segments', () => {
  test('is the same object as long as no segment changes', async (context) => {
    const [connection] = await connections(context, 1);
    await addSegment(connection!, segment(1));
    const catalog = new KeptCatalog();
    const list = await catalog.segments(connection!);
    assert.equal(await catalog.segments(connection!), list);
    await connection!.run('UPDATE recent.store SET retention_ns = 1');
    assert.equal(await catalog.segments(connection!), list);
  });

  test('has what another connection added, removed, and replaced under the same name', async (context) => {
    const [reading, writing] = await connections(context, 2);
    const catalog = new KeptCatalog();
    assert.deepEqual(await namesOf(catalog, reading!), []);
    await addSegment(writing!, segment(2));
    await addSegment(writing!, segment(1));
    assert.deepEqual(await namesOf(catalog, reading!), ['ends-1', 'ends-2']);
    await deleteSegment(writing!, 'ends-1');
    assert.deepEqual(await namesOf(catalog, reading!), ['ends-2']);
    for (const change of [{ rows: 6 }, { bytes: 101 }, { from: 0n }, { to: 3n }, { version: 1 }]) {
      await deleteSegment(writing!, 'ends-2');
      await addSegment(writing!, { ...segment(2), ...change });
      assert.deepEqual((await catalog.segments(reading!)).all, [{ ...segment(2), ...change }]);
    }
    await deleteSegment(writing!, 'ends-2');
    assert.deepEqual(await namesOf(catalog, reading!), []);
  });

  test('is that of each transaction, whichever asks last', async (context) => {
    const [older, newer, writing] = await connections(context, 3);
    await addSegment(writing!, segment(1));
    const catalog = new KeptCatalog();
    await older!.run('BEGIN TRANSACTION READ ONLY');
    assert.deepEqual(await namesOf(catalog, older!), ['ends-1']);
    await deleteSegment(writing!, 'ends-1');
    await addSegment(writing!, segment(2));
    for (let turn = 0; turn < 2; turn++) {
      assert.deepEqual(await namesOf(catalog, newer!), ['ends-2']);
      assert.deepEqual(await namesOf(catalog, older!), ['ends-1']);
    }
    await older!.run('COMMIT');
    assert.deepEqual(await namesOf(catalog, older!), ['ends-2']);
  });

  test('has the segments of a table, and those that can be read', async (context) => {
    const [connection] = await connections(context, 1);
    const opens = { ...segment(1), table: 'opens', name: 'opens-1' };
    for (const each of [segment(2), opens, segment(1)]) await addSegment(connection!, each);
    const list = await new KeptCatalog().segments(connection!);
    assert.deepEqual(list.of('ends'), [segment(1), segment(2)]);
    assert.deepEqual(list.of('intervals'), []);
    assert.deepEqual(list.named('opens-1'), opens);
    const readable = list.without(new Set(['ends-1', 'opens-1']));
    assert.deepEqual(readable.all, [segment(2)]);
    assert.deepEqual([readable.of('ends'), readable.of('opens')], [[segment(2)], []]);
    assert.equal(readable.named('opens-1'), undefined);
    assert.equal(list.without(new Set()), list);
  });
});

/** A history with two full hours of connections, of which nothing is copied yet. */
async function twoHours(
  context: TestContext,
  options: Partial<StoreOptions & StoreInternals> = {},
): Promise<HistoryStore> {
  const store = await openStore(context, options);
  const random = new Random(1);
  for (const hour of [0n, 1n]) {
    const ends = randomRows(random, tables.ends, 300, () => ({
      time: HOUR + hour * HOUR_NS + BigInt(random.below(3_600_000)) * 1_000_000n,
    }));
    await store.append(batchOf(Number(hour) + 1, { ends, time: HOUR + (hour + 1n) * HOUR_NS }));
  }
  await store.append(batchOf(3, { time: HOUR + 2n * HOUR_NS + 120_000_000_000n }));
  return store;
}

/** What a question sees: segments, their sums, and the number of rows wherever they are. */
async function view(session: Session): Promise<{ segments: number; summed: number; rows: number }> {
  const [row] = await session.query(`SELECT count(*) FROM ${session.source('ends')}`);
  const summed = await session.summed({ from: 0n, to: 2n ** 62n }, rollups, () => true);
  return { segments: session.segments.length, summed: summed.length, rows: Number(row![0]) };
}

describe('questions one after another', () => {
  test('see segments and their sums once they are made, and no more once they are removed', async (context) => {
    let hours = 0;
    const uptimeMs = () => hours * 3_600_000;
    const store = await twoHours(context, { retention: { ageNs: 24n * HOUR_NS }, uptimeMs });
    assert.deepEqual(await store.read(view), { segments: 0, summed: 0, rows: 600 });
    await store.maintain();
    assert.deepEqual(await store.read(view), { segments: 2, summed: 2, rows: 600 });
    hours = 23;
    await store.append(batchOf(4, { time: HOUR + 25n * HOUR_NS + HOUR_NS / 2n }));
    await store.maintain();
    assert.deepEqual(await store.read(view), { segments: 1, summed: 1, rows: 300 });
  });

  test('see one state each while segments are made beside them', async (context) => {
    const store = await twoHours(context);
    const [before, during] = await store.read(async (session) => {
      const first = await view(session);
      await store.maintain();
      assert.deepEqual(await store.read(view), { segments: 2, summed: 2, rows: 600 });
      return [first, await view(session)];
    });
    assert.deepEqual(before, { segments: 0, summed: 0, rows: 600 });
    assert.deepEqual(during, before);
    assert.deepEqual(await store.read(view), { segments: 2, summed: 2, rows: 600 });
  });

  test('see no segment that was set aside, whichever question found it damaged', async (context) => {
    const store = await twoHours(context);
    await store.maintain();
    const [first] = await store.read(async (session) => session.segments);
    truncateSync(join(store.folder, 'segments', first!.name), 100);
    assert.deepEqual(await store.read(view), { segments: 1, summed: 1, rows: 300 });
    assert.deepEqual(await store.read(view), { segments: 1, summed: 1, rows: 300 });
  });
});
