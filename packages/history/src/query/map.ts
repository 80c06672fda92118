/** Who talks to whom: nodes and edges, each connection once. */
import type { DuckDBValue } from '@duckdb/node-api';
import { formatPrefix, mapPrefix, parseNetwork } from '@weir/ebpf/address';
import { OptionError } from '@weir/ebpf/errors';
import { sumList, sumNames } from '../rollup/sums.js';
import type { HistoryReader, Session, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import type { Condition } from './condition.js';
import { fieldsNamed, groupFields } from './fields.js';
import { checkLimit, secondsOf } from './groups.js';
import {
  MEASURE_COUNT,
  type MeasureOrder,
  type Measures,
  measureList,
  measureOrders,
  readMeasures,
} from './measures.js';
import { isClientSql } from './side-sql.js';
import { hostNamesIn, withJoinedBoots } from './stored-hosts.js';
import { traffic } from './traffic.js';

/** Which map is wanted. */
export interface MapQuery extends QueryLimits {
  readonly range: TimeRange;
  /** The field of `groupFields` that makes a node of connections of this history, such as `process` or `unit`. */
  readonly by: string;
  /**
   * Networks whose addresses are one node each, such as `10.0.0.0/8`; the longest that fits counts. `peer_group` stands for the
   * groups that rows have, where no other network fits. At most 100.
   */
  readonly networks?: readonly string[];
  readonly where?: Condition;
  /** The largest edges come first. Default: bytes. */
  readonly order?: MeasureOrder;
  /** At most so many edges, up to 10,000. Default: 200. */
  readonly limit?: number;
}

/** A node: processes of a group, or what is known by its address alone. */
export interface MapNode {
  readonly kind: 'group' | 'address' | 'network';
  /** null: connections whose field is not known. */
  readonly name: string | null;
  /** The host of a group, by its name; absent where the map is of one host. */
  readonly host?: string;
}

/** An edge, from the side that connected to the one that accepted. */
export interface MapEdge extends Measures {
  readonly from: MapNode;
  readonly to: MapNode;
  /** Port of the side that accepted. */
  readonly port: number;
  /** When it was last seen, nanoseconds since 1970: a connection ended, or moved something in the minute up to then. */
  readonly last: bigint;
}

/** A map. Where the direction is not known, the lower port accepted. */
export interface ConnectionMap {
  readonly edges: readonly MapEdge[];
  /** How many edges there are, of which the first are returned. */
  readonly count: number;
}

const MOST_NETWORKS = 100;
/** Stands among networks for the groups that rows have. */
const GROUPS = 'peer_group';

/** The expression for the node of an address, as a kind and a name. */
function addressNode(prefixes: readonly NetworkRange[], hasGroups: boolean): Condition {
  const cases = prefixes.map(() => "WHEN peer_ip BETWEEN ?::UUID AND ?::UUID AND family = ? THEN 'n' || ?");
  const values = prefixes.flatMap(({ text, family, first, last }) => [
    ...[uuidText(first), uuidText(last), family, text],
  ]);
  const address = hasGroups ? "coalesce('n' || peer_group, 'a' || peer_address)" : "'a' || peer_address";
  return { sql: cases.length === 0 ? address : `CASE ${cases.join(' ')} ELSE ${address} END`, values };
}

function uuidText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** An edge as the database has it: nodes as {@link readNode} reads them. */
export interface EdgeRow {
  readonly source: DuckDBValue;
  readonly target: DuckDBValue;
  readonly port: number;
  readonly sums: readonly DuckDBValue[];
  readonly measures: readonly DuckDBValue[];
  readonly last: bigint;
}

/** Ends that accepted in other histories: a column of `connection_id`, and one of the node that each has. */
export type OtherServers = Condition;

const noServers: OtherServers = { sql: 'SELECT NULL::UBIGINT, NULL::VARCHAR WHERE false', values: [] };

/** Edges, the largest first, and how many there are. */
export async function findEdges(
  session: Session,
  { range, by, where }: MapQuery,
  { field, order, limit, prefixes, hasGroups }: ReturnType<typeof checkMap>,
  others: OtherServers = noServers,
): Promise<{ readonly edges: readonly EdgeRow[]; readonly count: number }> {
  const [{ sql: own } = field] = await withJoinedBoots(session, [by], [field]);
  const node = addressNode(prefixes, hasGroups);
  const ends = 'connection_id, peer_port, local_port, time';
  const source = traffic(session, { range, where, users: [own, node.sql, isClientSql, sumList, ends] });
  const rows = await session.query(
    `WITH rows AS NOT MATERIALIZED (
         SELECT *, 'g' || CAST(${own} AS VARCHAR) AS own, ${node.sql} AS other, ${isClientSql} AS is_client FROM ${source.sql}
       ), servers AS (
         SELECT connection_id, any_value(coalesce(own, 'g')) AS server, any_value(own) IS NOT NULL AS is_known
         FROM rows WHERE NOT is_client AND connection_id IS NOT NULL GROUP BY connection_id
       ), clients AS (SELECT DISTINCT connection_id FROM rows WHERE is_client AND connection_id IS NOT NULL),
       elsewhere(connection_id, node) AS (${others.sql}),
       edges AS (
         SELECT rows.*, own AS source,
           CASE WHEN server IS NULL THEN coalesce(node, other) WHEN is_known THEN server END AS target, peer_port AS port
         FROM rows LEFT JOIN servers USING (connection_id) LEFT JOIN elsewhere USING (connection_id) WHERE is_client
         UNION ALL
         SELECT rows.*, other AS source, own AS target, local_port AS port
         FROM rows ANTI JOIN clients USING (connection_id) WHERE NOT is_client
       )
       SELECT source, target, port, ${[measureList, ...sumNames].join(', ')}, last, count(*) OVER ()
       FROM (SELECT source, target, port, ${sumList}, max(epoch_ns(time)) AS last FROM edges GROUP BY source, target, port)
       ORDER BY ${measureOrders[order]} DESC NULLS LAST, source, target, port LIMIT ${limit}`,
    [...node.values, ...source.values, ...others.values],
  );
  const width = 3 + MEASURE_COUNT;
  const edges = rows.map((row) => ({
    ...{ source: row[0]!, target: row[1]!, port: row[2] as number },
    measures: row.slice(3, width),
    sums: row.slice(width, width + sumNames.length),
    last: row[width + sumNames.length] as bigint,
  }));
  return { edges, count: Number(rows[0]?.at(-1) ?? 0) };
}

/** What a question about a map asks for. @throws OptionError where it makes no sense */
export function checkMap(query: MapQuery, known = groupFields) {
  const { by, networks = [], order = 'bytes' } = query;
  const [field] = fieldsNamed([by], known);
  const limit = checkLimit(query.limit ?? 200, 10_000);
  if (networks.length > MOST_NETWORKS) throw new OptionError(`networks: at most ${MOST_NETWORKS}`);
  if (!Object.hasOwn(measureOrders, order))
    throw new OptionError(`order: choose from ${Object.keys(measureOrders).join(', ')}`);
  const prefixes = networkRanges(networks.filter((text) => text !== GROUPS));
  return { field: field!, limit, order, prefixes, hasGroups: networks.includes(GROUPS) };
}

/** A network as the range of its addresses. */
export interface NetworkRange {
  readonly text: string;
  readonly family: 'ipv4' | 'ipv6';
  /** 16 bytes each; IPv4 is mapped into IPv6. */
  readonly first: Buffer;
  readonly last: Buffer;
}

/** Networks, the longest prefix first. @throws OptionError */
function networkRanges(networks: readonly string[]): NetworkRange[] {
  return networks
    .map((text) => {
      const prefix = parseNetwork(text);
      return { text: formatPrefix(prefix), mapped: mapPrefix(prefix) };
    })
    .toSorted((a, b) => b.mapped.bits - a.mapped.bits)
    .map(({ text, mapped }) => {
      const first = Buffer.from(mapped.address);
      const last = Buffer.from(
        first.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, mapped.bits - index * 8)))),
      );
      return { text, family: mapped.ipv4 ? 'ipv4' : 'ipv6', first, last };
    });
}

