import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { HistoryStore } from '@weir/history';
import { querySql } from '@weir/history/query';
import { type Batch, segmentTables, tables } from '@weir/history/schema';
import { decodeBatch, decodeColumns } from '../src/wire/decode-batch.js';
import { encodeBatch } from '../src/wire/encode-batch.js';
import { batchOf, endRow, epoch } from './support/batches.js';
import { randomNumbers } from './support/random.js';
import { randomRows } from './support/random-rows.js';

describe('a batch that is stored from its columns', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-columns-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has the same rows in the history as one that is stored row by row', async () => {
    const random = randomNumbers(7);
    const [byColumns, byRows] = await Promise.all(
      ['columns', 'rows'].map((name) => HistoryStore.open({ folder: join(folder, name) })),
    );
    let stored = 0;
    for (const [index, count] of [1, 7, 63, 64, 65, 2047, 2048, 2049, 6000].entries()) {
      const rows = Object.fromEntries(
        segmentTables.map((table) => [table, randomRows(tables[table], count, { random, values: 'stored' })]),
      );
      const batch = { ...batchOf(index + 1, []), sweep: 'full', ...rows } as Batch;
      const bytes = encodeBatch(batch);
      const columns = decodeColumns(bytes);
      assert.ok(columns.columns?.ends !== undefined);
      await byColumns!.append(columns);
      await byRows!.append(decodeBatch(bytes));
      stored += count;
    }
    for (const table of segmentTables) {
      const sql = `SELECT * FROM ${table} ORDER BY ALL`;
      const [some, others] = await Promise.all(
        [byColumns!, byRows!].map((store) => querySql(store, { sql, limit: 100_000 })),
      );
      assert.equal(others!.rows.length, stored);
      assert.deepEqual(some!.rows, others!.rows);
    }
    await Promise.all([byColumns!.close(), byRows!.close()]);
  });

  it('is refused as a whole where a text is no address', async () => {
    const history = await HistoryStore.open({ folder: join(folder, 'refused') });
    const rows = [endRow(1), endRow(2, { peer_address: 'nowhere' })];
    const batch = decodeColumns(encodeBatch(batchOf(1, rows)));
    await assert.rejects(history.append(batch), (error: Error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, /nowhere is no value of this column/);
      return true;
    });
    assert.equal(history.lastNumber(epoch.epoch), 0);
    assert.equal((await querySql(history, { sql: 'SELECT * FROM ends' })).rows.length, 0);
    await history.close();
  });
});
