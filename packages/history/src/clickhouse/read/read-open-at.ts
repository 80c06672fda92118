/** What was open at a moment in the past, on all hosts. */
import type { Answer } from '../../query/answer.js';
import { checkOpenAt, type OpenAt, type OpenAtQuery } from '../../query/open-at.js';
import { endColumns, openColumns } from '../../schema/index.js';
import { clickhouseType } from '../column-types.js';
import { tablePlace } from '../create-tables.js';
import { timeSql, withinSql } from './bounds.js';
import type { ClickhouseReader } from './clickhouse-reader.js';
import { answerIn } from './coverage.js';
import { conditionOf } from './read-connections.js';
import { ClickhouseRows, nanosecondsOf } from './row-columns.js';

/** What identifies a connection on its host and boot; of an older one without a number, its ends do. */
const ends =
  "concatWithSeparator(' ', toString(ifNull(netns, 0)), toString(transport), toString(local_address), toString(local_port), toString(peer_address), toString(peer_port))";
const flow = `if(flow_ns IS NULL, ${ends}, concat(toString(assumeNotNull(flow_ns)), '.', toString(ifNull(flow_cpu, 0))))`;

/** Each host lists all that is open once an hour. Two hours' lists are an hour apart, and some minutes where it was busy. */
const FULL_NS = 3_900_000_000_000n;
/** A list of changes has what is younger than this, or of unknown age, as what waits to be accepted; one of all has what is older, too. */
const YOUNG_NS = 300_000_000_000n;

/**
 * What was open at a moment: what hosts have listed since their last full list before it, and what had begun and ended later, less what
 * had ended. A full list is known by what it has of connections that are not new. Figures are those of the last look; of what ended
 * before any look, those of its end. Rates are those of the minute around the moment.
 *
 * @throws OptionError, InterruptedError, HistoryError
 */
export function clickhouseOpenAt(reader: ClickhouseReader, query: OpenAtQuery): Promise<Answer<OpenAt>> {
  const { at, where } = query;
  const limit = checkOpenAt(query);
  return answerIn(reader, { from: at, to: at + 1n }, query, async (asking) => {
    const place = (table: string) => tablePlace(asking, table);
    const [from, to] = [at - FULL_NS, at + FULL_NS];
    const names = Object.keys(openColumns) as (keyof typeof openColumns)[];
    const moment = timeSql(at);
    const us = 'toInt64(least(ifNull(duration_us, 0), 4000000000000000))';
    const begun = `fromUnixTimestamp64Nano(${nanosecondsOf('"time"')} - ${us} * 1000, 'UTC')`;
    const fromEnds = names.map((name) => {
      if (name === 'started') return `if(duration_us IS NOT NULL, ${begun}, NULL) AS "started"`;
      if (name in endColumns) return `"${name}"`;
      return `CAST(NULL, '${clickhouseType(name, { ...openColumns[name], optional: true })}') AS "${name}"`;
    });
    const lists = `SELECT host_id, max("time") AS full FROM ${place('opens')}
      WHERE ${withinSql({ from, to: at + 1n })} AND ifNull(${nanosecondsOf('"time"')} - ${nanosecondsOf('"started"')} > ${YOUNG_NS}, false)
      GROUP BY host_id`;
    // A number becomes known late: at the end, where a connection is older than the collector; or once it is accepted.
    const named = `SELECT host_id, ends, max("time") AS seen FROM (
        SELECT host_id, ${ends} AS ends, "time" FROM ${place('ends')}
        WHERE ${withinSql({ from, to: to + 1n })} AND (duration_us IS NULL OR ${begun} <= ${moment})
        UNION ALL
        SELECT host_id, ${ends} AS ends, "time" FROM ${place('opens')}
        WHERE ${withinSql({ from, to: to + 1n })} AND flow_ns IS NOT NULL AND ifNull("started", "time") <= ${moment}
      ) GROUP BY host_id, ends`;
    const ended = `SELECT host_id, ${flow} FROM ${place('ends')} WHERE ${withinSql({ from, to: at + 1n })}`;
    const condition = conditionOf(where);
    // Addresses as numbers are for filters.
    const selected = names
      .filter((name) => openColumns[name].kind !== 'address')
      .map((name) => (openColumns[name].kind === 'time' ? nanosecondsOf(`one."${name}"`) : `one."${name}"`));
    const rates =
      query.figures === 'moment'
        ? `LEFT JOIN (SELECT host_id, ${flow} AS flow, sum(bytes_sent * 1e6 / nullIf(span_us, 0)) AS send_rate, sum(bytes_received * 1e6 / nullIf(span_us, 0)) AS receive_rate
            FROM ${place('intervals')} WHERE ${withinSql({ from: at + 1n, to: to + 1n })} AND ${nanosecondsOf('"time"')} - toInt64(least(span_us, 4000000000000000)) * 1000 <= ${at}
            GROUP BY host_id, flow) AS moved ON moved.host_id = one.host_id AND moved.flow = one.flow`
        : '';
    const rows = await asking.rows(
      `SELECT ${selected.join(', ')}, ${rates === '' ? 'NULL, NULL' : 'moved.send_rate, moved.receive_rate'}, count() OVER ()
       FROM (
         SELECT *, ${flow} AS flow FROM (
           SELECT ${names.map((name) => `look."${name}" AS "${name}"`).join(', ')}, 0 AS is_end
           FROM (SELECT *, monotonic_ns, ${ends} AS ends FROM ${place('opens')} WHERE ${withinSql({ from, to: to + 1n })} AND ifNull("started", "time") <= ${moment}) AS look
           LEFT JOIN (${lists}) AS lists ON lists.host_id = look.host_id
           LEFT JOIN (${named}) AS known ON known.host_id = look.host_id AND known.ends = look.ends
           WHERE look."time" >= ifNull(lists.full, ${timeSql(from)})
             AND NOT (look.flow_ns IS NULL AND ifNull(known.seen >= look."time", false))
           UNION ALL
           SELECT ${fromEnds.join(', ')}, 1 AS is_end FROM ${place('ends')}
           WHERE ${withinSql({ from: at + 1n, to: to + 1n })} AND event != 'fail' AND (duration_us IS NULL OR ${begun} <= ${moment})
         ) WHERE (host_id, flow) NOT IN (${ended})
         ORDER BY "time" > ${moment}, is_end, abs(${nanosecondsOf('"time"')} - ${at}) LIMIT 1 BY host_id, flow
       ) AS one ${rates} WHERE ${condition.sql}
       ORDER BY one."started" ASC NULLS FIRST, one.monotonic_ns, one.flow_ns, one.local_port, one.peer_port LIMIT ${limit}`,
      condition.parameters,
    );
    const reading = new ClickhouseRows(openColumns);
    return {
      rows: rows.map((row) => {
        const [sent, received] = row.slice(selected.length) as (number | null)[];
        return {
          ...reading.read(row),
          ...(sent != null && { send_rate: sent }),
          ...(received != null && { receive_rate: received }),
        };
      }),
      count: Number(rows[0]?.at(-1) ?? 0),
    };
  });
}
