/** The rows of the histories that are kept of each version of the schema: never changed, or kept histories would not have them. */
import { type Batch, tables } from '../../src/schema/index.js';
import { Random, randomRows } from './random-rows.js';
import { batchOf, HOUR, HOUR_NS } from './store.js';

const ROWS = 20;

/** Batches of three hours, with only the columns that a version has. */
export function fixtureBatches(version: number): Batch[] {
  const random = new Random(1000 + version);
  return [0n, 1n, 2n].map((hour) => {
    const at = (index: number) => ({ time: HOUR + hour * HOUR_NS + BigInt(index) * 1_000_000_000n });
    return batchOf(Number(hour) + 1, {
      time: HOUR + (hour + 1n) * HOUR_NS + 61_000_000_000n,
      sweep: 'full',
      hosts: hour === 0n ? randomRows(random, columnsOf('hosts', version), 1) : [],
      ends: randomRows(random, columnsOf('ends', version), ROWS, at),
      intervals: randomRows(random, columnsOf('intervals', version), ROWS, at),
      opens: randomRows(random, columnsOf('opens', version), ROWS, at),
      losses: randomRows(random, columnsOf('losses', version), ROWS, at),
    });
  });
}

function columnsOf<T extends keyof typeof tables>(table: T, version: number): (typeof tables)[T] {
  const entries = Object.entries(tables[table]).filter(([, { since }]) => since <= version);
  return Object.fromEntries(entries) as (typeof tables)[T];
}
