import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HistoryStore } from '../src/index.js';
import { type Batch, type EndRow, shortColumns, tables } from '../src/schema/index.js';
import { groupRows } from '../src/store/row-groups.js';
import { Random, randomRow, randomRows } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore, readTable, temporaryFolder } from './support/store.js';
import { asColumns } from './support/table-columns.js';

const PROCESSES = 5;

/** Rows of a few processes: what they share is random, and so is what each has for itself. */
function rowsOfProcesses(random: Random, from: bigint, count: number): EndRow[] {
  const processes = randomRows(random, tables.ends, PROCESSES);
  return Array.from({ length: count }, (_, index) => {
    const shared = Object.entries(random.pick(processes)).filter(([name]) => !(name in shortColumns));
    const own = Object.entries(randomRow(random, tables.ends)).filter(([name]) => name in shortColumns);
    const time = from + BigInt(index) * 1_000_000n;
    return { ...Object.fromEntries([...shared, ...own]), time } as unknown as EndRow;
  });
}

function columnar(number: number, ends: readonly EndRow[], rest: Partial<Batch> = {}): Batch {
  return batchOf(number, { ...rest, ends, columns: { ends: asColumns(ends, tables.ends) } });
}

/** Rows as a whole, short rows, and rows with shared columns. */
async function counts(store: HistoryStore): Promise<number[]> {
  const names = ['ends', 'short_ends', 'shared_ends'].map((name) => `(SELECT count(*) FROM recent.${name})`);
  const [row] = await store.read((session) => session.query(`SELECT ${names.join(', ')}`));
  return row!.map(Number);
}

describe('rows of ends that come as columns', () => {
  test('are stored without what they share, and come back equal from the file and from segments', async (context) => {
    const random = new Random(14);
    const store = await openStore(context);
    const first = rowsOfProcesses(random, HOUR, 5000);
    const second = first.map((row) => ({ ...row, time: row.time + 10_000_000_000n }));
    await store.append(columnar(1, first));
    await store.append(columnar(2, second));
    assert.deepEqual(await counts(store), [0, 10_000, PROCESSES]);
    const rows = [...first, ...second];
    assert.deepEqual(await readTable(store, 'ends'), rows);
    await store.append(batchOf(3, { time: HOUR + 2n * HOUR_NS }));
    const { copied } = await store.maintain();
    assert.deepEqual(
      copied.map(({ table, rows }) => [table, rows]),
      [['ends', 10_000]],
    );
    assert.deepEqual(await counts(store), [0, 0, PROCESSES]);
    assert.deepEqual(await readTable(store, 'ends'), rows);
  });

  test('are stored as a whole where they share little, beside others of the same hour', async (context) => {
    const random = new Random(12);
    const store = await openStore(context);
    const shared = rowsOfProcesses(random, HOUR, 100);
    const at = (index: number) => ({ time: HOUR + 1_000_000_000n + BigInt(index) * 1_000_000n });
    const different = randomRows(random, tables.ends, 100, at);
    await store.append(columnar(1, shared));
    await store.append(columnar(2, different));
    assert.deepEqual(await counts(store), [100, 100, PROCESSES]);
    assert.deepEqual(await readTable(store, 'ends'), [...shared, ...different]);
    await store.append(batchOf(3, { time: HOUR + 2n * HOUR_NS }));
    const { copied } = await store.maintain();
    assert.equal(copied[0]!.rows, 200);
    assert.deepEqual(await readTable(store, 'ends'), [...shared, ...different]);
  });

  test('keep what they share while a row needs it, and no longer', async (context) => {
    const random = new Random(13);
    const store = await openStore(context);
    const old = rowsOfProcesses(random, HOUR, 100);
    const recent = rowsOfProcesses(random, HOUR + HOUR_NS, 100);
    await store.append(columnar(1, old));
    await store.append(columnar(2, recent, { time: HOUR + HOUR_NS + 120_000_000_000n }));
    await store.maintain();
    assert.deepEqual(await counts(store), [0, 100, 2 * PROCESSES]);
    // What the copied hour had goes with the next batch. A row that has the same later gets it anew.
    const others = rowsOfProcesses(random, HOUR + HOUR_NS + 1_000_000_000n, 100);
    await store.append(columnar(3, others, { time: HOUR + HOUR_NS + 130_000_000_000n }));
    assert.deepEqual(await counts(store), [0, 200, 2 * PROCESSES]);
    const again = old.map((row) => ({ ...row, time: row.time + HOUR_NS + 2_000_000_000n }));
    await store.append(columnar(4, again, { time: HOUR + HOUR_NS + 140_000_000_000n }));
    assert.deepEqual(await counts(store), [0, 300, 3 * PROCESSES]);
    assert.deepEqual(await readTable(store, 'ends'), [...old, ...recent, ...others, ...again]);
  });

  test('refer to nothing of a batch that was not stored', async (context) => {
    const random = new Random(14);
    const folder = await temporaryFolder(context);
    let isFailing = true;
    const store = await openStore(context, {
      folder,
      step: (step) => {
        if (step === 'append:rows' && isFailing) throw new Error('no');
      },
    });
    const rows = rowsOfProcesses(random, HOUR, 100);
    await assert.rejects(store.append(columnar(1, rows)), /no/);
    isFailing = false;
    await store.append(batchOf(1));
    await store.append(columnar(2, rows));
    assert.deepEqual(await readTable(store, 'ends'), rows);
    await store.close();
    const next = await openStore(context, { folder });
    const more = rowsOfProcesses(random, HOUR + 1_000_000_000n, 100);
    await next.append(columnar(3, more));
    assert.deepEqual(await counts(next), [0, 200, 2 * PROCESSES]);
    assert.deepEqual(await readTable(next, 'ends'), [...rows, ...more]);
  });

  test('are there once where a batch has the same text twice', async (context) => {
    const store = await openStore(context);
    const rows = rowsOfProcesses(new Random(17), HOUR, 100).map((row) => ({ ...row, comm: 'same' }));
    const ends = asColumns(rows, tables.ends);
    const place = ends.strings.indexOf('same');
    const other = ends.strings.length;
    const { values } = ends.columns.get('comm')!;
    for (let row = 0; row < rows.length; row += 2) if (values[row] === place) values[row] = other;
    await store.append(
      batchOf(1, { ends: rows, columns: { ends: { ...ends, strings: [...ends.strings, 'same'] } } }),
    );
    assert.deepEqual(await counts(store), [0, 100, PROCESSES]);
    assert.deepEqual(await readTable(store, 'ends'), rows);
  });

  test('with a column that only a later version has are stored as a whole', async (context) => {
    const { nextSchema } = await import('./support/next-schema.js');
    const schema = nextSchema();
    const store = await openStore(context, { schema });
    const rows = rowsOfProcesses(new Random(15), HOUR, 100).map((row) => ({ ...row, colour: 'green' }));
    const columns = { ends: asColumns(rows, schema.tables.ends!) };
    await store.append(batchOf(1, { ends: rows, columns }));
    await store.append(columnar(2, rowsOfProcesses(new Random(16), HOUR, 100)));
    const colours = await store.read((session) =>
      session.query(`SELECT colour, count(*) FROM ${session.source('ends')} GROUP BY 1 ORDER BY 1`),
    );
    assert.deepEqual(colours, [
      ['green', 100n],
      [null, 100n],
    ]);
  });
});