/**
 * The map of a range. A connection of which both ends are here is one edge between two groups, with the figures of the side that
 * connected: both ends have the same `connection_id`.
 *
 * @throws OptionError, InterruptedError
 */
export function queryMap(reader: HistoryReader, query: MapQuery): Promise<Answer<ConnectionMap>> {
  const checked = checkMap(query);
  return answer(reader, query.range, query, async (session) => {
    const hosts = query.by === 'host' ? await hostNamesIn(session) : undefined;
    const { edges, count } = await findEdges(session, query, checked);
    const nodeOf = (value: DuckDBValue) => {
      const node = readNode(value);
      if (hosts === undefined || node.kind !== 'group' || node.name === null) return node;
      return { ...node, name: hosts.shown(BigInt(node.name)) };
    };
    const seconds = secondsOf(query.range);
    return {
      edges: edges.map(({ source, target, port, measures, last }) => ({
        from: nodeOf(source),
        to: nodeOf(target),
        port,
        ...readMeasures(measures, seconds),
        last,
      })),
      count,
    };
  });
}

/** Kinds of nodes by the letter before their name. */
export const nodeKinds: Readonly<Record<string, MapNode['kind']>> = {
  g: 'group',
  a: 'address',
  n: 'network',
};

/** A node out of its text. */
export function readNode(value: DuckDBValue): MapNode {
  if (value === null) return { kind: 'group', name: null };
  const text = value as string;
  return { kind: nodeKinds[text[0]!]!, name: text.slice(1) };
}
