/** Places of nodes from one refresh to the next: what is drawn stays where it is. Pure. */
import {
  COLUMN_GAP,
  type LayoutInput,
  NODE_HEIGHT,
  NODE_WIDTH,
  type Place,
  type Places,
  ROW_GAP,
} from './map-geometry.js';

const STEP_X = NODE_WIDTH + COLUMN_GAP;
const STEP_Y = NODE_HEIGHT + ROW_GAP;

/**
 * Places of all nodes: those that have one keep it, new ones come beside their neighbours, behind what connects to them and before
 * what they connect to.
 *
 * @param near Where a node comes rather than beside its neighbours, such as one of a group that was opened
 */
export function placeNodes(
  { nodes, links }: LayoutInput,
  known: Places,
  near: (id: string) => Place | undefined = () => undefined,
): Places {
  const places: Record<string, Place> = {};
  const free = new FreePlaces();
  for (const id of nodes) {
    const place = Object.hasOwn(known, id) ? known[id] : undefined;
    if (place === undefined) continue;
    places[id] = place;
    free.take(place);
  }
  let waiting = nodes.filter((id) => !Object.hasOwn(places, id));
  // A new node may have only neighbours that are new, too: they are placed one after the other.
  while (waiting.length > 0) {
    const wishes = new Map(waiting.map((id) => [id, near(id) ?? beside(id, links, places)] as const));
    const ready = waiting.filter((id) => wishes.get(id) !== undefined);
    const next = ready.length > 0 ? ready : waiting.slice(0, 1);
    for (const id of next) {
      const place = free.nearest(wishes.get(id) ?? free.below());
      places[id] = place;
      free.take(place);
    }
    const done = new Set(next);
    waiting = waiting.filter((id) => !done.has(id));
  }
  return places;
}

function beside(id: string, links: LayoutInput['links'], places: Places): Place | undefined {
  const wishes: Place[] = [];
  for (const [from, to] of links) {
    if (to === id && from !== id && Object.hasOwn(places, from)) wishes.push(moved(places[from]!, STEP_X));
    if (from === id && to !== id && Object.hasOwn(places, to)) wishes.push(moved(places[to]!, -STEP_X));
  }
  if (wishes.length === 0) return undefined;
  const mean = (read: (place: Place) => number) =>
    wishes.reduce((sum, place) => sum + read(place), 0) / wishes.length;
  return { x: mean(({ x }) => x), y: mean(({ y }) => y) };
}

function moved({ x, y }: Place, by: number): Place {
  return { x: x + by, y };
}

/** Where there is room for a node. */
class FreePlaces {
  readonly #taken: Place[] = [];

  take(place: Place): void {
    this.#taken.push(place);
  }

  /** A place below all nodes. */
  below(): Place {
    if (this.#taken.length === 0) return { x: NODE_WIDTH / 2, y: NODE_HEIGHT / 2 };
    const left = Math.min(...this.#taken.map(({ x }) => x));
    const bottom = Math.max(...this.#taken.map(({ y }) => y));
    return { x: left, y: bottom + 2 * STEP_Y };
  }

  /** The free place that is nearest to a wish: a step up or down costs less than one to the side. */
  nearest(wish: Place): Place {
    for (let ring = 0; ; ring++) {
      let best: Place | undefined;
      let least = Number.POSITIVE_INFINITY;
      for (const [columns, rows] of ringSteps(ring)) {
        const place = { x: wish.x + columns * (NODE_WIDTH + 24), y: wish.y + rows * STEP_Y };
        const cost = Math.abs(columns) * 3 + Math.abs(rows);
        if (cost < least && this.#isFree(place)) {
          best = place;
          least = cost;
        }
      }
      if (best !== undefined) return best;
    }
  }

  #isFree({ x, y }: Place): boolean {
    return this.#taken.every(
      (other) => Math.abs(other.x - x) >= NODE_WIDTH + 12 || Math.abs(other.y - y) >= NODE_HEIGHT + 8,
    );
  }
}

/** Steps at most three rows, or one column, further out than those of the ring before. */
function ringSteps(ring: number): (readonly [columns: number, rows: number])[] {
  const steps: (readonly [number, number])[] = [];
  for (let columns = -ring; columns <= ring; columns++)
    for (let rows = -3 * ring; rows <= 3 * ring; rows++)
      if (ring === 0 || Math.abs(columns) === ring || Math.abs(rows) > 3 * (ring - 1))
        steps.push([columns, rows]);
  return steps;
}
