/**
 * A process with better-sqlite3 that does what its standard input says, a line of JSON each, and prints what that took. It copies its rows
 * out of a database that SQLite's own command has loaded: as JavaScript has them is how a program would insert them.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { timed } from '../serve/cpu-time.js';

/** What is used of better-sqlite3. */
interface Statement {
  all(): unknown[];
  iterate(): Iterable<readonly unknown[]>;
  raw(on: boolean): Statement;
  run(...values: readonly unknown[]): unknown;
}
interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** A line of the input. */
export type BetterSqliteWork =
  | { readonly create: string; readonly indexes: readonly string[]; readonly columns: number }
  | { readonly sql: string };

const ROWS_AT_ONCE = 10_000;
const [source, target] = process.argv.slice(2) as [string, string];
const Constructor = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => Database;
const database = new Constructor(target);
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -131072;');

async function load({ create, indexes, columns }: Extract<BetterSqliteWork, { create: string }>) {
  const loaded = new Constructor(source);
  const total = await timed(async () => database.exec(create));
  const places = Array.from({ length: columns }, () => '?').join(', ');
  const insert = database.prepare(`INSERT INTO ends VALUES (${places})`);
  const add = async (rows: readonly (readonly unknown[])[]) => {
    const { cpuMs, wallMs } = await timed(async () => {
      database.exec('BEGIN');
      for (const row of rows) insert.run(...row);
      database.exec('COMMIT');
    });
    total.cpuMs += cpuMs;
    total.wallMs += wallMs;
  };
  let rows: (readonly unknown[])[] = [];
  for (const row of loaded.prepare('SELECT * FROM ends').raw(true).iterate()) {
    rows.push(row);
    if (rows.length === ROWS_AT_ONCE) await add(rows.splice(0));
  }
  await add(rows);
  rows = [];
  const indexing = await timed(async () => {
    for (const sql of [...indexes, 'ANALYZE', 'PRAGMA wal_checkpoint(TRUNCATE)']) database.exec(sql);
  });
  loaded.close();
  return { cpuMs: total.cpuMs + indexing.cpuMs, wallMs: total.wallMs + indexing.wallMs };
}

for await (const line of createInterface({ input: process.stdin })) {
  const work = JSON.parse(line) as BetterSqliteWork;
  const taken =
    'sql' in work ? await timed(async () => void database.prepare(work.sql).all()) : await load(work);
  process.stdout.write(`${JSON.stringify(taken)}\n`);
}
database.close();
