/**
 * Connections between two hosts whose both ends are there count once: with the figures of the side that connected. Pure.
 *
 * An end of the side that accepted is left out of a group where the same group has the end of the side that connected, of another host.
 * Both ends of a connection are found by its `connection_id`; where one of them has none, by mirrored addresses at about the same time.
 * What a host talks to itself about counts at both ends, as in the history of that host.
 */
import type { Condition } from '../../query/condition.js';
import type { TimeRange } from '../../store/session.js';
import type { ClickhouseSql } from './bounds.js';
import { clickhouseTraffic } from './read-traffic.js';

/** Which rows count. */
export interface OnceQuery {
  readonly place: (table: 'ends' | 'intervals') => string;
  readonly range: TimeRange;
  readonly where: Condition | undefined;
  /** Expressions that make a group of rows. */
  readonly keys: readonly string[];
  /** Expressions that whoever asks has for the rows besides. */
  readonly carried?: readonly string[];
  /** Whether there are rows without an id, which are found by their addresses. Default: there are. */
  readonly hasBare?: boolean;
}

/** Rows of one connection are apart by the interval of looks, and by what clocks of hosts differ: the other end is looked for as far. */
const BESIDE_NS = 120_000_000_000n;
/** What clocks of two hosts may differ, where only times say that two ends are of one connection. */
const CLOCKS_NS = 5_000_000_000;

/** A range in which the other ends of rows of a range are. */
export function besides({ from, to }: TimeRange): TimeRange {
  return { from: from - BESIDE_NS, to: to + BESIDE_NS };
}

/** The two ends of a connection by its addresses, the side that connected first. */
export const endsOfClient = 'transport, local_ip, local_port, peer_ip, peer_port';
export const endsOfServer = 'transport, peer_ip, peer_port, local_ip, local_port';
const ends = endsOfClient.split(', ');

/** Addresses that mean another host on each host. */
export const isElsewhere =
  "local_ip != peer_ip AND NOT startsWith(peer_address, '127.') AND NOT startsWith(peer_address, 'fe80:')";

/** Spans overlap, but for what clocks differ. @param other Names of its beginning and its end. */
export function overlaps(begun: string, time: string, other: readonly [string, string]): string {
  return `${begun} <= ${other[1]} + ${CLOCKS_NS} AND ${time} >= ${other[0]} - ${CLOCKS_NS}`;
}

/** A subquery with the rows that count: all columns of {@link clickhouseTraffic}, and the keys as `k0`, `k1`, … */
export function countedOnce({
  place,
  range,
  where,
  keys,
  carried = [],
  hasBare = true,
}: OnceQuery): ClickhouseSql {
  const names = keys.map((_, index) => `k${index}`);
  const keyed = keys.map((sql, index) => `${sql} AS k${index}`);
  const traffic = clickhouseTraffic(place, range, { where, keys: [...keys, ...carried] });
  const beside = clickhouseTraffic(place, besides(range), { where, keys, hasFigures: false });
  const rows = (source: string) => `(SELECT ${['*', ...keyed].join(', ')} FROM ${source})`;
  // Columns of what is joined have names of their own, so that those of rows stay as they are.
  const named = [...ends, ...names].map((name) => `${name} AS m_${name}`).join(', ');
  const same = names.map((name) => ` AND m_${name} IS NOT DISTINCT FROM rows.${name}`).join('');
  // A set of numbers takes a third of the time of a join; like ids of connections, they have 64 bits.
  const known = names.map((name) => `, isNull(${name}), ifNull(toString(${name}), '')`).join('');
  const connection = `cityHash64(assumeNotNull(connection_id)${known})`;
  const connectionOfHost = `cityHash64(assumeNotNull(connection_id), host_id${known})`;
  /** Ends of the side that connected. */
  const clients = (number: string) =>
    `SELECT ${number} FROM ${rows(beside.sql)} WHERE is_client AND connection_id IS NOT NULL`;
  const bareServers = `SELECT ${endsOfServer} FROM ${beside.sql} WHERE NOT is_client AND connection_id IS NULL`;
  const time = 'toUnixTimestamp64Nano("time")';
  const isBare = 'connection_id IS NULL';
  /** The same by addresses, where one side has no id: spans of all, and of those that have none. */
  const mirrored = `SELECT ${named}, min(host_id) AS m_lo, max(host_id) AS m_hi,
      min(begun_ns) AS m_begun, max(${time}) AS m_ended,
      minIf(begun_ns, ${isBare}) AS m_bare_begun, maxIf(${time}, ${isBare}) AS m_bare_ended, countIf(${isBare}) > 0 AS m_has_bare
    FROM ${rows(beside.sql)} WHERE is_client AND ${isElsewhere} AND (${isBare} OR (${endsOfClient}) IN (${bareServers}))
    GROUP BY ${[...ends, ...names].join(', ')}`;
  const isOther = 'm_lo != host_id AND m_hi != host_id';
  const isNow = `if(${isBare}, ${overlaps('begun_ns', time, ['m_begun', 'm_ended'])},
      m_has_bare AND ${overlaps('begun_ns', time, ['m_bare_begun', 'm_bare_ended'])})`;
  const isSeen = [
    `connection_id IS NOT NULL AND ${connection} IN (${clients(connection)}) AND ${connectionOfHost} NOT IN (${clients(connectionOfHost)})`,
    ...(hasBare ? [`ifNull(${isOther} AND ${isNow}, false)`] : []),
  ].join(' OR ');
  const byEnds = ends.map((name, index) => `m_${name} = rows.${endsOfServer.split(', ')[index]}`);
  const byAddresses = hasBare ? `LEFT JOIN (${mirrored}) AS mirror ON ${byEnds.join(' AND ')}${same}` : '';
  const sql = `(SELECT rows.* FROM ${rows(traffic.sql)} AS rows
    ${byAddresses}
    WHERE is_client OR NOT (${isSeen}))`;
  return { sql, parameters: traffic.parameters };
}

/** The same where nothing can be there twice. */
export function allRows({ place, range, where, keys, carried = [] }: OnceQuery): ClickhouseSql {
  const { sql, parameters } = clickhouseTraffic(place, range, { where, keys: [...keys, ...carried] });
  const keyed = keys.map((key, index) => `${key} AS k${index}`);
  return { sql: `(SELECT ${['*', ...keyed].join(', ')} FROM ${sql})`, parameters };
}
