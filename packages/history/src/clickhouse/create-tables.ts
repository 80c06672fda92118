/** DDL of the tables in ClickHouse. Each statement can be executed any number of times. Pure. */
import { columnsOf, quoteName } from '../schema/index.js';
import {
  type ClickhouseLayout,
  defaultKeptDays,
  type KeptDays,
  type ShippedTable,
  shippedTables,
} from './clickhouse-layout.js';
import { clickhouseColumn } from './column-types.js';
import { sumColumns, sumOrder, sumsOf, sumTables } from './sum-tables.js';

/** Inserts whose tokens a table remembers: those of ten hours, where ten thousand hosts ship to a server. */
const TOKENS = 100_000;
/** Each is a node of ClickHouse Keeper there, so they are fewer: ten hours of a thousand hosts a shard. */
const REPLICATED_TOKENS = 10_000;

/** Column that only ClickHouse has: the insert with which a row came. */
export const SHIPMENT_COLUMN = 'shipment';

/** Tables whose rows come with segments; rows of the others may come more than once, and are one then. */
const segmented: ReadonlySet<string> = new Set(['ends', 'intervals', 'opens']);

interface Storage {
  readonly engine: 'MergeTree' | 'ReplacingMergeTree' | 'SummingMergeTree';
  readonly partition?: string;
  readonly order: string;
  /** Leading part of the order that is kept in memory. Default: all of it. */
  readonly primary?: string;
  readonly days?: number;
}

const CONNECTION_ORDER =
  'toStartOfFiveMinutes("time"), "host_id", ifNull("comm", \'\'), "peer_ip", "peer_port", "local_port", "time"';

function storageOf(table: ShippedTable, kept: KeptDays): Storage {
  if (table === 'hosts') return { engine: 'ReplacingMergeTree', order: '"host_id"' };
  if (table === 'losses')
    return {
      engine: 'ReplacingMergeTree',
      partition: 'toYYYYMM("time")',
      order:
        '"time", ifNull("host_id", 0), "place", ifNull("since", "time"), ifNull("detail", \'\'), ifNull("count", 0)',
      days: kept.losses,
    };
  return { engine: 'MergeTree', partition: 'toDate("time")', order: CONNECTION_ORDER, days: kept[table] };
}

/** A table of the database as SQL takes it. */
export function tablePlace({ database }: ClickhouseLayout, table: string): string {
  return `${quoteName(database)}.${quoteName(table)}`;
}

/** The table that has the rows of one host of a cluster. */
export function localName({ distributed }: ClickhouseLayout, table: string): string {
  return distributed === true ? `${table}_local` : table;
}

/** ` ON CLUSTER …` for statements of the schema. */
export function onCluster({ cluster }: ClickhouseLayout): string {
  return cluster === undefined ? '' : ` ON CLUSTER ${quoteName(cluster)}`;
}

/** The engine of a table. */
export function engineOf({ replicated }: ClickhouseLayout, engine: string): string {
  return replicated === true
    ? `Replicated${engine}('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')`
    : engine;
}

function createTable(
  layout: ClickhouseLayout,
  table: string,
  columns: readonly string[],
  storage: Storage,
): string[] {
  const { engine, partition, order, primary, days } = storage;
  const settings = {
    ...(layout.replicated === true
      ? {
          replicated_deduplication_window: REPLICATED_TOKENS,
          replicated_deduplication_window_seconds: 7 * 86_400,
        }
      : { non_replicated_deduplication_window: TOKENS }),
    ...(days !== undefined && { ttl_only_drop_parts: 1 }),
    ...(primary !== undefined && { allow_nullable_key: 1 }),
  };
  const local = `CREATE TABLE IF NOT EXISTS ${tablePlace(layout, localName(layout, table))}${onCluster(layout)}
(${columns.join(',\n  ')})
ENGINE = ${engineOf(layout, engine)}${partition === undefined ? '' : `\nPARTITION BY ${partition}`}${
    primary === undefined ? '' : `\nPRIMARY KEY (${primary})`
  }
ORDER BY (${order})${days === undefined ? '' : `\nTTL toDateTime("time") + INTERVAL ${days} DAY`}
SETTINGS ${Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ')}`;
  return layout.distributed === true ? [local, createDistributed(layout, table)] : [local];
}

/** Rows of a host are on one shard, so that a segment that is sent again comes where it was. */
function createDistributed(layout: ClickhouseLayout, table: string): string {
  const { cluster, database } = layout;
  const local = localName(layout, table);
  const arguments_ = [cluster!, database, local].map((name) => `'${name}'`);
  return `CREATE TABLE IF NOT EXISTS ${tablePlace(layout, table)}${onCluster(layout)} AS ${tablePlace(layout, local)}
ENGINE = Distributed(${arguments_.join(', ')}, ${table === 'losses' ? 'ifNull("host_id", 0)' : '"host_id"'})`;
}

function createViews(layout: ClickhouseLayout): string[] {
  return sumTables.flatMap(({ name, start }) =>
    (['ends', 'intervals'] as const).map((table) => {
      const source = tablePlace(layout, localName(layout, table));
      const target = tablePlace(layout, localName(layout, name));
      return `CREATE MATERIALIZED VIEW IF NOT EXISTS ${tablePlace(layout, `${name}_of_${table}`)}${onCluster(layout)}
TO ${target} AS ${sumsOf(table, start, source)}`;
    }),
  );
}

/**
 * Statements that add columns to tables that were made without. A table over the shards comes after those that it reads.
 *
 * @param since The version of the history's schema that has added them.
 */
export function addColumns(layout: ClickhouseLayout, since: number): string[] {
  return shippedTables.flatMap((table) => {
    const columns = columnsOf(table);
    const additions = columns.flatMap(([name, column], index) => {
      if (column.since !== since) return [];
      const before = columns[index - 1]![0];
      return clickhouseColumn(name, column).map(
        (definition) => `ADD COLUMN IF NOT EXISTS ${definition} AFTER ${quoteName(before)}`,
      );
    });
    if (additions.length === 0) return [];
    const places = new Set([localName(layout, table), table]);
    return [...places].map((name) => {
      // A table over the shards keeps no values.
      const list = name === localName(layout, table) ? additions : additions.map(withoutCodec);
      return `ALTER TABLE ${tablePlace(layout, name)}${onCluster(layout)} ${list.join(', ')}`;
    });
  });
}

function withoutCodec(definition: string): string {
  return definition.replace(/ CODEC\(.*\)(?= AFTER)/, '');
}

/** Statements that make all tables and views of the first version, with the columns of this one. */
export function createAll(layout: ClickhouseLayout): string[] {
  const kept = { ...defaultKeptDays, ...layout.keptDays };
  const tables = shippedTables.flatMap((table) => {
    const columns = columnsOf(table).flatMap(([name, column]) => clickhouseColumn(name, column));
    const own = segmented.has(table)
      ? [`${quoteName(SHIPMENT_COLUMN)} UInt64 COMMENT 'The insert with which it came.' CODEC(ZSTD(1))`]
      : [];
    return createTable(layout, table, [...columns, ...own], storageOf(table, kept));
  });
  const sums = sumTables.flatMap(({ name, kept: days, partition }) =>
    createTable(layout, name, sumColumns(), {
      engine: 'SummingMergeTree',
      partition,
      order: sumOrder(),
      primary: '"time", "host_id"',
      days: kept[days],
    }),
  );
  return [...tables, ...sums, ...createViews(layout)];
}
