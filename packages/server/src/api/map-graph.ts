/** A service map: the nodes of edges, with what flows through them. Pure. */
import type { MapEdge, MapNode, Measures } from '@weir/history/query';
import { timeText } from '@weir/history/rows';

const sumNames = [
  ...(['connections', 'failures', 'bytes_sent', 'bytes_received'] as const),
  ...(['segments_sent', 'segments_received', 'retransmits', 'rate'] as const),
];

/** Figures that add up. */
export type Sums = Pick<Measures, (typeof sumNames)[number]>;

/** A node with the sums of its edges. */
export interface GraphNode extends Sums {
  readonly id: string;
  readonly kind: MapNode['kind'];
  /** null: connections whose field is not known. */
  readonly name: string | null;
  /** The host of a group, where the map is of several. */
  readonly host?: string;
}

/** An edge between nodes by their ids. */
export interface GraphEdge extends Measures {
  readonly from: string;
  readonly to: string;
  /** Port of the side that accepted. */
  readonly port: number;
  /** When it was last seen. */
  readonly last: string;
}

type MutableSums = { -readonly [Name in keyof Sums]: Sums[Name] };

/** The id of a node; names may have any characters. */
function idOf({ kind, name, host }: MapNode): string {
  return JSON.stringify(host === undefined ? [kind, name] : [kind, name, host]);
}

/** Puts edges together to a graph. Nodes come in the order of their edges. */
export function mapGraph(edges: readonly MapEdge[]) {
  const nodes = new Map<string, MutableSums & Pick<GraphNode, 'id' | 'kind' | 'name' | 'host'>>();
  const add = (node: MapNode, edge: MapEdge) => {
    const id = idOf(node);
    const known = nodes.get(id);
    const sums = known ?? { id, ...node, ...noSums() };
    if (known === undefined) nodes.set(id, sums);
    for (const name of sumNames) sums[name] += edge[name];
    return id;
  };
  const drawn = edges.map((edge): GraphEdge => {
    const from = add(edge.from, edge);
    // An edge from a node to itself counts once there.
    const to = idOf(edge.to) === from ? from : add(edge.to, edge);
    return { ...edge, from, to, last: timeText(edge.last) };
  });
  return { nodes: [...nodes.values()], edges: drawn };
}

function noSums(): MutableSums {
  return Object.fromEntries(sumNames.map((name) => [name, 0])) as MutableSums;
}
