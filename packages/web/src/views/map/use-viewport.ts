/**
 * Pan and zoom by pointers, wheel and fingers. The map is a layer that the browser moves without drawing it anew; only when zooming has
 * ended, it is drawn in its new size.
 */
import type { RefObject } from 'preact';
import { useCallback, useEffect, useRef } from 'preact/hooks';
import type { Place } from './map-geometry.js';
import { pan, type Size, type Viewport, zoomAt } from './viewport.js';

/** What moves the map. */
export interface MapMotion {
  /** Where the map is. */
  readonly viewport: RefObject<Viewport>;
  /** Moves it. */
  readonly set: (viewport: Viewport) => void;
  /** Moves it as somebody wants it, who is heard of when it rests. */
  readonly look: (viewport: Viewport) => void;
  /** Size of what shows it. */
  readonly size: () => Size;
  /** A point of the screen on the map. */
  readonly onMap: (event: { readonly clientX: number; readonly clientY: number }) => Place;
}

/** What people do with the map. */
export interface MapHandling {
  /** The map rests where somebody has moved it. */
  readonly onLook: (viewport: Viewport) => void;
  /** The node below a pointer. */
  readonly nodeAt: (target: EventTarget | null) => string | undefined;
  readonly onDrag: (id: string, place: Place) => void;
}

/** The elements that are moved. */
export interface MapElements {
  /** What is seen of the map, and gets its events. */
  readonly surface: RefObject<HTMLDivElement | null>;
  /** What the browser moves. */
  readonly layer: RefObject<HTMLDivElement | null>;
  /** What is drawn in another size. */
  readonly group: RefObject<SVGGElement | null>;
}

/** Zooming has ended when nothing has happened for so long. */
const SHARPEN_MS = 140;
/** The map rests when nothing has moved it for so long. */
const REST_MS = 300;
/** A pointer that moves less than this, in pixels, clicks. */
const CLICK_PIXELS = 4;

/** Moves the elements. */
export function useViewport({ surface, layer, group }: MapElements, handling: MapHandling): MapMotion {
  const viewport = useRef<Viewport>({ x: 0, y: 0, scale: 1 });
  const drawnScale = useRef(1);
  const frame = useRef(0);
  const timer = useRef(0);
  const resting = useRef(0);
  const latest = useRef(handling);
  latest.current = handling;
  const apply = () => {
    const { x, y, scale } = viewport.current;
    if (layer.current !== null)
      layer.current.style.transform = `translate3d(${x}px, ${y}px, 0) scale(${scale / drawnScale.current})`;
  };
  const sharpen = () => {
    drawnScale.current = viewport.current.scale;
    group.current?.setAttribute('transform', `scale(${drawnScale.current})`);
    apply();
  };
  const set = useCallback((next: Viewport) => {
    viewport.current = next;
    if (next.scale !== drawnScale.current) {
      clearTimeout(timer.current);
      timer.current = window.setTimeout(sharpen, SHARPEN_MS);
    }
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      apply();
    });
  }, []);
  const look = useCallback((next: Viewport) => {
    set(next);
    clearTimeout(resting.current);
    resting.current = window.setTimeout(() => latest.current.onLook(viewport.current), REST_MS);
  }, []);
  useEffect(() => () => clearTimeout(resting.current), []);
  const size = useCallback(
    (): Size => ({ width: surface.current?.clientWidth ?? 0, height: surface.current?.clientHeight ?? 0 }),
    [],
  );
  const inBox = (event: { readonly clientX: number; readonly clientY: number }): Place => {
    const box = surface.current!.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const onMap = useCallback((event: { readonly clientX: number; readonly clientY: number }): Place => {
    const { x, y, scale } = viewport.current;
    const at = inBox(event);
    return { x: (at.x - x) / scale, y: (at.y - y) / scale };
  }, []);
  useEffect(() => {
    const element = surface.current!;
    const pointers = new Map<number, Place>();
    let node: { readonly id: string; readonly shift: Place } | undefined;
    let hasMoved = false;
    let start: Place = { x: 0, y: 0 };
    const onDown = (event: PointerEvent) => {
      if (event.button !== 0) return;
      const at = inBox(event);
      pointers.set(event.pointerId, at);
      if (pointers.size > 1) {
        node = undefined;
        return;
      }
      hasMoved = false;
      start = at;
      const id = latest.current.nodeAt(event.target);
      const place = id === undefined ? undefined : placeOf(event.target);
      const pointed = onMap(event);
      node =
        id === undefined || place === undefined
          ? undefined
          : { id, shift: { x: place.x - pointed.x, y: place.y - pointed.y } };
    };
    const onMove = (event: PointerEvent) => {
      const before = pointers.get(event.pointerId);
      if (before === undefined) return;
      const at = inBox(event);
      if (!hasMoved && Math.hypot(at.x - start.x, at.y - start.y) < CLICK_PIXELS) return;
      if (!hasMoved) element.setPointerCapture(event.pointerId);
      hasMoved = true;
      pointers.set(event.pointerId, at);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other !== undefined) {
        const factor = distance(at, other) / Math.max(1, distance(before, other));
        look(zoomAt(viewport.current, factor, { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 }));
      } else if (node !== undefined) {
        const { x, y } = onMap(event);
        latest.current.onDrag(node.id, { x: x + node.shift.x, y: y + node.shift.y });
      } else look(pan(viewport.current, at.x - before.x, at.y - before.y));
    };
    const onUp = (event: PointerEvent) => {
      pointers.delete(event.pointerId);
      node = undefined;
    };
    // What ends a drag is no click.
    const onClick = (event: MouseEvent) => {
      if (hasMoved) event.stopPropagation();
      hasMoved = false;
    };
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      look(zoomAt(viewport.current, Math.exp(-event.deltaY * lines * 0.0016), inBox(event)));
    };
    const controller = new AbortController();
    const options = { signal: controller.signal };
    element.addEventListener('pointerdown', onDown, options);
    element.addEventListener('pointermove', onMove, options);
    element.addEventListener('pointerup', onUp, options);
    element.addEventListener('pointercancel', onUp, options);
    element.addEventListener('click', onClick, { ...options, capture: true });
    element.addEventListener('wheel', onWheel, { ...options, passive: false });
    return () => controller.abort();
  }, []);
  return { viewport, set, look, size, onMap };
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** The place of the node that has an element. */
function placeOf(target: EventTarget | null): Place | undefined {
  const node = target instanceof Element ? target.closest<SVGGElement>('[data-x]') : null;
  return node === null ? undefined : { x: Number(node.dataset.x), y: Number(node.dataset.y) };
}
