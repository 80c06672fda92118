/** Weir's tables in ClickHouse: made, migrated, refused. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ClickHouseError } from '@clickhouse/client';
import { checkLayout, shippedTables } from '../src/clickhouse/clickhouse-layout.js';
import { clickhouseMigrations, prepareClickhouse } from '../src/clickhouse/clickhouse-schema.js';
import { createAll } from '../src/clickhouse/create-tables.js';
import { columnsOf } from '../src/schema/index.js';
import { TestClickhouse, withoutClickhouse } from './support/clickhouse-server.js';

describe('tables in ClickHouse', { skip: withoutClickhouse() }, () => {
  let folder: string;
  let server: TestClickhouse;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-clickhouse-'));
    server = new TestClickhouse(folder);
    await server.start();
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });

  it('are made once, with every column of the history', async () => {
    await using connection = server.connect();
    assert.equal(await prepareClickhouse(connection, { database: 'weir' }), 0);
    const asked = server.asked.length;
    assert.equal(await prepareClickhouse(connection, { database: 'weir' }), 1);
    assert.ok(server.asked.slice(asked).every(({ sql }) => sql.startsWith('SELECT')));
    for (const table of shippedTables) {
      const found = await server.rows(
        `SELECT name, comment FROM system.columns WHERE database = 'weir' AND table = '${table}' AND name NOT IN ('shipment', 'clock_offset_ns')`,
      );
      const expected = columnsOf(table).map(([name, { help }]) => [name, help]);
      assert.deepEqual(found, expected);
    }
    const tables = await server.rows(
      `SELECT name, partition_key, sorting_key LIKE '%host_id%', create_table_query LIKE '%TTL%' FROM system.tables
       WHERE database = 'weir' AND engine LIKE '%MergeTree' ORDER BY name`,
    );
    assert.deepEqual(tables, [
      ['ends', 'toDate(time)', 1, 1],
      ['hosts', '', 1, 0],
      ['intervals', 'toDate(time)', 1, 1],
      ['losses', 'toYYYYMM(time)', 1, 1],
      ['opens', 'toDate(time)', 1, 1],
      ['traffic_hours', 'toYear(time)', 1, 1],
      ['traffic_minutes', 'toYYYYMM(time)', 1, 1],
      ['weir_versions', '', 0, 0],
    ]);
  });

  it('are brought to a later version by one host, and refused by one that is too old for them', async () => {
    await using connection = server.connect();
    const layout = { database: 'migrated' };
    await prepareClickhouse(connection, layout);
    const add = (version: number, oldestWriter: number) => ({
      version,
      oldestWriter,
      statements: () => [
        `ALTER TABLE "migrated"."ends" ADD COLUMN IF NOT EXISTS v${version} Nullable(UInt8)`,
      ],
    });
    const second = { migrations: [...clickhouseMigrations, add(2, 1)] };
    await assert.rejects(
      prepareClickhouse(connection, layout, { ...second, migrate: false }),
      /let one host migrate/,
    );
    // Two hosts at a time.
    await Promise.all([
      prepareClickhouse(connection, layout, second),
      prepareClickhouse(connection, layout, second),
    ]);
    assert.equal(await prepareClickhouse(connection, layout, { ...second, migrate: false }), 2);
    // A column that may be absent does not keep the version before from shipping.
    assert.equal(await prepareClickhouse(connection, layout), 2);
    await prepareClickhouse(connection, layout, { migrations: [...second.migrations, add(3, 3)] });
    await assert.rejects(
      prepareClickhouse(connection, layout),
      /need version 3 .* knows 1: use a newer Weir/,
    );
    await assert.rejects(
      prepareClickhouse(connection, { database: 'none' }, { migrate: false }),
      /have version 0/,
    );
  });

  it('are finished where making them ended half-way', async () => {
    await using connection = server.connect();
    const layout = { database: 'half' };
    const broken = {
      version: 1,
      oldestWriter: 1,
      statements: () => [...createAll(layout).slice(0, 4), 'nonsense'],
    };
    await assert.rejects(prepareClickhouse(connection, layout, { migrations: [broken] }), ClickHouseError);
    await prepareClickhouse(connection, layout);
    const [row] = await server.rows(`SELECT count() FROM system.tables WHERE database = 'half'`);
    assert.deepEqual(row, ['12']);
  });

  it('are spread over a cluster, rows of a host to one shard, and sums made where rows are', async () => {
    await using connection = server.connect();
    await connection.execute('CREATE DATABASE spread');
    const layout = { database: 'spread', cluster: 'only', distributed: true };
    for (const statement of createAll(layout)) {
      assert.match(statement, / ON CLUSTER "only"/);
      // The engine alone has no queue of statements.
      await connection.execute(statement.replace(' ON CLUSTER "only"', ''));
    }
    await connection.execute(
      `INSERT INTO spread.ends (host_id, time, interval_rows, comm, direction, local_port, bytes_sent, event)
       SETTINGS distributed_foreground_insert = 1
       SELECT 7, '2026-11-26 10:00:01', 0, 'curl', 'inbound', 443, 5, 'close' FROM numbers(3)`,
    );
    for (const table of ['ends', 'ends_local'])
      assert.deepEqual(await server.rows(`SELECT count() FROM spread.${table}`), [['3']]);
    assert.deepEqual(
      await server.rows(
        'SELECT comm, port, sum(ended), sum(bytes_sent) FROM spread.traffic_hours GROUP BY ALL',
      ),
      [['curl', 443, '3', '15']],
    );
  });

  it('are replicated where that is wanted', () => {
    const statements = createAll({ database: 'weir', cluster: 'main', replicated: true });
    const tables = statements.filter((statement) => statement.includes('CREATE TABLE'));
    assert.equal(tables.length, 7);
    for (const statement of tables) {
      assert.match(
        statement,
        /Replicated\w*MergeTree\('\/clickhouse\/tables\/\{shard\}\/\{database\}\/\{table\}', '\{replica\}'\)/,
      );
      assert.match(statement, / replicated_deduplication_window = \d/);
    }
  });
});

describe('a layout that makes no sense', () => {
  it('is refused', () => {
    assert.throws(() => checkLayout({ database: 'a"b' }), /is no name/);
    assert.throws(() => checkLayout({ database: 'weir', distributed: true }), /set its name/);
    assert.throws(() => checkLayout({ database: 'weir', keptDays: { ends: 0 } }), /from 1 to 20000/);
  });
});
