/** Sums by the minute and by the hour, which ClickHouse makes of rows as they come: what graphs ask most. Pure. */
import { servingPort } from '../rollup/rollup-tables.js';
import { endColumns, quoteName } from '../schema/index.js';
import { clickhouseType } from './column-types.js';

/** Columns by which there are sums, beside the time and the serving port. */
export const sumKeys = [
  ...(['host_id', 'transport', 'direction', 'service', 'comm', 'unit'] as const),
  ...(['container_name', 'pod_namespace', 'pod_name', 'event', 'error', 'closed_by'] as const),
] as const;

/** How the sums are made of the rows of a table; NULL counts as 0. */
interface Sum {
  readonly ends: string;
  readonly intervals: string;
}

/** Bytes of an end that has rows of intervals are those of these. */
const moved = (name: string): Sum => ({ ends: `if(interval_rows = 0, ${name}, 0)`, intervals: name });
const ofEnds = (sql: string): Sum => ({ ends: sql, intervals: '0' });
const ofBoth = (sql: string): Sum => ({ ends: sql, intervals: sql });

/** The sums by name, in the order of the table. A mean is the sum divided by its count. */
export const trafficSums: Readonly<Record<string, Sum>> = {
  ended: ofEnds('1'),
  failed: ofEnds("event = 'fail'"),
  bytes_sent: moved('bytes_sent'),
  bytes_received: moved('bytes_received'),
  segments_sent: moved('segments_sent'),
  segments_received: moved('segments_received'),
  retransmits: moved('retransmits'),
  handshake_us: ofEnds('handshake_us'),
  handshakes: ofEnds('handshake_us IS NOT NULL'),
  srtt_us: ofBoth('srtt_us'),
  srtts: ofBoth('srtt_us IS NOT NULL'),
  duration_us: ofEnds('duration_us'),
  durations: ofEnds('duration_us IS NOT NULL'),
};

/** The tables of sums. */
export const sumTables = [
  { name: 'traffic_minutes', kept: 'minutes', start: 'toStartOfMinute', partition: 'toYYYYMM("time")' },
  { name: 'traffic_hours', kept: 'hours', start: 'toStartOfHour', partition: 'toYear("time")' },
] as const;

/** Definitions of the columns of a table of sums. */
export function sumColumns(): string[] {
  const keys = sumKeys.map(
    (name) => `${quoteName(name)} ${clickhouseType(name, endColumns[name])} CODEC(ZSTD(1))`,
  );
  const sums = Object.keys(trafficSums).map((name) => `${quoteName(name)} UInt64 CODEC(ZSTD(1))`);
  return [
    `"time" DateTime('UTC') CODEC(Delta(4), ZSTD(1))`,
    ...keys,
    '"port" UInt16 CODEC(ZSTD(1))',
    ...sums,
  ];
}

/** The order of a table of sums: rows with the same of all of these become one. */
export function sumOrder(): string {
  return ['time', ...sumKeys, 'port'].map(quoteName).join(', ');
}

/** The SELECT that makes the sums of rows of a table. @param source The table, as SQL takes it. */
export function sumsOf(table: 'ends' | 'intervals', start: string, source: string): string {
  const keys = sumKeys.map((name) => {
    const isKnown = table === 'ends' || !['event', 'error', 'closed_by'].includes(name);
    // The view has the types of its table.
    const absent = endColumns[name].optional ? 'CAST(NULL AS Nullable(String))' : "''";
    return { name, sql: isKnown ? quoteName(name) : absent };
  });
  const sums = Object.entries(trafficSums).map(([name, sum]) => ({ name, sql: sum[table] }));
  const inner = [
    ...keys.map(({ sql }, index) => `${sql} AS k${index}`),
    ...sums.map(({ sql }, index) => `toUInt64(ifNull(${sql}, 0)) AS s${index}`),
    `toUInt16(${servingPort}) AS k_port`,
    `toDateTime(${start}("time"), 'UTC') AS k_time`,
  ];
  const outer = [
    'k_time AS "time"',
    ...keys.map(({ name }, index) => `k${index} AS ${quoteName(name)}`),
    'k_port AS "port"',
    ...sums.map(({ name }, index) => `sum(s${index}) AS ${quoteName(name)}`),
  ];
  const grouping = ['k_time', ...keys.map((_, index) => `k${index}`), 'k_port'];
  return `SELECT ${outer.join(', ')} FROM (SELECT ${inner.join(', ')} FROM ${source}) GROUP BY ${grouping.join(', ')}`;
}
