/** Ranges of time in statements for ClickHouse. Pure. */
import type { TimeRange } from '../../store/session.js';
import type { StatementParameters } from '../clickhouse-connection.js';

/** SQL whose values have names, so that it can be there several times. */
export interface ClickhouseSql {
  readonly sql: string;
  readonly parameters: StatementParameters;
}

/** ClickHouse's times with nanoseconds are from 1900 to 2262. */
const FIRST = -2_208_988_800_000_000_000n;
const LAST = 2n ** 63n - 1n;

/** A time that ClickHouse can hold. */
export function clipped(ns: bigint): bigint {
  return ns < FIRST ? FIRST : ns > LAST ? LAST : ns;
}

/** A time as SQL: a number that the program has computed. */
export function timeSql(ns: bigint): string {
  return `fromUnixTimestamp64Nano(toInt64(${clipped(ns)}), 'UTC')`;
}

/** Rows whose `time` is in a range. */
export function withinSql({ from, to }: TimeRange): string {
  return `"time" >= ${timeSql(from)} AND "time" < ${timeSql(to)}`;
}
