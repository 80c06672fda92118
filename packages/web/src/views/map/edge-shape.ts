/** The curves of links, and where on the map they are. Pure. */
import { NODE_HEIGHT, NODE_WIDTH, type Place } from './map-geometry.js';

/** A cubic Bézier curve: its ends and its control points. */
export type Curve = readonly [start: Place, first: Place, second: Place, end: Place];

/** Links to the right lie above those to the left, so that a pair of links in both directions is two lines. */
const LANE = 5;
const HALF = NODE_WIDTH / 2;
const LEAST_BEND = 36;

/** The curve from one node to another, from side to side. */
export function curveBetween(from: Place, to: Place): Curve {
  if (from === to) return loop(from);
  const lane = to.x - from.x > 0 || (to.x === from.x && to.y > from.y) ? -LANE : LANE;
  const [startY, endY] = [from.y + lane, to.y + lane];
  if (Math.abs(to.x - from.x) < NODE_WIDTH) {
    // One is above the other: around the right side of both.
    const [startX, endX] = [from.x + HALF, to.x + HALF];
    const bend = Math.max(startX, endX) + LEAST_BEND + Math.min(60, Math.abs(endY - startY) / 8);
    return [
      { x: startX, y: startY },
      { x: bend, y: startY },
      { x: bend, y: endY },
      { x: endX, y: endY },
    ];
  }
  const side = to.x > from.x ? 1 : -1;
  const [startX, endX] = [from.x + side * HALF, to.x - side * HALF];
  const bend = side * Math.max(LEAST_BEND, Math.abs(endX - startX) * 0.45);
  return [
    { x: startX, y: startY },
    { x: startX + bend, y: startY },
    { x: endX - bend, y: endY },
    { x: endX, y: endY },
  ];
}

function loop({ x, y }: Place): Curve {
  const top = y - NODE_HEIGHT / 2;
  return [
    { x: x + HALF - 40, y: top },
    { x: x + HALF - 50, y: top - 34 },
    { x: x + HALF + 30, y: top - 34 },
    { x: x + HALF - 8, y: top },
  ];
}

const text = ({ x, y }: Place) => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;

/** The curve as the path of SVG. */
export function pathOf([start, first, second, end]: Curve): string {
  return `M${text(start)}C${text(first)} ${text(second)} ${text(end)}`;
}

/** The head of an arrow at the end of a curve, as the path of SVG. @param size Its length */
export function arrowOf([, , second, end]: Curve, size = 8): string {
  const length = Math.hypot(end.x - second.x, end.y - second.y) || 1;
  const [x, y] = [(end.x - second.x) / length, (end.y - second.y) / length];
  const back = { x: end.x - x * size, y: end.y - y * size };
  const half = size * 0.45;
  const left = { x: back.x - y * half, y: back.y + x * half };
  const right = { x: back.x + y * half, y: back.y - x * half };
  return `M${text(end)}L${text(left)}L${text(right)}Z`;
}

/** A point of a curve. @param t From 0 at its beginning to 1 at its end */
export function pointOf([start, first, second, end]: Curve, t: number): Place {
  const u = 1 - t;
  const mix = (read: (place: Place) => number) =>
    u * u * u * read(start) +
    3 * u * u * t * read(first) +
    3 * u * t * t * read(second) +
    t * t * t * read(end);
  return { x: mix(({ x }) => x), y: mix(({ y }) => y) };
}

const STEPS = 14;

/** How far a point is from a curve, nearly. */
export function distanceTo(curve: Curve, point: Place): number {
  let least = Number.POSITIVE_INFINITY;
  let before = curve[0];
  for (let step = 1; step <= STEPS; step++) {
    const at = pointOf(curve, step / STEPS);
    least = Math.min(least, distanceToLine(before, at, point));
    before = at;
  }
  return least;
}

function distanceToLine(a: Place, b: Place, point: Place): number {
  const [x, y] = [b.x - a.x, b.y - a.y];
  const length = x * x + y * y;
  const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((point.x - a.x) * x + (point.y - a.y) * y) / length));
  return Math.hypot(point.x - a.x - t * x, point.y - a.y - t * y);
}

/** How thick a line is that moves so much, where the largest moves most: a tenth of it is a step thinner, down to a thousandth. */
export function widthOf(weight: number, most: number): number {
  if (weight <= 0 || most <= 0) return THINNEST;
  return THINNEST + 1.5 * Math.max(0, 3 + Math.log10(weight / most));
}

const THINNEST = 1.2;

/** What was last seen at the beginning of the range is faint, and what was just seen is not. */
export function opacityOf(last: number, range: { readonly from: number; readonly to: number }): number {
  const age = (range.to - last) / Math.max(1, range.to - range.from);
  return Math.round(Math.min(1, Math.max(0.22, 1.05 - age * 0.9)) * 100) / 100;
}
