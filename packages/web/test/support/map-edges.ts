/** Answers about maps. */
import type { MapEdge, MapNode } from '../../src/api/api-types.js';
import type { MapContent } from '../../src/views/map/service-graph.js';

type End = readonly [kind: MapNode['kind'], name: string | null];

const sums = {
  ...{ connections: 1, failures: 0, bytes_sent: 0, bytes_received: 0, segments_sent: 0 },
  ...{ segments_received: 0, retransmits: 0, rate: 0 },
};

/** An edge between nodes with such names. */
export function edge(from: End, to: End, more: Partial<MapEdge> = {}): MapEdge {
  return {
    ...sums,
    ...{ from: JSON.stringify(from), to: JSON.stringify(to), port: 443 },
    ...{ last: '2026-11-26T10:00:00.000000000Z', ...more },
  };
}

/** An answer with these edges, and their nodes. */
export function answerOf(edges: readonly MapEdge[]): MapContent {
  const ids = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const nodes = [...ids].map((id) => {
    const [kind, name] = JSON.parse(id) as End;
    return { ...sums, id, kind, name };
  });
  return { nodes, edges };
}
