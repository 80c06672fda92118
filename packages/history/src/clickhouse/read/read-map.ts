/** Who talks to whom on all hosts: nodes and edges, each connection once. */
import type { Answer } from '../../query/answer.js';
import { secondsOf } from '../../query/groups.js';
import type { HostNames } from '../../query/host-names.js';
import {
  type ConnectionMap,
  checkMap,
  type MapEdge,
  type MapNode,
  type MapQuery,
  type NetworkRange,
  nodeKinds,
} from '../../query/map.js';
import { MEASURE_COUNT, measureList, measureOrders, readMeasures } from '../../query/measures.js';
import { clickhouseDialect } from '../clickhouse-dialect.js';
import { quoteLiteral } from '../column-types.js';
import { tablePlace } from '../create-tables.js';
import type { ClickhouseReader } from './clickhouse-reader.js';
import { answerIn } from './coverage.js';
import { hostNamesIn } from './hosts.js';
import { allRows, besides, endsOfClient, endsOfServer, isElsewhere, overlaps } from './once.js';
import { clickhouseFields } from './read-fields.js';
import { countedRows, hasBareRows, hostsIn, rowSumList } from './read-sums.js';
import { nanosecondsOf } from './row-columns.js';

/** The node of an address, as a kind and a name. */
function addressNode(prefixes: readonly NetworkRange[], hasGroups: boolean): string {
  const plain = "concat('a', toString(peer_address))";
  const address = hasGroups ? `coalesce(concat('n', toString(peer_group)), ${plain})` : plain;
  if (prefixes.length === 0) return address;
  const ip = (bytes: Buffer) => `toIPv6(${quoteLiteral(bytes.toString('hex').match(/.{4}/g)!.join(':'))})`;
  const cases = prefixes.map(
    ({ text, family, first, last }) =>
      `peer_ip BETWEEN ${ip(first)} AND ${ip(last)} AND family = '${family}', ${quoteLiteral(`n${text}`)}`,
  );
  return `multiIf(${cases.join(', ')}, ${address})`;
}

/**
 * The map of a range. Both ends of a connection are one edge between two groups, with the figures of the side that connected, as
 * `once.ts` joins them. Where several hosts have rows, a group is one of a host.
 *
 * @throws OptionError, InterruptedError, HistoryError
 */
