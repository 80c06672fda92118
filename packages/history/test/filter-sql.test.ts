/** Filters as SQL choose the rows that the predicate chooses, and that the description of the language says. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { escapeName } from '@weir/tracer/escape';
import {
  type ColumnReaders,
  type Filter,
  type FilterColumn,
  filterFields,
  formatFilter,
  parseFilter,
  predicateOver,
  type ServicePort,
} from '@weir/tracer/filter';
import type { ClickhouseConnection } from '../src/clickhouse/clickhouse-connection.js';
import { clickhouseDialect, queryParameters } from '../src/clickhouse/clickhouse-dialect.js';
import { createAll } from '../src/clickhouse/create-tables.js';
import { addressRange } from '../src/query/address-range.js';
import { filterSource } from '../src/query/filter-source.js';
import { type FilterSource, filterSql } from '../src/query/filter-sql.js';
import { HostNames } from '../src/query/host-names.js';
import { Placeholders } from '../src/query/placeholders.js';
import { createTable, tables } from '../src/schema/index.js';
import { TestClickhouse, withoutClickhouse } from './support/clickhouse-server.js';
import { naivelyMeets } from './support/naive-filter.js';
import {
  filterColumns,
  hostOf,
  Random,
  type RandomRow,
  randomFilter,
  randomHosts,
  randomRow,
  textColumns,
} from './support/random-filters.js';

const services: readonly ServicePort[] = [
  { name: 'https', port: 443, transport: 'tcp' },
  { name: 'http', port: 80, transport: 'tcp' },
  { name: 'Domain', port: 53, transport: 'udp' },
  { name: 'http-alt', port: 8_080, transport: 'tcp' },
];
const readers: ColumnReaders<RandomRow, void> = Object.fromEntries(
  filterColumns.map((column) => [column, (row: RandomRow) => row[column]]),
);
const source: FilterSource = {
  columns: Object.fromEntries(filterColumns.map((column) => [column, `"${column}"`])),
  addresses: { local_address: 'local_ip', peer_address: 'peer_ip' },
  hosts: { id: 'host_id', known: new HostNames(randomHosts).known },
};

function columnType(column: FilterColumn): string {
  return textColumns.has(column) ? 'VARCHAR' : 'UBIGINT';
}

function addressText(address: string | number | undefined): string | null {
  if (address === undefined) return null;
  const bound = new Placeholders();
  bound.address(
    addressRange({ address: String(address), bits: String(address).includes(':') ? 128 : 32 }).from,
  );
  return String(bound.values[0]);
}

/** One of the two kinds of values that ClickHouse has for each: what tables have, and what plain ones have. */
function clickhouseType(column: FilterColumn): string {
  return textColumns.has(column) ? 'LowCardinality(Nullable(String))' : 'Nullable(UInt64)';
}

const FILTERS = 10_000;
const ROWS = 16;
/** Filters after which the rows are others. */
const WITH_THESE_ROWS = 500;
const AT_A_TIME = 20;
/** ClickHouse takes milliseconds to plan a filter: it is asked about one of so many, and about all with WEIR_TEST_ALL_FILTERS=1. */
const CLICKHOUSE_EVERY = process.env.WEIR_TEST_ALL_FILTERS === '1' ? 1 : 10;
/** Optimizations that take more time here than they save. */
const PLAIN =
  "SETTINGS compile_expressions = 0, short_circuit_function_evaluation = 'disable', max_threads = 1";

