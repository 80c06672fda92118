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

const newest = clickhouseMigrations.at(-1)!.version;

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
    assert.equal(await prepareClickhouse(connection, { database: 'weir' }), newest);
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
    const second = { migrations: [...clickhouseMigrations, add(newest + 1, 1)] };
    await assert.rejects(
      prepareClickhouse(connection, layout, { ...second, migrate: false }),
      /let one host migrate/,
    );
    // Two hosts at a time.
    await Promise.all([
      prepareClickhouse(connection, layout, second),
      prepareClickhouse(connection, layout, second),
    ]);
    assert.equal(await prepareClickhouse(connection, layout, { ...second, migrate: false }), newest + 1);
    // A column that may be absent does not keep the version before from shipping.
    assert.equal(await prepareClickhouse(connection, layout), newest + 1);
    const third = newest + 2;
    await prepareClickhouse(connection, layout, { migrations: [...second.migrations, add(third, third)] });
    await assert.rejects(
      prepareClickhouse(connection, layout),
      new RegExp(`need version ${third} .* knows ${newest}: use a newer Weir`),
    );
    await assert.rejects(
      prepareClickhouse(connection, { database: 'none' }, { migrate: false }),
      /have version 0/,
    );
  });

  it('get the columns of a later version where they were made without, at their places', async () => {
    await using connection = server.connect();
    const layout = { database: 'older', cluster: 'only', distributed: true };
    const names = ['peer_group', 'peer_country', 'peer_asn', 'peer_as_org'];
    const places = ['ends', 'intervals', 'opens'].flatMap((table) => [table, `${table}_local`]);
    await connection.execute('CREATE DATABASE older');
    const execute = async (statements: readonly string[]) => {
      for (const statement of statements)
        await connection.execute(statement.replace(' ON CLUSTER "only"', ''));
    };
    await execute(createAll(layout));
    const columns = (table: string) =>
      server.rows(`SELECT name, type FROM system.columns WHERE database = 'older' AND table = '${table}'`);
    const expected = await Promise.all(places.map(columns));
    for (const table of places)
      await connection.execute(
        `ALTER TABLE older.${table} ${names.map((name) => `DROP COLUMN ${name}`).join(', ')}`,
      );
    const [, second] = clickhouseMigrations;
    for (let time = 0; time < 2; time++) await execute(second!.statements(layout));
    assert.deepEqual(await Promise.all(places.map(columns)), expected);
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
