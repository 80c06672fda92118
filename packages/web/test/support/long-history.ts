/** A history of very many connections, each of whose figures follows from its number. */
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { HistoryStore } from '@weir/history';

/** What to make. */
export interface LongHistory {
  readonly count: number;
  /** Nanoseconds since 1970. */
  readonly from: bigint;
  /** Nanoseconds from one connection to the next. */
  readonly stepNs: bigint;
}

const processes = ['nginx', 'curl', 'postgres', 'node', 'redis-server', 'sshd', 'evil\u202egnp<b>'];

/** When a connection ended, nanoseconds since 1970. */
export function endedAt({ from, stepNs }: LongHistory, index: number): bigint {
  return from + stepNs * BigInt(index);
}

/** Makes it: SQL puts the rows into the store's own tables, and the store copies them to segments. */
export async function fillHistory(folder: string, plan: LongHistory): Promise<void> {
  await (await HistoryStore.open({ folder, minimumFreeBytes: 0 })).close();
  const database = await DuckDBInstance.create(join(folder, 'hot.duckdb'));
  const connection = await database.connect();
  try {
    const [from, to] = [plan.from, endedAt(plan, plan.count)].map((ns) => `make_timestamp_ns(${ns})`);
    await connection.run(`INSERT INTO recent.ends BY NAME ${endsSql(plan)}`);
    await connection.run(`INSERT INTO recent.hosts BY NAME
      SELECT 7 AS host_id, ${from} AS time, 'long' AS name, '0' AS boot_id, '0' AS machine_id`);
    await connection.run(`INSERT INTO recent.batches BY NAME
      SELECT 7 AS host_id, repeat('e', 32) AS epoch, 1 AS number, ${from} AS started, ${to} AS time,
      ${plan.count} AS monotonic_ns, true AS goodbye`);
  } finally {
    connection.closeSync();
    database.closeSync();
  }
  const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
  try {
    await store.maintain();
  } finally {
    await store.close();
  }
}

/** An address as the history has it beside its text. */
const addressNumber = (third: string, fourth: string) =>
  `('00000000-0000-0000-0000-ffff0a00' || lpad(to_hex(${third}), 2, '0') || lpad(to_hex(${fourth}), 2, '0'))::UUID`;

function endsSql({ from, stepNs, count }: LongHistory): string {
  const names = processes.map((name) => `'${name}'`).join(', ');
  return `SELECT 7 AS host_id, make_timestamp_ns(${from} + i * ${stepNs}) AS time, i AS monotonic_ns, i + 1 AS flow_ns, 0 AS flow_cpu,
    'tcp' AS transport, 'ipv4' AS family, 1 AS netns, 'outbound' AS direction, 0 AS interval_rows,
    '10.0.0.1' AS local_address, ${addressNumber('0', '1')} AS local_ip, 40000 AS local_port,
    '10.0.' || i % 4 || '.' || i % 30 AS peer_address, ${addressNumber('i % 4', 'i % 30')} AS peer_ip, 443 AS peer_port,
    1000 + i % 7 AS pid, [${names}][1 + i % ${processes.length}] AS comm, 1000 AS duration_us,
    CASE WHEN i % 100 = 0 THEN 'fail' ELSE 'close' END AS event, CASE WHEN i % 100 = 0 THEN 'ECONNREFUSED' END AS error,
    CASE WHEN i % 100 <> 0 THEN 'local' END AS closed_by, CASE WHEN i % 100 <> 0 THEN i END AS bytes_sent,
    CASE WHEN i % 100 <> 0 THEN 10 END AS bytes_received
    FROM range(0, ${count}) AS numbers(i)`;
}
