/** The same rows in a history and in ClickHouse. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { ClickhouseHistory, Shipper, shipSource } from '../../src/clickhouse/index.js';
import type { Batch, HistoryStore } from '../../src/index.js';
import { TestClickhouse } from './clickhouse-server.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './store.js';

const days = 20_000;
/** The rows of tests are from the past, which would be dropped as they come. */
const keptDays = { ends: days, intervals: days, opens: days, losses: days, minutes: days, hours: days };

/** Puts batches into a history, and ships it. */
export async function shipped(
  context: TestContext,
  server: TestClickhouse,
  batches: readonly Partial<Batch>[],
): Promise<HistoryStore> {
  const store = await openStore(context);
  for (const [index, batch] of batches.entries()) await store.append(batchOf(index + 1, batch));
  // Hours are full once there is something later.
  await store.append(batchOf(batches.length + 1, { time: HOUR + 100n * HOUR_NS }));
  await store.maintain();
  await ship(server, store);
  return store;
}

/** Ships the full hours of a history. */
export async function ship(server: TestClickhouse, store: HistoryStore): Promise<void> {
  const { target } = server;
  await using shipper = Shipper.start({
    ...{
      source: shipSource(store, store.folder),
      target,
      access: {},
      layout: { database: 'weir', keptDays },
    },
    ...{ journal: join(store.folder, 'shipped'), say: () => {}, lookMs: 20, spreadMs: 0, retryMs: 20 },
  });
  for (const end = Date.now() + 60_000; Date.now() < end; await wait(10)) {
    const { state, waiting, problem } = shipper.status;
    if (state === 'shipping' && waiting.segments === 0) return;
    if (problem !== undefined) throw new Error(problem);
  }
  throw new Error('not shipped in 30 s');
}

/** A ClickHouse, and the history that asks it. */
export async function startReading(context: TestContext) {
  const server = await TestClickhouse.start(context);
  const history = new ClickhouseHistory({ target: server.target, access: {} });
  context.after(() => history[Symbol.asyncDispose]());
  return { server, history };
}
