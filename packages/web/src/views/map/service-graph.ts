/** The map as a graph of services: what the API answers, with one edge for each pair. Pure. */
import type { MapEdge, MapNode } from '../../api/api-types.js';
import { parseApiTime } from '../../format/time-text.js';

/** What a node stands for. */
export type ServiceKind = MapNode['kind'];

/** Figures of a node or an edge. */
export interface Flow {
  readonly connections: number;
  readonly failures: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly segments_sent: number;
  readonly retransmits: number;
  /** Bytes a second, both ways. */
  readonly rate: number;
}

/** A service. */
export interface Service extends Flow {
  readonly id: string;
  readonly kind: ServiceKind;
  /** null: connections whose field is not known. */
  readonly name: string | null;
  /** Its host, where the map is of several. */
  readonly host?: string;
}

/** What one service does with another. */
export interface Link extends Flow {
  readonly id: string;
  /** Id of the service that connected. */
  readonly from: string;
  readonly to: string;
  /** Ports of the side that accepted, that with the most connections first. */
  readonly ports: readonly number[];
  /** Means over all ports, weighted by their connections; undefined where none is known. */
  readonly handshakeUs: number | undefined;
  readonly srttUs: number | undefined;
  /** When it was last seen, milliseconds since 1970. */
  readonly last: number;
}

/** Services and what is between them. */
export interface ServiceGraph {
  readonly services: readonly Service[];
  readonly links: readonly Link[];
}

/** An answer of the API, as far as it is drawn. */
export interface MapContent {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
}

const flowNames = [
  ...(['connections', 'failures', 'bytes_sent', 'bytes_received'] as const),
  ...(['segments_sent', 'retransmits', 'rate'] as const),
];

/** The sums of several flows. */
export function sumFlows(flows: readonly Flow[]): Flow {
  const sums = Object.fromEntries(flowNames.map((name) => [name, 0])) as Record<keyof Flow, number>;
  for (const flow of flows) for (const name of flowNames) sums[name] += flow[name];
  return sums;
}

/** The key of a pair. Names have any characters, but no id has a line break: it is JSON. */
export function pairKey(from: string, to: string): string {
  return `${from}\n${to}`;
}

/** The graph of answers: an edge that several have counts once. */
export function serviceGraph(answers: readonly MapContent[]): ServiceGraph {
  const edges = new Map<string, MapEdge>();
  const names = new Map<string, MapNode>();
  for (const answer of answers) {
    for (const node of answer.nodes) if (!names.has(node.id)) names.set(node.id, node);
    for (const edge of answer.edges) edges.set(`${pairKey(edge.from, edge.to)}\n${edge.port}`, edge);
  }
  const links = mergeLinks([...edges.values()].map(linkOf));
  const flows = new Map<string, Link[]>();
  for (const link of links)
    for (const id of new Set([link.from, link.to])) {
      const known = flows.get(id);
      if (known === undefined) flows.set(id, [link]);
      else known.push(link);
    }
  const services = [...names.values()]
    .filter(({ id }) => flows.has(id))
    .map(({ id, kind, name, host }) => ({
      ...{ id, kind, name, ...(host !== undefined && { host }) },
      ...sumFlows(flows.get(id)!),
    }));
  return { services, links };
}

function linkOf(edge: MapEdge): Link {
  const { from, to, port, handshake_us, srtt_us, last } = edge;
  return {
    ...sumFlows([edge]),
    ...{ id: pairKey(from, to), from, to, ports: [port], handshakeUs: handshake_us, srttUs: srtt_us },
    last: parseApiTime(last),
  };
}

/** One link for each pair of ends, in the order in which the pairs come first. */
export function mergeLinks(links: readonly Link[]): Link[] {
  const pairs = new Map<string, Link[]>();
  for (const link of links) {
    const known = pairs.get(link.id);
    if (known === undefined) pairs.set(link.id, [link]);
    else known.push(link);
  }
  return [...pairs.values()].map((same) => (same.length === 1 ? same[0]! : merged(same)));
}

function merged(links: readonly Link[]): Link {
  const { id, from, to } = links[0]!;
  const byPort = new Map<number, number>();
  for (const { ports, connections } of links)
    for (const port of ports) byPort.set(port, (byPort.get(port) ?? 0) + connections / ports.length);
  return {
    ...sumFlows(links),
    ...{ id, from, to },
    ports: [...byPort].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([port]) => port),
    handshakeUs: meanOf(links, ({ handshakeUs }) => handshakeUs),
    srttUs: meanOf(links, ({ srttUs }) => srttUs),
    last: links.reduce((latest, { last }) => Math.max(latest, last), 0),
  };
}

function meanOf(links: readonly Link[], read: (link: Link) => number | undefined): number | undefined {
  let sum = 0;
  let weights = 0;
  for (const link of links) {
    const value = read(link);
    if (value === undefined) continue;
    // A connection that is still open counts none, and has a round-trip time.
    const weight = Math.max(1, link.connections);
    sum += value * weight;
    weights += weight;
  }
  return weights === 0 ? undefined : sum / weights;
}
