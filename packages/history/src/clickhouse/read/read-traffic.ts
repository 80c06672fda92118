/** All that happened in a range, as ClickHouse has it: what ended, and what moved while it was open. Pure. */
import { always, type Condition } from '../../query/condition.js';
import { endColumns, intervalColumns, quoteName } from '../../schema/index.js';
import type { TimeRange } from '../../store/session.js';
import { queryParameters } from '../clickhouse-dialect.js';
import { clickhouseType } from '../column-types.js';
import { type ClickhouseSql, withinSql } from './bounds.js';
import { nanosecondsOf } from './row-columns.js';

const figures = ['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'];

/** A length of time beyond which nobody can say when something began. */
const MOST_US = 4_000_000_000_000_000;

/** Whether this side connected. */
export const isClientSql =
  "ifNull(multiIf(direction = 'outbound', true, direction = 'inbound', false, local_port > peer_port), false)";

/** Columns by which rows of one connection are found, and those of figures. */
const endsColumns = [
  ...['host_id', 'time', 'connection_id', 'transport', 'direction', 'event'],
  ...['local_ip', 'local_port', 'peer_address', 'peer_ip', 'peer_port'],
];
const figureColumns = ['handshake_us', 'srtt_us', 'duration_us'];

/** What is wanted of rows. */
export interface TrafficOptions {
  readonly where?: Condition | undefined;
  /** Expressions over columns of `ends` that whoever asks has for the rows. */
  readonly keys?: readonly string[];
  /** Whether the rows have figures. Default: they have. */
  readonly hasFigures?: boolean;
}

/** The columns that expressions name: planning a statement takes longer with each. */
function columnsIn(expressions: readonly string[], always: readonly string[]): ReadonlySet<string> {
  const words = expressions.flatMap((text) => text.match(/\w+/g) ?? []);
  return new Set([...always, ...words]);
}

function rowsOf(
  table: 'ends' | 'intervals',
  place: string,
  range: TimeRange,
  wanted: ReadonlySet<string>,
  hasFigures: boolean,
): string {
  const isEnd = table === 'ends';
  const columns = Object.entries(endColumns)
    .filter(([name]) => wanted.has(name))
    .map(([name, column]) => {
      if (isEnd && name !== 'event') return quoteName(name);
      if (isEnd) return `CAST("event", 'LowCardinality(Nullable(String))') AS "event"`;
      if (name in intervalColumns) return quoteName(name);
      return `CAST(NULL, '${clickhouseType(name, { ...column, optional: true })}') AS ${quoteName(name)}`;
    });
  const counted = (hasFigures ? figures : []).map(
    (name) => `${isEnd ? `if(interval_rows = 0, "${name}", NULL)` : `"${name}"`} AS counted_${name}`,
  );
  const length = isEnd ? 'duration_us' : 'span_us';
  const begun = `${nanosecondsOf('"time"')} - toInt64(least(ifNull(${length}, 0), ${MOST_US})) * 1000 AS begun_ns`;
  const list = [...columns, ...counted, `${isEnd} AS is_end`, begun, `${isClientSql} AS is_client`];
  return `SELECT ${list.join(', ')} FROM ${place} WHERE ${withinSql(range)}`;
}

/**
 * The rows of both tables, with the columns of `ends` that are wanted. An end whose bytes its intervals have counts none, so its columns
 * `counted_…` are NULL. `begun_ns` is when its span began, `is_client` whether this side connected.
 *
 * @param place A table of the database, as SQL takes it.
 */
export function clickhouseTraffic(
  place: (table: 'ends' | 'intervals') => string,
  range: TimeRange,
  { where = always, keys = [], hasFigures = true }: TrafficOptions = {},
): ClickhouseSql {
  const wanted = columnsIn([where.sql, ...keys], [...endsColumns, ...(hasFigures ? figureColumns : [])]);
  const rows = (['ends', 'intervals'] as const).map((table) =>
    rowsOf(table, place(table), range, wanted, hasFigures),
  );
  return {
    sql: `(SELECT * FROM (${rows.join(' UNION ALL ')}) WHERE ${where.sql})`,
    parameters: queryParameters(where.values),
  };
}
