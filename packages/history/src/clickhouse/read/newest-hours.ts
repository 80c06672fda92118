/** Up to when each host has rows. */
import type { QueryLimits } from '../../query/answer.js';
import { clickhouseDialect } from '../clickhouse-dialect.js';
import { tablePlace } from '../create-tables.js';
import type { ClickhouseReader } from './clickhouse-reader.js';
import { hostNamesIn } from './hosts.js';
import { clickhouseFields } from './read-fields.js';

/** A host, and the end of its newest hour. */
export interface NewestHour {
  /** What it is called. */
  readonly host: string;
  /** Seconds since 1970. */
  readonly ends: number;
}

const DAYS = 30;

/** The hosts that have had rows in the last 30 days, those whose newest is oldest first. @throws HistoryError, InterruptedError */
export function clickhouseNewestHours(reader: ClickhouseReader, limits: QueryLimits): Promise<NewestHour[]> {
  return reader.ask(limits, async (asking) => {
    const names = await hostNamesIn(asking);
    const [host] = names.joined(['host'], [clickhouseFields.host!], clickhouseDialect);
    const rows = await asking.rows(
      `SELECT ${host!.sql} AS host, toUInt32(toStartOfHour(max("time"))) + 3600 AS ends FROM ${tablePlace(asking, 'traffic_hours')}
       WHERE "time" >= now() - INTERVAL ${DAYS} DAY GROUP BY host ORDER BY ends, host`,
    );
    return rows.map(([id, ends]) => ({ host: names.shown(BigInt(id as string)), ends: Number(ends) }));
  });
}
