import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { HistoryStore } from '@weir/history';
import { querySql } from '@weir/history/query';
import { type Batch, type Column, type Columns, segmentTables, tables } from '@weir/history/schema';
import { decodeBatch, decodeColumns } from '../src/wire/decode-batch.js';
import { encodeBatch } from '../src/wire/encode-batch.js';
import { at, batchOf, endRow, epoch } from './support/batches.js';
import { randomNumbers } from './support/random.js';

const texts = [
  '',
  'curl',
  'twelve bytes',
  'thirteen byte',
  'naïve',
  '日本',
  'x'.repeat(300),
  '"\\',
  '\ud800',
];
const addresses = ['10.0.0.1', '255.255.255.255', '::1', '2001:db8::1:2', 'fe80::1', '0.0.0.0'];

function randomValue(name: string, { kind }: Column, random: (limit: number) => number): unknown {
  const big = (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
  switch (kind) {
    case 'time':
      return at(random(7_000_000) / 1000);
    case 'id':
      return big;
    case 'clock':
    case 'count':
      return Number(big >> 11n);
    case 'u32':
      return random(2 ** 32);
    case 'u16':
      return random(2 ** 16);
    case 'flag':
      return random(2) === 0;
    default:
      return name.endsWith('_address') ? addresses[random(addresses.length)] : texts[random(texts.length)];
  }
}

/** Rows with any values. Now and then a column has none at all. */
function randomRows(columns: Columns, count: number, random: (limit: number) => number): object[] {
  const used = Object.entries<Column>(columns).filter(
    ([, { kind, optional }]) => kind !== 'address' && (!optional || random(8) > 0),
  );
  return Array.from({ length: count }, () => {
    const own = used.filter(([, { optional }]) => !optional || random(3) > 0);
    return Object.fromEntries(own.map(([name, column]) => [name, randomValue(name, column, random)]));
  });
}

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
        segmentTables.map((table) => [table, randomRows(tables[table], count, random)]),
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
