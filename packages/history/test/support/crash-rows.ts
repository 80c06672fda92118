/** What the processes store that are killed, and what must be found afterwards. */
import assert from 'node:assert/strict';
import type { HistoryReader } from '../../src/index.js';
import { type Batch, type EndRow, tables } from '../../src/schema/index.js';
import { batchOf, HOUR, HOUR_NS } from './store.js';
import { asColumns } from './table-columns.js';

/** Rows of a batch. */
export const BATCH_ROWS = 150;
/** Time from one batch to the next: ten batches fill an hour. */
export const PACE_NS = HOUR_NS / 10n;
/** Age at which segments go, in runs that are about that. */
export const AGE_KEPT = 5n * HOUR_NS;

/** Each run begins where the times of the one before can no longer be. */
const RUN_NS = 400n * PACE_NS;

function row(run: number, number: number, index: number): EndRow {
  return {
    host_id: 1n,
    time: HOUR + BigInt(run) * RUN_NS + BigInt(number) * PACE_NS + BigInt(index) * 1_000_000n,
    monotonic_ns: number,
    flow_ns: BigInt(run * 1_000_000 + number * 1000 + index),
    flow_cpu: 0,
    transport: 'tcp',
    family: 'ipv4',
    local_address: '10.0.0.1',
    local_port: 1,
    peer_address: '10.0.0.2',
    peer_port: 2,
    comm: `process ${run}`,
    event: 'close',
    bytes_sent: run * number + index,
    interval_rows: 0,
  };
}

export function crashBatch(run: number, number: number): Batch {
  const ends = Array.from({ length: BATCH_ROWS }, (_, index) => row(run, number, index));
  return batchOf(number, {
    epoch: run.toString(16).padStart(32, '0'),
    started: HOUR + BigInt(run) * RUN_NS,
    time: HOUR + BigInt(run) * RUN_NS + BigInt(number) * PACE_NS + PACE_NS / 2n,
    ends,
    // Every other batch as a collector sends it.
    ...(number % 2 === 0 && { columns: { ends: asColumns(ends, tables.ends) } }),
  });
}

/** The acknowledged batches of a run are there once, up to those that are too old; nothing else. */
export async function checkRetention(reader: HistoryReader, acknowledged: number): Promise<void> {
  const rows = await reader.read((session) =>
    session.query(
      `SELECT (flow_ns // 1000 % 1000)::INTEGER, count(*)::INTEGER, count(DISTINCT flow_ns)::INTEGER
       FROM ${session.source('ends')} GROUP BY ALL ORDER BY ALL`,
    ),
  );
  const first = rows[0]![0] as number;
  assert.ok(first > 1, 'the oldest rows are gone');
  for (const [index, row] of rows.entries()) assert.deepEqual(row, [first + index, BATCH_ROWS, BATCH_ROWS]);
  assert.ok(first + rows.length - 1 >= acknowledged && first + rows.length - 2 <= acknowledged);
  assert.ok(rows.length > Number(AGE_KEPT / PACE_NS));
}

/** Every acknowledged batch is there once; the one after that as a whole or not at all; nothing else. */
export async function checkCrash(reader: HistoryReader, acknowledged: readonly number[]): Promise<void> {
  const rows = await reader.read((session) =>
    session.query(
      `SELECT (flow_ns // 1000000)::INTEGER, (flow_ns // 1000 % 1000)::INTEGER, count(*)::INTEGER,
       count(DISTINCT flow_ns)::INTEGER, sum(bytes_sent)::INTEGER FROM ${session.source('ends')} GROUP BY ALL ORDER BY ALL`,
    ),
  );
  const found = new Map<number, number>();
  for (const [run, number, count, distinct, bytes] of rows as number[][]) {
    const [place, sum] = [`run ${run}, batch ${number}`, (BATCH_ROWS * (BATCH_ROWS - 1)) / 2];
    assert.equal(count, BATCH_ROWS, place);
    assert.equal(distinct, BATCH_ROWS, place);
    assert.equal(bytes, run! * number! * BATCH_ROWS + sum, place);
    assert.equal(number, (found.get(run!) ?? 0) + 1, place);
    found.set(run!, number!);
  }
  for (const [run, number] of acknowledged.entries()) {
    const stored = found.get(run) ?? 0;
    assert.ok(
      stored === number || stored === number + 1,
      `run ${run}: ${number} acknowledged, ${stored} stored`,
    );
  }
}

/** Each segment has its sums, which are those of its rows, and there are no others. */
export async function checkSummaries(reader: HistoryReader): Promise<void> {
  const wrong = await reader.read((session) =>
    session.query(
      `WITH sums AS (SELECT name, any_value(has_sums) AS has_sums, sum(p0) AS connections
         FROM recent.summaries FULL JOIN recent.rollups ON id = summary GROUP BY id, name)
       SELECT * FROM (SELECT name, row_count FROM recent.segments WHERE table_name = 'ends')
         FULL JOIN sums USING (name) WHERE row_count IS DISTINCT FROM connections OR has_sums IS NOT true`,
    ),
  );
  assert.deepEqual(wrong, []);
}
