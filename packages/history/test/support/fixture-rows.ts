/** The rows of the histories that are kept of each version of the schema: never changed, or kept histories would not have them. */
import { type Batch, type EndRow, SHORT_ENDS_SINCE, shortColumns, tables } from '../../src/schema/index.js';
import { Random, randomRows } from './random-rows.js';
import { batchOf, HOUR, HOUR_NS } from './store.js';
import { asColumns } from './table-columns.js';

const ROWS = 20;

/** Batches of three hours, with only the columns that a version has. */
export function fixtureBatches(version: number): Batch[] {
  const random = new Random(1000 + version);
  return [0n, 1n, 2n].map((hour) => {
    const at = (index: number) => ({ time: HOUR + hour * HOUR_NS + BigInt(index) * 1_000_000_000n });
    const hosts = hour === 0n ? randomRows(random, columnsOf('hosts', version), 1) : [];
    const ends = randomRows(random, columnsOf('ends', version), ROWS, at);
    return batchOf(Number(hour) + 1, {
      time: HOUR + (hour + 1n) * HOUR_NS + 61_000_000_000n,
      sweep: 'full',
      hosts,
      ...(version < SHORT_ENDS_SINCE ? { ends } : withShortRows(ends)),
      intervals: randomRows(random, columnsOf('intervals', version), ROWS, at),
      opens: randomRows(random, columnsOf('opens', version), ROWS, at),
      losses: randomRows(random, columnsOf('losses', version), ROWS, at),
    });
  });
}

/** The rows have the shared columns of the first one, as those of a process do, and all of them come as columns. */
function withShortRows(ends: readonly EndRow[]): Pick<Batch, 'ends' | 'columns'> {
  const [first] = ends;
  const isOwn = (name: string) => name in shortColumns;
  const rows = ends.map((row) => ({
    ...pick(first!, (name) => !isOwn(name)),
    ...pick(row, isOwn),
  })) as unknown as EndRow[];
  return { ends: rows, columns: { ends: asColumns(rows, tables.ends) } };
}

function pick(row: EndRow, isWanted: (name: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => isWanted(name)));
}

function columnsOf<T extends keyof typeof tables>(table: T, version: number): (typeof tables)[T] {
  const entries = Object.entries(tables[table]).filter(([, { since }]) => since <= version);
  return Object.fromEntries(entries) as (typeof tables)[T];
}
