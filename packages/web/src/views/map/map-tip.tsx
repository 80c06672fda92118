/** What is shown beside the pointer. */
import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { shortName } from '../../format/name-text.js';
import { formatCount, formatMicroseconds, formatRate, formatRatio } from '../../format/number-text.js';
import { portsText } from './map-words.js';
import type { Flow, Link } from './service-graph.js';

/** What it is about, and where the pointer is. */
export interface TipContent {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  /** Width of the picture. */
  readonly width: number;
}

/** Figures with names. */
export type Figures = readonly (readonly [name: string, value: string])[];

/** The figures of a node or link. */
export function figuresOf(flow: Flow, link?: Link): Figures {
  const { connections, failures, segments_sent: segments, retransmits } = flow;
  return [
    ['Rate', formatRate(flow.rate)],
    ['Connections', formatCount(connections)],
    [
      'Failed',
      failures === 0 ? '0' : `${formatCount(failures)} (${formatRatio(failures / Math.max(1, connections))})`,
    ],
    ...(segments > 0 ? [['Retransmitted', formatRatio(retransmits / segments)] as const] : []),
    ...(link?.handshakeUs === undefined
      ? []
      : [['Handshake', formatMicroseconds(link.handshakeUs)] as const]),
    ...(link?.srttUs === undefined ? [] : [['Round trip', formatMicroseconds(link.srttUs)] as const]),
  ];
}

/** What the box has. */
export interface MapTipProps {
  readonly at: TipContent;
  readonly title: string;
  readonly flow: Flow;
  readonly link: Link | undefined;
}

const WIDTH = 240;

/** The box. The sentences of nodes and the table have the same for screen readers. */
export function MapTip({ at, title, flow, link }: MapTipProps): VNode {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const left = Math.max(0, Math.min(at.x + 14, at.width - WIDTH));
    box.current!.style.transform = `translate(${left}px, ${at.y + 16}px)`;
  }, [at]);
  return (
    <div ref={box} class="map-tip" aria-hidden="true">
      <strong>{shortName(title, 80)}</strong>
      {link !== undefined && <div>{portsText(link.ports)}</div>}
      <dl>
        {figuresOf(flow, link).map(([name, value]) => (
          <div key={name} class="map-figure">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
