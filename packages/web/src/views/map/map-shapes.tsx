/** What is drawn of nodes and links. Each is rendered again only where something of it has changed. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { arrowOf, curveBetween, pathOf } from './edge-shape.js';
import { NODE_HEIGHT, NODE_WIDTH } from './map-geometry.js';

/** A node as it looks. */
export interface NodeShapeProps {
  /** Its place among the nodes: its id has a name that somebody else chose. */
  readonly index: number;
  readonly x: number;
  readonly y: number;
  readonly label: string;
  readonly figures: string;
  readonly sentence: string;
  readonly kind: 'group' | 'address' | 'network' | 'others';
  readonly isBad: boolean;
  readonly isDim: boolean;
  readonly isSelected: boolean;
  readonly isTabStop: boolean;
}

/** Room for the label. */
export const LABEL_WIDTH = NODE_WIDTH - 36;

/** Text of this kind stays in its line; other may be drawn over what is above and below it. */
const plain = /^[ -~…–]*$/;

const [LEFT, TOP] = [-NODE_WIDTH / 2, -NODE_HEIGHT / 2];

/** A node. */
export function NodeShape(props: NodeShapeProps): VNode {
  const { index, x, y, label, figures, sentence, kind, isBad, isDim, isSelected, isTabStop } = props;
  return useMemo(
    () => (
      // biome-ignore lint/a11y/useSemanticElements: SVG has no buttons
      <g
        class={`map-node is-${kind} ${isBad ? 'is-bad' : ''} ${isDim ? 'is-dim' : ''} ${isSelected ? 'is-selected' : ''}`}
        transform={`translate(${x} ${y})`}
        data-node={index}
        data-x={x}
        data-y={y}
        role="button"
        tabindex={isTabStop ? 0 : -1}
        aria-label={sentence}
        aria-pressed={isSelected}
      >
        {kind === 'others' && (
          <rect class="map-behind" x={LEFT + 5} y={TOP - 5} width={NODE_WIDTH} height={NODE_HEIGHT} rx={6} />
        )}
        <rect class="map-box" x={LEFT} y={TOP} width={NODE_WIDTH} height={NODE_HEIGHT} rx={6} />
        <NodeMark kind={kind} />
        <text
          class="map-label"
          x={LEFT + 28}
          y={TOP + 16}
          clip-path={plain.test(label) ? undefined : 'url(#map-clip)'}
        >
          {label}
        </text>{' '}
        {isBad && <path class="map-cross" d={`M${LEFT + 29} ${TOP + 23}l6 6m0 -6l-6 6`} />}
        <text class="map-figures" x={LEFT + (isBad ? 40 : 28)} y={TOP + 30}>
          {figures}
        </text>
      </g>
    ),
    [index, x, y, label, figures, sentence, kind, isBad, isDim, isSelected, isTabStop],
  );
}

/** Says by its form what a node is. */
function NodeMark({ kind }: Pick<NodeShapeProps, 'kind'>): VNode {
  const x = LEFT + 15;
  switch (kind) {
    case 'group':
      return <rect class="map-mark" x={x - 5} y={-5} width={10} height={10} rx={2} />;
    case 'address':
      return <circle class="map-mark" cx={x} cy={0} r={5} />;
    case 'network':
      return <path class="map-mark" d={`M${x - 6} 0L${x} -6L${x + 6} 0L${x} 6Z`} />;
    case 'others':
      return <path class="map-mark is-line" d={`M${x - 5} 0H${x + 5}M${x} -5V5`} />;
  }
}

/** A link as it looks. */
export interface LinkShapeProps {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  readonly isLoop: boolean;
  readonly width: number;
  readonly opacity: number;
  readonly isBad: boolean;
  readonly isDim: boolean;
  readonly isSelected: boolean;
}

/** A link. The table behind the map has its figures. */
export function LinkShape(props: LinkShapeProps): VNode {
  const { fromX, fromY, toX, toY, isLoop, width, opacity, isBad, isDim, isSelected } = props;
  return useMemo(() => {
    const from = { x: fromX, y: fromY };
    // `opacity` would make a layer of each, which the browser moves one by one.
    const shown = isDim ? 0.16 : isSelected ? 1 : opacity;
    const curve = curveBetween(from, isLoop ? from : { x: toX, y: toY });
    return (
      <g
        class={`map-link ${isBad ? 'is-bad' : ''} ${isDim ? 'is-dim' : ''} ${isSelected ? 'is-selected' : ''}`}
      >
        <path class="map-line" d={pathOf(curve)} stroke-width={width} stroke-opacity={shown} />
        <path class="map-arrow" d={arrowOf(curve, 7 + width)} fill-opacity={shown} />
      </g>
    );
  }, [fromX, fromY, toX, toY, isLoop, width, opacity, isBad, isDim, isSelected]);
}
