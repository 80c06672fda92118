/**
 * Places all nodes of a graph anew: from the left, where connections begin, to the right. Parts that have nothing to do with each
 * other are laid apart. Pure.
 */
import { Graph, layout } from '@dagrejs/dagre';
import {
  COLUMN_GAP,
  type LayoutInput,
  NODE_HEIGHT,
  NODE_WIDTH,
  type Place,
  type Places,
  ROW_GAP,
} from './map-geometry.js';

/** A rectangle with nodes in it: a node, or leaves of one node in rows and columns. */
interface Block {
  readonly members: readonly string[];
  readonly rows: number;
  readonly width: number;
  readonly height: number;
}

/** A part of the graph with places from its upper left corner on. */
interface Part {
  readonly places: ReadonlyMap<string, Place>;
  readonly width: number;
  readonly height: number;
}

/** Leaves from which on those of one node stand in a block. */
const LEAST_LEAVES = 4;
const LEAF_GAP = 18;
/** Dagre takes time for each link that crosses columns: beyond so many for a node, the weaker ones don't count. */
const LINKS_PER_NODE = 1.15;
/** What is seen at once, in pixels. */
const USUAL_WINDOW = { width: 1360, height: 620 };
/** Text is easily read down to this part of its size. */
const GOOD_SCALE = 0.8;
/** Rows up to which leaves stand in one column. */
const LEAST_ROWS = 8;

/** Places all nodes. It takes up to 0.3 s for 100 nodes. */
export function layoutGraph({ nodes, links }: LayoutInput): Places {
  const known = new Set(nodes);
  const pairs = links.filter(([from, to]) => from !== to && known.has(from) && known.has(to));
  const parts = componentsOf(nodes, pairs).map(({ members, pairs }) => layoutPart(members, pairs));
  return pack(parts);
}

interface Component {
  readonly members: readonly string[];
  readonly pairs: LayoutInput['links'];
}

function componentsOf(nodes: readonly string[], pairs: LayoutInput['links']): Component[] {
  const sets = new DisjointSets(nodes);
  for (const [from, to] of pairs) sets.join(from, to);
  const components = new Map<string, { members: string[]; pairs: (readonly [string, string])[] }>();
  for (const node of nodes) {
    const root = sets.rootOf(node);
    const known = components.get(root);
    if (known === undefined) components.set(root, { members: [node], pairs: [] });
    else known.members.push(node);
  }
  for (const pair of pairs) components.get(sets.rootOf(pair[0]))!.pairs.push(pair);
  return [...components.values()];
}

class DisjointSets {
  readonly #parents: Map<string, string>;

  constructor(items: readonly string[]) {
    this.#parents = new Map(items.map((item) => [item, item]));
  }

  rootOf(item: string): string {
    let root = item;
    for (let parent = this.#parents.get(root)!; parent !== root; parent = this.#parents.get(root)!)
      root = parent;
    this.#parents.set(item, root);
    return root;
  }

  /** @returns Whether they were apart */
  join(a: string, b: string): boolean {
    const [rootA, rootB] = [this.rootOf(a), this.rootOf(b)];
    if (rootA !== rootB) this.#parents.set(rootB, rootA);
    return rootA !== rootB;
  }
}

/** Places the nodes of a part whose nodes are all connected. */
function layoutPart(members: readonly string[], pairs: LayoutInput['links']): Part {
  const { blocks, blockOf } = makeBlocks(members, pairs);
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: ROW_GAP, ranksep: COLUMN_GAP, edgesep: 4 });
  for (const [index, { width, height }] of blocks.entries()) graph.setNode(String(index), { width, height });
  for (const [from, to] of strongest(pairs, blockOf, blocks.length))
    graph.setEdge(String(from), String(to), {});
  layout(graph);
  const centres = blocks.map((_, index) => {
    const { x = 0, y = 0 } = graph.node(String(index)) as Partial<Place>;
    return { x, y };
  });
  const places = new Map<string, Place>();
  for (const [index, { x, y }] of arrange(blocks, centres).entries()) {
    const { members, rows, width, height } = blocks[index]!;
    for (const [place, id] of members.entries())
      places.set(id, {
        x: x - width / 2 + Math.floor(place / rows) * (NODE_WIDTH + LEAF_GAP) + NODE_WIDTH / 2,
        y: y - height / 2 + (place % rows) * (NODE_HEIGHT + ROW_GAP) + NODE_HEIGHT / 2,
      });
  }
  return fromCorner(places);
}

