/** The map as a picture: moved by pointer, fingers and keys. */
import type { VNode } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Curve, curveBetween, distanceTo, opacityOf, widthOf } from './edge-shape.js';
import { type DrawnGraph, type DrawnNode, type Weight, weightOf } from './fold-graph.js';
import { NODE_HEIGHT, NODE_WIDTH, type Place, type Places } from './map-geometry.js';
import { LABEL_WIDTH, LinkShape, NodeShape } from './map-shapes.js';
import { MapTip, type TipContent } from './map-tip.js';
import { nodeFigures, nodeLabel, nodeName, nodeSentence } from './map-words.js';
import { nextNode } from './next-node.js';
import type { Link } from './service-graph.js';
import { labelWidth } from './text-width.js';
import { useViewport } from './use-viewport.js';
import { firstView, fit, formatLook, pan, parseLook, reveal, zoomAt } from './viewport.js';

/** What the picture shows. */
export interface MapCanvasProps {
  readonly graph: DrawnGraph;
  readonly places: Places;
  /** With another number, everything is shown. */
  readonly layouts: number;
  readonly by: string;
  readonly weight: Weight;
  readonly range: { readonly from: number; readonly to: number };
  /** Id of the node or link that is selected; empty: none. */
  readonly selected: string;
  readonly onSelect: (id: string) => void;
  readonly onOpen: (node: DrawnNode) => void;
  readonly onMove: (id: string, place: Place) => void;
  readonly onLayout: () => void;
  /** Where somebody looks, as a link says it; empty: at what is seen first. */
  readonly look: string;
  readonly onLook: (look: string) => void;
}

/** Pixels that arrow keys move the map by. */
const KEY_STEP = 80;
/** Pixels from which a pointer finds a link. */
const REACH = 7;

