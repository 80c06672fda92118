/** What rows of many hosts cost a ClickHouse: its newest engine, behind the HTTP server of the history's tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type ClickhouseConnection, prepareClickhouse } from '@weir/history/clickhouse';
import type { TestClickhouse } from '../../../packages/history/test/support/clickhouse-server.js';
import { processCpuMs, residentMb } from '../serve/cpu-time.js';
import { type FleetFigures, planFleet, type ServerCosts } from './fleet.js';
import { insertEnds, insertHosts, writeEnds } from './fleet-rows.js';

// The engine is a dependency of the history's tests alone.
const support = (await import(
  new URL('../../../../packages/history/dist/test/support/clickhouse-server.js', import.meta.url).href
)) as typeof import('../../../packages/history/test/support/clickhouse-server.js');

/** What to do. */
export interface ClickhouseRequest {
  readonly connections: number;
  readonly hosts: number;
  /** Hours that they are spread over. */
  readonly hours: number;
  readonly onProgress: (text: string) => void;
}

/** A table of the database when all has been merged. */
export interface StoredTable {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly parts: number;
}

/** What was measured. */
export interface ClickhouseResult {
  readonly connections: number;
  readonly hosts: number;
  readonly hours: number;
  /** Rows of `ends`: most connections have both of theirs there. */
  readonly rows: number;
  /** CPU microseconds of a row, sums included, before anything is merged. */
  readonly insertUs: number;
  /** CPU microseconds of a row of any table that a merge wrote. */
  readonly mergeUs: number;
  /** Rows that merges wrote for each that was inserted, in all tables. */
  readonly rewritten: number;
  readonly merges: number;
  readonly tables: readonly StoredTable[];
  readonly residentMb: number;
  readonly fleets: readonly PlannedFleet[];
}

/** A fleet on servers such as the measured one. */
export interface PlannedFleet {
  readonly hosts: number;
  readonly rowsPerSecond: number;
  readonly spreadSeconds: number;
  readonly figures: FleetFigures;
}

/** Connections in an insert. */
const AT_A_TIME = 250_000;
const HOUR = 3600;
/** Statements run with one thread, so that CPU time is theirs. */
const inserting = { max_threads: 1, max_insert_threads: 1, min_insert_block_size_rows: 1_048_576 };

/** Measures. */
export async function benchClickhouse(request: ClickhouseRequest): Promise<ClickhouseResult> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-bench-clickhouse-'));
  const server = new support.TestClickhouse(folder);
  try {
    await server.start();
    await using connection = server.connect();
    return await measure(server, connection, folder, request);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  server: TestClickhouse,
  connection: ClickhouseConnection,
  folder: string,
  { connections, hosts, hours, onProgress }: ClickhouseRequest,
): Promise<ClickhouseResult> {
  const pid = server.pid!;
  await prepareClickhouse(connection, { database: 'weir' });
  await connection.execute('SYSTEM STOP MERGES');
  const to = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
  const seconds = hours * HOUR;
  await connection.execute(insertHosts(hosts, to - seconds));
  let insertingMs = 0;
  for (let first = 0; first < connections; first += AT_A_TIME) {
    const most = Math.min(AT_A_TIME, connections - first);
    const from = to - seconds + (seconds * first) / connections;
    const span = {
      from: Math.floor(from),
      seconds: (seconds * most) / connections,
      first,
      connections: most,
      hosts,
    };
    for (const end of ['outbound', 'inbound'] as const) {
      const file = join(folder, `${first}-${end}.parquet`);
      await connection.execute(writeEnds(span, end, file));
      insertingMs += await cpuOf(pid, () => connection.execute(insertEnds(end, file), inserting));
      await rm(file);
    }
    onProgress(`${first + most} connections are in`);
  }
  const rows = Number((await connection.rows('SELECT count() FROM weir.ends'))[0]![0]);
  const insertUs = (insertingMs * 1000) / rows;
  const inserted = await eventOf(connection, 'InsertedRows');
  const mergingMs = await cpuOf(pid, async () => {
    await connection.execute('SYSTEM START MERGES');
    await untilMerged(connection, onProgress);
  });
  const merged = await eventOf(connection, 'MergedRows');
  const mergeUs = (mergingMs * 1000) / Math.max(1, merged);
  const tables = await tablesOf(connection);
  const ends = tables.find(({ name }) => name === 'ends')!;
  const sums = tables
    .filter(({ name }) => name.startsWith('traffic_'))
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const costs = { insertUs, mergeUs, rowBytes: (ends.bytes + sums) / rows, cores: 32, share: 0.5 };
  return {
    connections,
    hosts,
    hours,
    rows,
    insertUs,
    mergeUs,
    rewritten: merged / inserted,
    merges: await eventOf(connection, 'Merge'),
    tables,
    residentMb: residentMb(pid).now,
    fleets: fleetsOf(costs),
  };
}

function fleetsOf(costs: ServerCosts): PlannedFleet[] {
  const shapes = [
    { hosts: 100, rowsPerSecond: 100, spreadSeconds: 300 },
    { hosts: 1_000, rowsPerSecond: 100, spreadSeconds: 300 },
    { hosts: 10_000, rowsPerSecond: 100, spreadSeconds: 300 },
    { hosts: 10_000, rowsPerSecond: 1_000, spreadSeconds: 300 },
    { hosts: 10_000, rowsPerSecond: 1_000, spreadSeconds: 3_300 },
  ];
  return shapes.map((shape) => ({
    ...shape,
    figures: planFleet({ ...shape, days: 30, insertRows: 250_000 }, costs, 2),
  }));
}

/** CPU milliseconds of a process while something is done. */
async function cpuOf(pid: number, run: () => Promise<void>): Promise<number> {
  const before = processCpuMs(pid);
  await run();
  return processCpuMs(pid) - before;
}

async function eventOf(connection: ClickhouseConnection, name: string): Promise<number> {
  const [row] = await connection.rows('SELECT value FROM system.events WHERE event = {name:String}', {
    name,
  });
  return Number(row?.[0] ?? 0);
}

/** Nothing is merged for a while. */
async function untilMerged(
  connection: ClickhouseConnection,
  onProgress: (text: string) => void,
): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    await wait(1_000);
    const [row] = await connection.rows('SELECT count() FROM system.merges');
    quiet = Number(row![0]) === 0 ? quiet + 1 : 0;
    onProgress(`${row![0]} merges`);
  }
}

async function tablesOf(connection: ClickhouseConnection): Promise<StoredTable[]> {
  const rows = await connection.rows(
    "SELECT table, sum(rows), sum(bytes_on_disk), count() FROM system.parts WHERE active AND database = 'weir' GROUP BY table ORDER BY table",
  );
  return rows.map(([name, ...numbers]) => {
    const [stored = 0, bytes = 0, parts = 0] = numbers.map(Number);
    return { name: String(name), rows: stored, bytes, parts };
  });
}