/** A rank of blocks, as columns of their indices. */
type Rank = readonly (readonly number[])[];

/**
 * Places for blocks that can be read together: dagre keeps lines straight, and so leaves much empty, and puts any number of nodes above
 * each other. Where that would be too small in a window, its ranks and their order stay, and each rank is as many columns as it needs.
 */
function arrange(blocks: readonly Block[], centres: readonly Place[]): Place[] {
  const given = boundsOf(blocks, centres);
  if (scaleOf(given) >= GOOD_SCALE) return [...centres];
  const ranks = ranksOf(centres);
  const highest = Math.max(...blocks.map(({ height }) => height));
  let best: { places: Place[]; scale: number } | undefined;
  for (let height = Math.max(highest, 5 * (NODE_HEIGHT + ROW_GAP)); ; height *= 1.2) {
    const wrapped = ranks.map((rank) => columnsOf(rank, blocks, height));
    const places = placeRanks(wrapped, blocks);
    const scale = scaleOf(boundsOf(blocks, places));
    if (best === undefined || scale > best.scale) best = { places, scale };
    if (wrapped.every((columns) => columns.length === 1)) break;
  }
  return best.scale > scaleOf(given) ? best.places : [...centres];
}

/** How large a rectangle is seen in a usual window. */
function scaleOf({ width, height }: { readonly width: number; readonly height: number }): number {
  return Math.min(USUAL_WINDOW.width / width, USUAL_WINDOW.height / height);
}

function boundsOf(blocks: readonly Block[], places: readonly Place[]) {
  const sides = blocks.map(({ width, height }, index) => {
    const { x, y } = places[index]!;
    return { left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 };
  });
  return {
    width: Math.max(...sides.map(({ right }) => right)) - Math.min(...sides.map(({ left }) => left)),
    height: Math.max(...sides.map(({ bottom }) => bottom)) - Math.min(...sides.map(({ top }) => top)),
  };
}

/** Blocks beside each other's centres, from the left; those of a rank from the top. */
function ranksOf(centres: readonly Place[]): number[][] {
  const ranks = new Map<number, number[]>();
  for (const [index, { x }] of centres.entries()) {
    const key = Math.round(x);
    ranks.set(key, [...(ranks.get(key) ?? []), index]);
  }
  return [...ranks]
    .sort((a, b) => a[0] - b[0])
    .map(([, rank]) => rank.sort((a, b) => centres[a]!.y - centres[b]!.y));
}

function columnsOf(rank: readonly number[], blocks: readonly Block[], limit: number): number[][] {
  const total = rank.reduce((sum, index) => sum + blocks[index]!.height + ROW_GAP, 0);
  // Columns of about the same height.
  const height = total / Math.ceil(total / (limit + ROW_GAP));
  const columns: number[][] = [[]];
  let used = 0;
  for (const index of rank) {
    const own = blocks[index]!.height + ROW_GAP;
    if (used > 0 && used + own / 2 > height) {
      columns.push([]);
      used = 0;
    }
    columns.at(-1)!.push(index);
    used += own;
  }
  return columns;
}

function placeRanks(ranks: readonly Rank[], blocks: readonly Block[]): Place[] {
  const places: Place[] = [];
  let left = 0;
  for (const columns of ranks) {
    for (const column of columns) {
      const width = Math.max(...column.map((index) => blocks[index]!.width));
      const height = column.reduce((sum, index) => sum + blocks[index]!.height + ROW_GAP, -ROW_GAP);
      let top = -height / 2;
      for (const index of column) {
        places[index] = { x: left + width / 2, y: top + blocks[index]!.height / 2 };
        top += blocks[index]!.height + ROW_GAP;
      }
      left += width + LEAF_GAP;
    }
    left += COLUMN_GAP - LEAF_GAP;
  }
  return places;
}

