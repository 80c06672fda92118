/** `weir serve --read` beside a ClickHouse of a test, and what hosts of a test have recorded on its way there. */
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { HistoryStore } from '@weir/history';
import { asNobody, WeirProcess } from './command.js';
import { folder, port } from './serve.js';

const { TestClickhouse, withoutClickhouse } = (await import(
  new URL('../../../../history/dist/test/support/clickhouse-server.js', import.meta.url).href
)) as typeof import('../../../history/test/support/clickhouse-server.js');
const { ship } = (await import(
  new URL('../../../../history/dist/test/support/two-databases.js', import.meta.url).href
)) as typeof import('../../../history/test/support/two-databases.js');

export { ship, TestClickhouse, withoutClickhouse };
/** A ClickHouse of a test. */
export type Clickhouse = InstanceType<typeof TestClickhouse>;

/** Opens a history that no server has open any more, as if its last hour were over. */
export async function openPast(history: string): Promise<HistoryStore> {
  const store = await HistoryStore.open({ folder: history, minimumFreeBytes: 0 });
  const later = BigInt(Date.now() + 7_200_000) * 1_000_000n;
  await store.append({
    ...{ host_id: 1n, epoch: 'e'.repeat(32), number: 1, started: later, time: later },
    ...{ monotonic_ns: 1, goodbye: true },
  });
  await store.maintain();
  return store;
}

/** Starts a server that reads, as nobody, at the port of this file's tests. */
export async function startReading(context: TestContext, address: string): Promise<void> {
  const own = join(folder, 'read');
  mkdirSync(own, { mode: 0o755 });
  chownSync(own, 65_534, 65_534);
  const listen = ['--listen', `127.0.0.1:${port}`, '--ready-fd', '3'];
  const reading = new WeirProcess(['serve', '--read', address, '--folder', own, ...listen], asNobody());
  context.after(() => reading[Symbol.dispose]());
  await reading.ready();
}