/** Shows it. */
export function MapCanvas(props: MapCanvasProps): VNode {
  const { graph, places, layouts, by, weight, range, selected, onSelect, onOpen, onMove, onLayout } = props;
  const { look, onLook } = props;
  const { nodes, links } = graph;
  const surface = useRef<HTMLDivElement | null>(null);
  const layer = useRef<HTMLDivElement | null>(null);
  const group = useRef<SVGGElement | null>(null);
  const [hovered, setHovered] = useState<string | undefined>(undefined);
  const [tip, setTip] = useState<TipContent | undefined>(undefined);
  const [tabStop, setTabStop] = useState<string | undefined>(undefined);
  const nodeAt = (target: EventTarget | null) => nodes[indexAt(target) ?? -1]?.id;
  const motion = useViewport(
    { surface, layer, group },
    {
      nodeAt,
      onDrag: onMove,
      onLook: (viewport) => {
        looked.current = formatLook(viewport, motion.size());
        onLook(looked.current);
      },
    },
  );
  const looked = useRef(look);
  const nodeById = useMemo(() => new Map(nodes.map((node) => [node.id, node])), [nodes]);
  const nameOf = useCallback((id: string) => nodeName(nodeById.get(id)!, by), [nodeById, by]);
  const curves = useMemo(() => curvesOf(links, places), [links, places]);
  const pointed = hovered !== undefined && nodeById.has(hovered) ? hovered : selected;
  const near = useMemo(() => neighbourhood(pointed, links), [pointed, links]);
  // What fails is drawn last, so that nothing hides it.
  const drawn = useMemo(
    () => [...links].sort((a, b) => Number(a.failures > 0) - Number(b.failures > 0)),
    [links],
  );
  const most = useMemo(() => Math.max(0, ...links.map((link) => weightOf(link, weight))), [links, weight]);
  const show = useCallback(() => motion.look(fit(Object.values(places), motion.size())), [places]);

  // A node that is new or moved changes nothing.
  const begin = () => {
    // What is selected, or what fails.
    const first = nodeById.get(selected) ?? nodes.find(({ failures }) => failures > 0) ?? nodes[0];
    const usual = () => firstView(Object.values(places), first && places[first.id], motion.size());
    motion.set(parseLook(look, motion.size()) ?? usual());
  };
  useEffect(begin, [layouts]);
  useEffect(() => {
    // Another link was followed.
    if (look !== looked.current) begin();
    looked.current = look;
  }, [look]);
  useEffect(() => {
    // A window that changes its size keeps what is in its middle.
    let before = motion.size();
    const observer = new ResizeObserver(() => {
      const now = motion.size();
      if (before.width === 0) begin();
      else
        motion.set(
          pan(motion.viewport.current, (now.width - before.width) / 2, (now.height - before.height) / 2),
        );
      before = now;
    });
    observer.observe(surface.current!);
    return () => observer.disconnect();
  }, []);

  const point = (event: PointerEvent) => {
    if (event.buttons !== 0) {
      setTip(undefined);
      return;
    }
    const node = nodeAt(event.target);
    const id = node ?? linkNear(motion.onMap(event), curves, REACH / motion.viewport.current.scale);
    setHovered(id);
    const box = surface.current!.getBoundingClientRect();
    setTip(
      id === undefined
        ? undefined
        : { id, x: event.clientX - box.left, y: event.clientY - box.top, width: box.width },
    );
  };
  const leave = () => {
    setHovered(undefined);
    setTip(undefined);
  };
  const click = (event: MouseEvent) => {
    const id =
      nodeAt(event.target) ?? linkNear(motion.onMap(event), curves, REACH / motion.viewport.current.scale);
    const node = id === undefined ? undefined : nodeById.get(id);
    setTip(undefined);
    if (node !== undefined) setTabStop(node.id);
    if (node?.group !== undefined && selected === node.id) onOpen(node);
    else onSelect(id ?? '');
  };
  const focusNode = (id: string) => {
    setTabStop(id);
    motion.set(reveal(motion.viewport.current, places[id]!, motion.size()));
    surface.current
      ?.querySelector<SVGGElement>(`[data-node="${nodes.findIndex((node) => node.id === id)}"]`)
      ?.focus({ preventScroll: true });
  };
  const zoom = (factor: number) => {
    const { width, height } = motion.size();
    motion.look(zoomAt(motion.viewport.current, factor, { x: width / 2, y: height / 2 }));
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!handleKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  function handleKey(event: KeyboardEvent): boolean {
    const step = arrows[event.key];
    const focused = nodeAt(event.target);
    if (step !== undefined && (event.shiftKey || focused === undefined)) {
      motion.look(pan(motion.viewport.current, -step.x * KEY_STEP, -step.y * KEY_STEP));
      return true;
    }
    if (step !== undefined) {
      const next = nextNode(places, nodes, focused!, step);
      if (next !== undefined) focusNode(next);
      return true;
    }
    switch (event.key) {
      case '+':
      case '=':
        zoom(1.25);
        return true;
      case '-':
        zoom(0.8);
        return true;
      case '0':
        show();
        return true;
      case 'Escape':
        onSelect('');
        return true;
      case 'Enter':
      case ' ': {
        const node = focused === undefined ? undefined : nodeById.get(focused);
        if (node === undefined) return false;
        if (node.group !== undefined && selected === node.id) onOpen(node);
        else onSelect(node.id);
        return true;
      }
      default:
        return false;
    }
  }
  const stop = tabStop !== undefined && nodeById.has(tabStop) ? tabStop : nodes[0]?.id;
  const isDimNode = (id: string) => near !== undefined && !near.nodes.has(id);
  const isDimLink = (id: string) => near !== undefined && !near.links.has(id);
  const tipLink = tip === undefined ? undefined : links.find(({ id }) => id === tip.id);
  const tipNode = tip === undefined ? undefined : nodeById.get(tip.id);
  return (
    <div class="map-canvas">
      {/* biome-ignore lint/a11y/useSemanticElements: it groups no fields of a form */}
      <div
        ref={surface}
        class="map-picture"
        role="group"
        aria-label={`Map of ${nodes.length} nodes and ${links.length} links. Arrow keys go from node to node, with Shift they move the map; plus and minus zoom, 0 shows all.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move the map
        tabIndex={0}
        onPointerMove={point}
        onPointerLeave={leave}
        onClick={click}
        onKeyDown={press}
      >
        <div ref={layer} class="map-layer">
          <svg class="map-drawing" width="1" height="1" role="presentation">
            <defs>
              <clipPath id="map-clip">
                <rect x={-NODE_WIDTH / 2} y={-NODE_HEIGHT / 2} width={NODE_WIDTH} height={NODE_HEIGHT} />
              </clipPath>
            </defs>
            <g ref={group}>
              {drawn.map((link) => {
                const [from, to] = [places[link.from], places[link.to]];
                if (from === undefined || to === undefined) return null;
                return (
                  <LinkShape
                    key={link.id}
                    fromX={from.x}
                    fromY={from.y}
                    toX={to.x}
                    toY={to.y}
                    isLoop={link.from === link.to}
                    width={lineWidth(link, weight, most)}
                    opacity={opacityOf(link.last, range)}
                    isBad={link.failures > 0}
                    isDim={isDimLink(link.id)}
                    isSelected={link.id === selected || link.id === hovered}
                  />
                );
              })}
              {nodes.map((node, index) => {
                const place = places[node.id];
                if (place === undefined) return null;
                const label = nodeLabel(node, by, hasRoom);
                return (
                  <NodeShape
                    key={node.id}
                    index={index}
                    x={place.x}
                    y={place.y}
                    label={label}
                    figures={nodeFigures(node)}
                    sentence={nodeSentence(node, by, label)}
                    kind={node.group === undefined ? node.kind : 'others'}
                    isBad={node.failures > 0}
                    isDim={isDimNode(node.id)}
                    isSelected={node.id === selected}
                    isTabStop={node.id === stop}
                  />
                );
              })}
            </g>
          </svg>
        </div>
      </div>
      <div class="map-tools">
        <button type="button" onClick={() => zoom(1.25)} aria-label="Zoom in" title="Zoom in  +">
          +
        </button>
        <button type="button" onClick={() => zoom(0.8)} aria-label="Zoom out" title="Zoom out  -">
          −
        </button>
        <button type="button" onClick={show} title="Show all  0">
          Fit
        </button>
        <button type="button" onClick={onLayout} title="Places all nodes anew">
          Lay out
        </button>
      </div>
      {tip !== undefined && tipNode !== undefined && (
        <MapTip at={tip} title={nodeName(tipNode, by)} flow={tipNode} link={undefined} />
      )}
      {tip !== undefined && tipLink !== undefined && (
        <MapTip
          at={tip}
          title={`${nameOf(tipLink.from)} → ${nameOf(tipLink.to)}`}
          flow={tipLink}
          link={tipLink}
        />
      )}
    </div>
  );
}

const arrows: Readonly<Record<string, Place>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** What fails moves little, and is to be seen. */
function lineWidth(link: Link, weight: Weight, most: number): number {
  const width = widthOf(weightOf(link, weight), most);
  return Math.round(Math.max(width, link.failures > 0 ? 2.4 : 0) * 10) / 10;
}

function hasRoom(text: string): boolean {
  return labelWidth(text) <= LABEL_WIDTH;
}

/** The index of the node that has an element. */
function indexAt(target: EventTarget | null): number | undefined {
  const node = target instanceof Element ? target.closest<SVGGElement>('[data-node]') : null;
  return node === null ? undefined : Number(node.dataset.node);
}

function curvesOf(links: readonly Link[], places: Places): ReadonlyMap<string, Curve> {
  const curves = new Map<string, Curve>();
  for (const { id, from, to } of links) {
    const [start, end] = [places[from], places[to]];
    if (start !== undefined && end !== undefined) curves.set(id, curveBetween(start, end));
  }
  return curves;
}

function linkNear(point: Place, curves: ReadonlyMap<string, Curve>, reach: number): string | undefined {
  let found: string | undefined;
  let least = reach;
  for (const [id, curve] of curves) {
    const distance = distanceTo(curve, point);
    if (distance < least) {
      least = distance;
      found = id;
    }
  }
  return found;
}

/** What belongs to a node or link; undefined: nothing stands out. */
function neighbourhood(id: string, links: readonly Link[]) {
  if (id === '') return undefined;
  const own = links.filter((link) => link.id === id || link.from === id || link.to === id);
  return {
    nodes: new Set([id, ...own.flatMap(({ from, to }) => [from, to])]),
    links: new Set(own.map((link) => link.id)),
  };
}