describe('filters as SQL', () => {
  let connection: DuckDBConnection;
  /** It plans statements as they are, which takes less time than what they do. */
  let plain: DuckDBConnection;
  let folder: string;
  let clickhouse: { readonly server: TestClickhouse; readonly connection: ClickhouseConnection } | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-filters-'));
    if (withoutClickhouse() === undefined) {
      const server = new TestClickhouse(folder);
      await server.start();
      clickhouse = { server, connection: server.connect() };
      await clickhouse.connection.execute('CREATE DATABASE weir');
    }
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    connection = await instance.connect();
    plain = await instance.connect();
    await plain.run('PRAGMA disable_optimizer');
  });
  after(async () => {
    connection.closeSync();
    plain.closeSync();
    await clickhouse?.connection[Symbol.asyncDispose]();
    await clickhouse?.server.stop();
    await rm(folder, { recursive: true });
  });

  async function fillClickhouse(rows: readonly RandomRow[]): Promise<void> {
    const definitions = filterColumns.map((column) => `"${column}" ${clickhouseType(column)}`);
    const all = [
      'place UInt32',
      ...definitions,
      'local_ip Nullable(IPv6)',
      'peer_ip Nullable(IPv6)',
      'host_id Nullable(UInt64)',
    ];
    await clickhouse!.connection.execute('DROP TABLE IF EXISTS weir.rows');
    await clickhouse!.connection.execute(`CREATE TABLE weir.rows (${all.join(', ')}) ENGINE = Memory`);
    const values = rows.map((row, place) => {
      const shown = (value: string | number | undefined) =>
        value === undefined ? null : typeof value === 'string' ? escapeName(value) : value;
      const mapped = (address: string | number | undefined) =>
        address === undefined || String(address).includes(':') ? (address ?? null) : `::ffff:${address}`;
      const named = filterColumns.map((column) => [column, shown(row[column])]);
      return JSON.stringify({
        place,
        ...Object.fromEntries(named),
        local_ip: mapped(row.local_address),
        peer_ip: mapped(row.peer_address),
        host_id: hostOf(row)?.toString() ?? null,
      });
    });
    await clickhouse!.connection.insert(
      `INSERT INTO weir.rows (${['place', ...filterColumns, 'local_ip', 'peer_ip', 'host_id'].map((name) => `"${name}"`).join(', ')})
       SELECT * FROM input('${all.join(', ')}') FORMAT JSONEachRow`,
      Readable.from([values.join('\n')]),
      {},
    );
  }

  function isAsked(count: number): boolean {
    return clickhouse !== undefined && (count / AT_A_TIME) % CLICKHOUSE_EVERY === 0;
  }

  /** What ClickHouse chooses: of each row, by each filter. */
  async function clickhouseChoice(trees: readonly Filter[]): Promise<boolean[][]> {
    const values: unknown[] = [];
    const columns = trees.map((tree) => {
      const condition = filterSql(tree, source, { services, dialect: clickhouseDialect });
      const first = values.length;
      values.push(...condition.values);
      return `ifNull(${condition.sql.replace(/\{p(\d+):/g, (_, number) => `{p${first + Number(number)}:`)}, 0)`;
    });
    const sql = `SELECT ${columns.map((column, index) => `${column} AS c${index}`).join(', ')} FROM weir.rows ORDER BY place ${PLAIN}`;
    const found = await clickhouse!.connection.rows(sql, queryParameters(values));
    return found.map((row) => row.map((value) => value === 1 || value === true));
  }

  async function fill(rows: readonly RandomRow[]): Promise<void> {
    const definitions = filterColumns.map((column) => `"${column}" ${columnType(column)}`);
    const all = ['place INTEGER', ...definitions, 'local_ip UUID', 'peer_ip UUID', 'host_id UBIGINT'];
    await connection.run(`CREATE OR REPLACE TABLE rows (${all.join(', ')})`);
    for (const [place, row] of rows.entries()) {
      const values = filterColumns.map((column) => {
        const value = row[column];
        if (value === undefined) return null;
        return typeof value === 'string' ? escapeName(value) : BigInt(value);
      });
      const bound = [
        place,
        ...values,
        addressText(row.local_address),
        addressText(row.peer_address),
        hostOf(row) ?? null,
      ];
      await connection.run(`INSERT INTO rows VALUES (${bound.map(() => '?').join(', ')})`, bound);
    }
  }

  it(`choose what the predicate and the description choose, for ${FILTERS} random filters`, async () => {
    const random = new Random(20_261_126);
    let rows: readonly RandomRow[] = [];
    let chosen = 0;
    for (let count = 0; count < FILTERS; count += AT_A_TIME) {
      if (count % WITH_THESE_ROWS === 0) {
        rows = Array.from({ length: ROWS }, () => randomRow(random));
        await fill(rows);
        if (clickhouse !== undefined) await fillClickhouse(rows);
      }
      const texts = Array.from({ length: AT_A_TIME }, () => randomFilter(random));
      const trees = texts.map((text) => parseFilter(text));
      const conditions = trees.map((tree) => filterSql(tree, source, { services }));
      const columns = conditions.map(({ sql }) => `coalesce(${sql}, FALSE)`);
      const values = conditions.flatMap((condition) => [...condition.values]);
      const answer = await plain.runAndReadAll(
        `SELECT ${columns.join(', ')} FROM rows ORDER BY place`,
        values,
      );
      const bySql = answer.getRows();
      const byClickhouse = isAsked(count) ? await clickhouseChoice(trees) : undefined;
      for (const [index, tree] of trees.entries()) {
        const text = texts[index]!;
        assert.deepEqual(parseFilter(formatFilter(tree)), tree, text);
        const predicate = predicateOver(tree, readers, { services });
        for (const [place, row] of rows.entries()) {
          const expected = naivelyMeets(tree, row, services);
          if (expected) chosen++;
          const found = {
            predicate: predicate(row),
            sql: bySql[place]![index],
            clickhouse: byClickhouse === undefined ? expected : byClickhouse[place]![index],
          };
          if (Object.values(found).every((chosen) => chosen === expected)) continue;
          assert.fail(JSON.stringify({ text, row, expected, found, sql: conditions[index]!.sql }, null, 1));
        }
      }
      // As a condition of its own, it is planned in other ways.
      const { sql, values: bound } = conditions[0]!;
      const only = await connection.runAndReadAll(`SELECT place FROM rows WHERE ${sql} ORDER BY place`, [
        ...bound,
      ]);
      const places = rows.flatMap((row, place) => (naivelyMeets(trees[0]!, row, services) ? [place] : []));
      assert.deepEqual(
        only.getRows(),
        places.map((place) => [place]),
        texts[0],
      );
    }
    const share = chosen / (FILTERS * ROWS);
    assert.ok(share > 0.2 && share < 0.8, `${share} of all rows are chosen`);
  });

  it('never have a value in their text', () => {
    const random = new Random(7);
    for (let count = 0; count < 1_000; count++) {
      const { sql, values } = filterSql(parseFilter(randomFilter(random)), source, { services });
      assert.equal(sql.split('?::').length - 1, values.length);
      assert.doesNotMatch(sql, /nginx|example|ECONN|10\.0\.0|443/);
    }
    const hostile = `x') OR 1=1 --`;
    const { sql, values } = filterSql(parseFilter(`proc:"${hostile}"`), source);
    assert.ok(!sql.includes('1=1'));
    assert.deepEqual(values, [hostile.toLowerCase(), hostile.toLowerCase()]);
  });

  it('work on every table of connections, by every field that it has', async () => {
    for (const table of ['ends', 'intervals', 'opens'] as const) {
      const { columns, addresses } = filterSource(table);
      await connection.run(createTable(table, tables[table]));
      for (const expression of [...Object.values(columns), ...Object.values(addresses)]) {
        await connection.run(`SELECT ${expression} FROM ${table}`);
      }
      const available = filterFields.filter((field) => field.columns.some((column) => columns[column]));
      assert.ok(available.length > 35);
      for (const { name, example, type } of available) {
        const text = `not ${name}${type === 'amount' ? example : `:${example}`} or ${name}=* or word`;
        const { sql, values } = filterSql(parseFilter(text), filterSource(table), { services });
        await connection.run(`SELECT * FROM ${table} WHERE ${sql}`, [...values]);
      }
    }
  });

  it('work on every table of ClickHouse, by every field that it has', {
    skip: withoutClickhouse(),
  }, async () => {
    for (const statement of createAll({ database: 'weir' })) await clickhouse!.connection.execute(statement);
    for (const table of ['ends', 'intervals', 'opens'] as const) {
      const ofTable = filterSource(table, clickhouseDialect);
      const available = filterFields.filter((field) =>
        field.columns.some((column) => ofTable.columns[column]),
      );
      assert.ok(available.length > 35);
      const texts = available.map(
        ({ name, example, type }) =>
          `not ${name}${type === 'amount' ? example : `:${example}`} or ${name}=* or word`,
      );
      const tree = parseFilter(texts.map((text) => `(${text})`).join(' and '));
      const { sql, values } = filterSql(tree, ofTable, { services, dialect: clickhouseDialect });
      await clickhouse!.connection.rows(`SELECT 1 FROM weir.${table} WHERE ${sql}`, queryParameters(values));
    }
  });

  it('know ids by their digits in ClickHouse, too', { skip: withoutClickhouse() }, async () => {
    const { columns } = filterSource('ends', clickhouseDialect);
    const found = await clickhouse!.connection.rows(
      `SELECT ${columns.flow_id}, ${columns.connection_id} FROM (SELECT
         toNullable(toUInt64(0x00abc)) AS flow_ns, toNullable(toUInt16(3)) AS flow_cpu, toNullable(toUInt64(255)) AS connection_id
         UNION ALL SELECT 0xfedcba9876543210, 11, 0xfedcba9876543210) ORDER BY flow_ns`,
    );
    assert.deepEqual(found, [
      ['000000000000abc.3', '00000000000000ff'],
      ['fedcba987654321.11', 'fedcba9876543210'],
    ]);
  });

  it('take bounded time for a pattern with as many wildcards as are allowed', async () => {
    await connection.run("CREATE OR REPLACE TABLE long AS SELECT repeat('a', 4096) AS c FROM range(1000)");
    const { sql, values } = filterSql(parseFilter(`cmd=${'*a'.repeat(63)}*b`), {
      columns: { command_line: 'c' },
      addresses: {},
    });
    // Every way to place the wildcards would take for ever.
    const found = await connection.runAndReadAll(`SELECT count(*) FROM long WHERE ${sql}`, [...values]);
    assert.deepEqual(found.getRows(), [[0n]]);
  });
});
