/** A history of many days, made fast: rows come from SQL into the store's own tables, and the store copies them to segments. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { HistoryStore } from '@weir/history';
import { type Columns, type TableName, tables } from '@weir/history/schema';
import { type CpuTime, timed } from '../serve/cpu-time.js';
import { endsSql, intervalsSql, opensSql } from './rows-sql.js';

/** What to make. */
export interface HistoryPlan {
  readonly folder: string;
  readonly connections: number;
  readonly days: number;
  /** When the last day ends, nanoseconds since 1970: an hour's beginning. */
  readonly end: bigint;
  readonly onProgress: (text: string) => void;
}

const HOUR_NS = 3_600_000_000_000n;
const DAY_NS = 24n * HOUR_NS;
const EPOCH = 'b'.repeat(32);

/** @returns CPU time of copying rows to segments. */
export async function generateHistory(plan: HistoryPlan): Promise<CpuTime> {
  const { folder, days, end, onProgress } = plan;
  const origin = end - BigInt(days) * DAY_NS;
  const copying: CpuTime = { cpuMs: 0, wallMs: 0 };
  if (existsSync(join(folder, 'hot.duckdb'))) throw new Error(`${folder} has a history already`);
  await (await HistoryStore.open({ folder })).close();
  for (let day = 0; day < days; day++) {
    const to = origin + BigInt(day + 1) * DAY_NS;
    await insertDay(plan, origin, day);
    const { cpuMs, wallMs } = await timed(async () => {
      const store = await HistoryStore.open({ folder });
      await store.maintain();
      await store.close();
    });
    copying.cpuMs += cpuMs;
    copying.wallMs += wallMs;
    onProgress(`${day + 1} of ${days} days, up to ${new Date(Number(to / 1_000_000n)).toISOString()}`);
  }
  return copying;
}

async function insertDay({ folder, connections, days }: HistoryPlan, origin: bigint, day: number) {
  const per = Math.floor(connections / days);
  const from = origin + BigInt(day) * DAY_NS;
  const span = { from, ns: DAY_NS, first: day * per, rows: per };
  const instance = await DuckDBInstance.create(join(folder, 'hot.duckdb'), {
    threads: '2',
    memory_limit: '1GB',
  });
  const connection = await instance.connect();
  try {
    const insert = (table: TableName, rows: string) =>
      connection.run(`INSERT INTO recent.${table} BY NAME SELECT ${namesOf(tables[table])} FROM (${rows})`);
    await connection.run(`CREATE TEMP TABLE made AS ${endsSql(span, origin)}`);
    await connection.run(batchesSql(origin, from, day));
    await connection.run(`INSERT INTO recent.ends BY NAME SELECT * FROM made ORDER BY time`);
    await insert('intervals', `SELECT * FROM (${intervalsSql}) ORDER BY time`);
    await insert('opens', `SELECT * FROM (${opensSql}) ORDER BY time`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Columns that the generated rows have. */
function namesOf(columns: Columns): string {
  const names = Object.keys(columns).map((name) => `'${name}'`);
  return `COLUMNS(name -> name IN (${names.join(', ')}))`;
}

/** A full sweep at the beginning of each hour, and a last batch two minutes after the day, so that its hours are over. */
function batchesSql(origin: bigint, from: bigint, day: number): string {
  const time = `${from} + hour * ${HOUR_NS} + CASE WHEN hour = 24 THEN 120000000000 ELSE 1000000000 END`;
  return `INSERT INTO recent.batches SELECT 99, '${EPOCH}', ${day * 25 + 1} + hour, make_timestamp_ns(${origin}),
    make_timestamp_ns(${time}), 1, CASE WHEN hour < 24 THEN 'full' END, false FROM range(0, 25) AS hours(hour)`;
}