describe('rows with the same values', () => {
  const rows = 4096;
  const column = (numberOf: (row: number) => number, isGap: (row: number) => boolean = () => false) => {
    const gaps = new Uint8Array(rows / 8);
    for (let row = 0; row < rows; row++) if (isGap(row)) gaps[row >> 3]! |= 1 << (row & 7);
    return { values: Float64Array.from({ length: rows }, (_, row) => numberOf(row)), gaps };
  };

  test('are in one group, others are not, whatever lies in the place of no value', () => {
    const parity = column((row) => row % 2);
    const wide = column((row) => (row % 3) * 2 ** 40);
    const gaps = column(
      (row) => row,
      (row) => row % 5 !== 0,
    );
    const none = column(
      (row) => row,
      () => true,
    );
    const found = groupRows([parity, wide, none], rows, 6);
    assert.deepEqual(found?.firsts, [0, 1, 2, 3, 4, 5]);
    assert.ok(found.groups.every((group, row) => group === row % 6));
    // Zero is a value, too.
    const zeros = column(
      () => 0,
      (row) => row % 2 === 0,
    );
    assert.deepEqual(groupRows([zeros], rows, 6)?.firsts, [0, 1]);
    assert.equal(groupRows([gaps], rows, 6), undefined);
    assert.deepEqual(groupRows([], rows, 1)?.firsts, [0]);
  });

  test('are never taken for the same where they differ: no groups are made then', () => {
    // With so many, some have the same hash.
    const count = 2 ** 17;
    const values = Float64Array.from({ length: count }, (_, row) => row * 2 ** 20);
    const found = groupRows([{ values, gaps: undefined }], count, count);
    assert.ok(found === undefined || found.firsts.length === count);
  });
});