/** Leaves of one node, on the same side of it, make a block. */
function makeBlocks(members: readonly string[], pairs: LayoutInput['links']) {
  const neighbours = new Map<string, Set<string>>(members.map((id) => [id, new Set()]));
  const callers = new Set<string>();
  for (const [from, to] of pairs) {
    neighbours.get(from)!.add(to);
    neighbours.get(to)!.add(from);
    callers.add(from);
  }
  const groups = new Map<string, string[]>();
  for (const id of members) {
    const [only, second] = neighbours.get(id)!;
    const isLeaf = only !== undefined && second === undefined && neighbours.get(only)!.size > 1;
    const key = isLeaf ? `${callers.has(id) ? 'before' : 'behind'} ${only}` : `alone ${id}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [id]);
    else known.push(id);
  }
  const blocks: Block[] = [...groups.values()].flatMap((group) =>
    group.length >= LEAST_LEAVES ? [block(group)] : group.map((id) => block([id])),
  );
  const blockOf = new Map(blocks.flatMap((each, index) => each.members.map((id) => [id, index] as const)));
  return { blocks, blockOf };
}

function block(members: readonly string[]): Block {
  const ratio = NODE_WIDTH / (NODE_HEIGHT + ROW_GAP);
  const rows = Math.min(members.length, Math.max(LEAST_ROWS, Math.ceil(Math.sqrt(members.length * ratio))));
  const columns = Math.ceil(members.length / rows);
  return {
    ...{ members, rows },
    width: columns * (NODE_WIDTH + LEAF_GAP) - LEAF_GAP,
    height: rows * (NODE_HEIGHT + ROW_GAP) - ROW_GAP,
  };
}

/** Links between blocks by which they are placed: those that hold them together, and the most important others. */
function strongest(
  pairs: LayoutInput['links'],
  blockOf: ReadonlyMap<string, number>,
  count: number,
): (readonly [number, number])[] {
  const known = new Set<string>();
  const between = pairs
    .map(([from, to]) => [blockOf.get(from)!, blockOf.get(to)!] as const)
    .filter(([from, to]) => {
      const key = `${Math.min(from, to)} ${Math.max(from, to)}`;
      const isNew = from !== to && !known.has(key);
      known.add(key);
      return isNew;
    });
  const sets = new DisjointSets(Array.from({ length: count }, (_, index) => String(index)));
  const holding = between.filter(([from, to]) => sets.join(String(from), String(to)));
  const isHolding = new Set(holding);
  const room = Math.max(0, Math.floor(count * LINKS_PER_NODE) - holding.length);
  return [...holding, ...between.filter((pair) => !isHolding.has(pair)).slice(0, room)];
}

function fromCorner(places: ReadonlyMap<string, Place>): Part {
  const all = [...places.values()];
  const left = Math.min(...all.map(({ x }) => x)) - NODE_WIDTH / 2;
  const top = Math.min(...all.map(({ y }) => y)) - NODE_HEIGHT / 2;
  return {
    places: new Map([...places].map(([id, { x, y }]) => [id, { x: x - left, y: y - top }])),
    width: Math.max(...all.map(({ x }) => x)) + NODE_WIDTH / 2 - left,
    height: Math.max(...all.map(({ y }) => y)) + NODE_HEIGHT / 2 - top,
  };
}

/** Puts parts beside each other, in rows, the highest first. */
function pack(parts: readonly Part[]): Places {
  const [gapX, gapY] = [COLUMN_GAP * 0.6, ROW_GAP * 3];
  const area = parts.reduce((sum, { width, height }) => sum + (width + gapX) * (height + gapY), 0);
  const limit = Math.max(
    Math.sqrt((area * USUAL_WINDOW.width) / USUAL_WINDOW.height),
    ...parts.map(({ width }) => width),
  );
  const places: Record<string, Place> = {};
  let [left, top, rowHeight] = [0, 0, 0];
  for (const part of [...parts].sort((a, b) => b.height - a.height || b.width - a.width)) {
    if (left > 0 && left + part.width > limit) {
      top += rowHeight + gapY;
      left = 0;
      rowHeight = 0;
    }
    for (const [id, { x, y }] of part.places) places[id] = { x: x + left, y: y + top };
    left += part.width + gapX;
    rowHeight = Math.max(rowHeight, part.height);
  }
  return places;
}
