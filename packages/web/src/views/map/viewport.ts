/** Which part of the map is seen. Pure. */
import { NODE_HEIGHT, NODE_WIDTH, type Place } from './map-geometry.js';

/** A point of the map is seen at `point * scale + (x, y)`. */
export interface Viewport {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** Size of what shows the map, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const LEAST_SCALE = 0.08;
const MOST_SCALE = 3;
const MARGIN = 24;

/** Zooms by a factor; what is at a point of the screen stays there. */
export function zoomAt(viewport: Viewport, factor: number, at: Place): Viewport {
  const scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, viewport.scale * factor));
  const ratio = scale / viewport.scale;
  return { scale, x: at.x - (at.x - viewport.x) * ratio, y: at.y - (at.y - viewport.y) * ratio };
}

/** Moves the map by pixels. */
export function pan({ x, y, scale }: Viewport, dx: number, dy: number): Viewport {
  return { x: x + dx, y: y + dy, scale };
}

/** Shows all places, in the middle, not larger than they are. */
export function fit(places: readonly Place[], { width, height }: Size): Viewport {
  if (places.length === 0 || width === 0 || height === 0) return { x: 0, y: 0, scale: 1 };
  const left = Math.min(...places.map(({ x }) => x)) - NODE_WIDTH / 2;
  const right = Math.max(...places.map(({ x }) => x)) + NODE_WIDTH / 2;
  const top = Math.min(...places.map(({ y }) => y)) - NODE_HEIGHT / 2;
  const bottom = Math.max(...places.map(({ y }) => y)) + NODE_HEIGHT / 2;
  const wanted = Math.min(
    (width - 2 * MARGIN) / (right - left),
    (height - 2 * MARGIN) / (bottom - top),
    1.15,
  );
  const scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, wanted));
  return {
    scale,
    x: width / 2 - ((left + right) / 2) * scale,
    y: height / 2 - ((top + bottom) / 2) * scale,
  };
}

/** What is in the middle and how large, as a link says it: it is the same in windows of every size. */
export function formatLook({ x, y, scale }: Viewport, { width, height }: Size): string {
  const middle = [(width / 2 - x) / scale, (height / 2 - y) / scale].map(Math.round);
  return `${middle.join(',')},${Number(scale.toPrecision(3))}`;
}

/** The part of the map that such a text says; undefined for any other. */
export function parseLook(text: string, { width, height }: Size): Viewport | undefined {
  const match = /^(-?\d{1,6}),(-?\d{1,6}),(\d(?:\.\d{1,6})?)$/.exec(text);
  if (match === null || width === 0 || height === 0) return undefined;
  const [x = 0, y = 0, wanted = 1] = match.slice(1).map(Number);
  const scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, wanted));
  return { scale, x: width / 2 - x * scale, y: height / 2 - y * scale };
}

/** Text can be read at this scale, with good eyes. */
const READABLE_SCALE = 0.42;

/** What is seen first: all, or where that is too small to be read, a part around a place. */
export function firstView(places: readonly Place[], around: Place | undefined, size: Size): Viewport {
  const whole = fit(places, size);
  if (whole.scale >= READABLE_SCALE || around === undefined) return whole;
  const scale = READABLE_SCALE * 1.4;
  return { scale, x: size.width / 2 - around.x * scale, y: size.height / 2 - around.y * scale };
}

/** Moves as little as is needed for a place to be seen. */
export function reveal(viewport: Viewport, { x, y }: Place, { width, height }: Size): Viewport {
  const [halfWidth, halfHeight] = [(NODE_WIDTH / 2) * viewport.scale, (NODE_HEIGHT / 2) * viewport.scale];
  const shift = (at: number, half: number, length: number) =>
    at - half < MARGIN
      ? MARGIN - (at - half)
      : at + half > length - MARGIN
        ? length - MARGIN - (at + half)
        : 0;
  return pan(
    viewport,
    shift(x * viewport.scale + viewport.x, halfWidth, width),
    shift(y * viewport.scale + viewport.y, halfHeight, height),
  );
}
