/** The edges of several histories as one map. Pure. */
import { addSums, byMeasure, type EdgeSums, measuresOf, type Sums } from '@weir/history/merge';
import type { ConnectionMap, MapEdge, MapNode, MeasureOrder } from '@weir/history/query';

/** A history's part. */
export interface MapPart {
  /** Name of its host. */
  readonly host: string;
  readonly edges: readonly EdgeSums[];
  readonly count: number;
}

/** How parts are put together. */
export interface MergedMap {
  /** The field that makes a node: where it is `host`, a node is a host. */
  readonly by: string;
  /** Nodes by their numbers in edges. */
  readonly nodes: readonly MapNode[];
  readonly order: MeasureOrder;
  readonly limit: number;
  readonly seconds: number;
}

interface Edge {
  readonly from: MapNode;
  readonly to: MapNode;
  readonly port: number;
  readonly sums: Sums;
  readonly last: bigint;
}

/** A node of a group as one of its host. */
export function nodeOf(node: MapNode, host: string, by: string): MapNode {
  if (node.kind !== 'group') return node;
  return by === 'host' ? { kind: 'group', name: host } : { ...node, host };
}

/** Puts parts together: what is the same edge in several of them adds up. */
export function mergeMap(
  parts: readonly MapPart[],
  { by, nodes, order, limit, seconds }: MergedMap,
): ConnectionMap {
  const edges = new Map<string, Edge>();
  let count = 0;
  for (const { host, edges: some, count: ofPart } of parts) {
    count += ofPart - some.length;
    for (const { from, to, port, sums, last } of some) {
      const target = typeof to === 'number' ? nodes[to]! : nodeOf(to, host, by);
      const edge = { from: nodeOf(from, host, by), to: target, port, sums, last };
      const text = JSON.stringify([textOf(edge.from), textOf(edge.to), port]);
      const known = edges.get(text);
      edges.set(text, known === undefined ? edge : addEdge(known, edge));
    }
  }
  const compare = byMeasure(order, ['text']);
  const sorted = [...edges]
    .map(([text, { sums, ...edge }]) => ({ key: { text }, ...edge, ...measuresOf(sums, seconds) }))
    .toSorted(compare);
  return {
    edges: sorted.slice(0, limit).map(({ key: _, ...edge }): MapEdge => edge),
    count: count + edges.size,
  };
}

function textOf({ kind, name, host }: MapNode): string {
  return JSON.stringify([kind, name, host ?? null]);
}

function addEdge(a: Edge, b: Edge): Edge {
  return { ...a, sums: addSums(a.sums, b.sums), last: a.last > b.last ? a.last : b.last };
}
