/** Places of the nodes that are drawn, kept while the page is open. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type DrawnGraph, groupOf } from './fold-graph.js';
import { layOut } from './layout-client.js';
import type { LayoutInput, Place, Places } from './map-geometry.js';
import { placeNodes } from './place-nodes.js';

/** Places by what makes the nodes; also those of nodes that are not drawn now. */
const remembered = new Map<string, Places>();
const MOST_REMEMBERED = 3000;
/** Where fewer of the nodes have a place, there is no picture to keep. */
const LEAST_KNOWN = 0.25;

/** The places of a graph. */
export interface GraphPlaces {
  /** Undefined until it is laid out for the first time. */
  readonly places: Places | undefined;
  /** Grows with each whole layout. */
  readonly layouts: number;
  /** Lays everything out anew. */
  readonly again: () => void;
  /** Puts a node where somebody wants it. */
  readonly move: (id: string, place: Place) => void;
}

/** Places of a graph. @param grouping What makes its nodes: with another one, it is laid out anew */
export function usePlaces(graph: DrawnGraph | undefined, grouping: string): GraphPlaces {
  const [changes, setChanges] = useState(0);
  const [wanted, setWanted] = useState(0);
  const [layouts, setLayouts] = useState(0);
  const done = useRef(0);
  const known = remembered.get(grouping);
  // `changes` counts changes of what is known.
  const places = useMemo(
    () =>
      graph === undefined || known === undefined
        ? undefined
        : placeNodes(inputOf(graph), known, nearOf(graph, known)),
    [graph, known, changes],
  );
  useEffect(() => {
    if (places !== undefined) remember(grouping, places);
  }, [places, grouping]);
  const isWanted =
    graph !== undefined && graph.nodes.length > 0 && (wanted !== done.current || isStrange(graph, known));
  // A graph that changes meanwhile is laid out as it was.
  useEffect(() => {
    if (!isWanted || graph === undefined) return;
    const controller = new AbortController();
    layOut(inputOf(graph), controller.signal).then(
      (laidOut) => {
        done.current = wanted;
        remembered.set(grouping, laidOut);
        setLayouts((count) => count + 1);
        setChanges((count) => count + 1);
      },
      () => {},
    );
    return () => controller.abort();
  }, [isWanted, grouping, wanted]);
  return {
    places,
    layouts,
    again: () => setWanted((count) => count + 1),
    move: (id, place) => {
      remember(grouping, { [id]: place });
      setChanges((count) => count + 1);
    },
  };
}

function isStrange({ nodes }: DrawnGraph, known: Places | undefined): boolean {
  if (known === undefined) return true;
  return nodes.filter(({ id }) => Object.hasOwn(known, id)).length < nodes.length * LEAST_KNOWN;
}

function remember(grouping: string, places: Places): void {
  const all = { ...remembered.get(grouping), ...places };
  remembered.set(grouping, Object.keys(all).length > MOST_REMEMBERED ? places : all);
}

/** What the layout needs to know. */
function inputOf({ nodes, links }: DrawnGraph): LayoutInput {
  return { nodes: nodes.map(({ id }) => id), links: links.map(({ from, to }) => [from, to]) };
}

/** A member of a group that was opened comes where the group is. */
function nearOf({ nodes }: DrawnGraph, known: Places): (id: string) => Place | undefined {
  const groups = new Map(
    nodes.flatMap(({ id, group, members }) =>
      group === undefined ? [[id, `others ${groupOf(members[0]!)}`] as const] : [],
    ),
  );
  return (id) => {
    const group = groups.get(id);
    return group !== undefined && Object.hasOwn(known, group) ? known[group] : undefined;
  };
}