export function clickhouseMap(reader: ClickhouseReader, query: MapQuery): Promise<Answer<ConnectionMap>> {
  const { range, by, where } = query;
  const { field, limit, order, prefixes, hasGroups } = checkMap(query, clickhouseFields);
  return answerIn(reader, range, query, async (asking) => {
    const place = (table: string) => tablePlace(asking, table);
    const isOne = (await hostsIn(asking, range)) < 2;
    const hasMirrored = !isOne && (await hasBareRows(asking, range));
    const hosts = await hostNamesIn(asking);
    // A host has another id after each boot: groups are known by its newest one, whose name they get in the end.
    const [hostOf] = hosts.joined(['host'], [clickhouseFields.host!], clickhouseDialect);
    const own = `concat('g', toString(${by === 'host' ? hostOf!.sql : field.sql}))`;
    const host = isOne ? "''" : `toString(${hostOf!.sql})`;
    const keys = [own, addressNode(prefixes, hasGroups), host];
    const counted = await countedRows(asking, { range, where, keys: [], carried: keys });
    const rows = `(SELECT *, ${own} AS own, ${addressNode(prefixes, hasGroups)} AS other, ${host} AS host FROM ${counted.sql})`;
    const beside = allRows({ place, range: isOne ? range : besides(range), where, keys });
    const inRange = `${nanosecondsOf('"time"')} >= ${range.from} AND ${nanosecondsOf('"time"')} < ${range.to}`;
    const time = nanosecondsOf('"time"');
    /** Ends of the side that accepted, with columns of a letter. */
    const others = (letter: string, columns: readonly string[], condition: string) => `SELECT
        ${columns.map((column) => `${column} AS ${letter}_${column}`).join(', ')},
        argMax(ifNull(own, 'g'), (${inRange}, own IS NOT NULL)) AS ${letter}_own, max(own IS NOT NULL) AS ${letter}_is_known,
        any(host) AS ${letter}_host, min(host_id) AS ${letter}_lo, max(host_id) AS ${letter}_hi,
        max(${inRange}) AS ${letter}_is_within, min(begun_ns) AS ${letter}_begun, max(${time}) AS ${letter}_ended
      FROM (SELECT *, k0 AS own, k1 AS other, k2 AS host FROM ${beside.sql}) WHERE NOT is_client AND ${condition}
      GROUP BY ${columns.join(', ')}`;
    const [clientEnds, serverEnds] = [endsOfClient.split(', '), endsOfServer.split(', ')];
    const byId = others('s', ['connection_id'], 'connection_id IS NOT NULL');
    const byEnds = others('m', serverEnds, isElsewhere);
    const all = allRows({ place, range, where, keys: [] });
    const clientIds = `SELECT connection_id FROM ${all.sql} WHERE is_client AND connection_id IS NOT NULL`;
    const sameEnds = clientEnds.map((each, index) => `m_${serverEnds[index]} = rows.${each}`).join(' AND ');
    const isOther = (letter: string) => `${letter}_lo != host_id AND ${letter}_hi != host_id`;
    const isById = `(s_is_within OR (${isOther('s')}))`;
    const isMirrored = `(${isOther('m')} AND ${overlaps('begun_ns', time, ['m_begun', 'm_ended'])})`;
    const target = (of: (letter: string) => string, unknown: string) => {
      const mirrored = hasMirrored ? `ifNull(${isMirrored}, false), ${of('m')}, ` : '';
      return `multiIf(ifNull(${isById}, false), ${of('s')}, ${mirrored}${unknown})`;
    };
    const edges = `SELECT rows.*, own AS source, host AS source_host, peer_port AS port,
        ${target((letter) => `if(${letter}_is_known, ${letter}_own, NULL)`, 'other')} AS target,
        ${target((letter) => `${letter}_host`, "''")} AS target_host
      FROM ${rows} AS rows LEFT JOIN (${byId}) AS server ON s_connection_id = rows.connection_id
        ${hasMirrored ? `LEFT JOIN (${byEnds}) AS mirror ON ${sameEnds}` : ''} WHERE is_client
      UNION ALL SELECT rows.*, other AS source, '' AS source_host, local_port AS port, own AS target, host AS target_host
      FROM ${rows} AS rows WHERE NOT is_client AND (connection_id IS NULL OR connection_id NOT IN (${clientIds}))`;
    const found = await asking.rows(
      `SELECT source, source_host, target, target_host, port, ${measureList}, last, count() OVER () FROM (
         SELECT source, source_host, target, target_host, port, ${rowSumList}, max(${time}) AS last FROM (${edges}) GROUP BY source, source_host, target, target_host, port)
       ORDER BY ${measureOrders[order]} DESC NULLS LAST, source, target, port, source_host, target_host LIMIT ${limit}`,
      counted.parameters,
    );
    return {
      edges: found.map((row) =>
        readEdge(row, secondsOf(range), (value, of) => readNode(value, of, by, hosts)),
      ),
      count: Number(found[0]?.at(-1) ?? 0),
    };
  });
}

function readEdge(
  row: readonly unknown[],
  seconds: number,
  nodeOf: (value: unknown, host: string) => MapNode,
): MapEdge {
  const [source, sourceHost, target, targetHost, port] = row;
  return {
    from: nodeOf(source, sourceHost as string),
    to: nodeOf(target, targetHost as string),
    port: port as number,
    ...readMeasures(row.slice(5, 5 + MEASURE_COUNT), seconds),
    last: BigInt(row[5 + MEASURE_COUNT] as string),
  };
}

function readNode(value: unknown, host: string, by: string, hosts: HostNames): MapNode {
  const of = host === '' ? {} : { host: hosts.shown(BigInt(host)) };
  if (value === null) return { kind: 'group', name: null, ...of };
  const text = value as string;
  const kind = nodeKinds[text[0]!]!;
  const name = text.slice(1);
  return { kind, name: kind === 'group' && by === 'host' ? hosts.shown(BigInt(name)) : name, ...of };
}
