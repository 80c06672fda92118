/** Who talks to whom: nodes and edges, each connection once. */
import type { DuckDBValue } from '@duckdb/node-api';
import { formatPrefix, mapPrefix, parseNetwork } from '@weir/ebpf/address';
import { OptionError } from '@weir/ebpf/errors';
import { sumList } from '../rollup/sums.js';
import type { HistoryReader, TimeRange } from '../store/session.js';
import { type Answer, answer, type QueryLimits } from './answer.js';
import type { Condition } from './condition.js';
import { fieldsNamed } from './fields.js';
import { checkLimit, secondsOf } from './groups.js';
import {
  MEASURE_COUNT,
  type MeasureOrder,
  type Measures,
  measureList,
  measureOrders,
  readMeasures,
} from './measures.js';
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
function addressNode(networks: readonly string[]): Condition {
  if (networks.length > MOST_NETWORKS) throw new OptionError(`networks: at most ${MOST_NETWORKS}`);
  const hasGroups = networks.includes(GROUPS);
  const prefixes = networks
    .filter((text) => text !== GROUPS)
    .map((text) => {
      const prefix = parseNetwork(text);
      return { text: formatPrefix(prefix), mapped: mapPrefix(prefix) };
    })
    .toSorted((a, b) => b.mapped.bits - a.mapped.bits);
  const cases = prefixes.map(() => "WHEN peer_ip BETWEEN ?::UUID AND ?::UUID AND family = ? THEN 'n' || ?");
  const values = prefixes.flatMap(({ text, mapped }) => {
    const first = Buffer.from(mapped.address);
    const last = first.map(
      (byte, index) => byte | (0xff >> Math.min(8, Math.max(0, mapped.bits - index * 8))),
    );
    return [uuidText(first), uuidText(last), mapped.ipv4 ? 'ipv4' : 'ipv6', text];
  });
  const address = hasGroups ? "coalesce('n' || peer_group, 'a' || peer_address)" : "'a' || peer_address";
  return { sql: cases.length === 0 ? address : `CASE ${cases.join(' ')} ELSE ${address} END`, values };
}

function uuidText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Whether this side connected. */
const isClient =
  "CASE direction WHEN 'outbound' THEN true WHEN 'inbound' THEN false ELSE local_port > peer_port END";

/**
 * The map of a range. A connection of which both ends are here is one edge between two groups, with the figures of the side that
 * connected: both ends have the same `connection_id`.
 *
 * @throws OptionError, InterruptedError
 */
export function queryMap(reader: HistoryReader, query: MapQuery): Promise<Answer<ConnectionMap>> {
  const { range, by, networks = [], where, order = 'bytes' } = query;
  const [field] = fieldsNamed([by]);
  const limit = checkLimit(query.limit ?? 200, 10_000);
  const node = addressNode(networks);
  if (!Object.hasOwn(measureOrders, order))
    throw new OptionError(`order: choose from ${Object.keys(measureOrders).join(', ')}`);
  return answer(reader, range, query, async (session) => {
    const source = traffic(session, range, where);
    const rows = await session.query(
      `WITH rows AS NOT MATERIALIZED (
         SELECT *, 'g' || CAST(${field!.sql} AS VARCHAR) AS own, ${node.sql} AS other, ${isClient} AS is_client FROM ${source.sql}
       ), servers AS (
         SELECT connection_id, any_value(coalesce(own, 'g')) AS server, any_value(own) IS NOT NULL AS is_known
         FROM rows WHERE NOT is_client AND connection_id IS NOT NULL GROUP BY connection_id
       ), clients AS (SELECT DISTINCT connection_id FROM rows WHERE is_client AND connection_id IS NOT NULL),
       edges AS (
         SELECT rows.*, own AS source, CASE WHEN server IS NULL THEN other WHEN is_known THEN server END AS target, peer_port AS port
         FROM rows LEFT JOIN servers USING (connection_id) WHERE is_client
         UNION ALL
         SELECT rows.*, other AS source, own AS target, local_port AS port
         FROM rows ANTI JOIN clients USING (connection_id) WHERE NOT is_client
       )
       SELECT source, target, port, ${measureList}, last, count(*) OVER ()
       FROM (SELECT source, target, port, ${sumList}, max(epoch_ns(time)) AS last FROM edges GROUP BY source, target, port)
       ORDER BY ${measureOrders[order]} DESC NULLS LAST, source, target, port LIMIT ${limit}`,
      [...node.values, ...source.values],
    );
    const seconds = secondsOf(range);
    const edges = rows.map((row) => ({
      from: readNode(row[0]!),
      to: readNode(row[1]!),
      port: row[2] as number,
      ...readMeasures(row.slice(3, 3 + MEASURE_COUNT), seconds),
      last: row[3 + MEASURE_COUNT] as bigint,
    }));
    return { edges, count: Number(rows[0]?.at(-1) ?? 0) };
  });
}

const kinds: Readonly<Record<string, MapNode['kind']>> = { g: 'group', a: 'address', n: 'network' };

function readNode(value: DuckDBValue): MapNode {
  if (value === null) return { kind: 'group', name: null };
  const text = value as string;
  return { kind: kinds[text[0]!]!, name: text.slice(1) };
}
