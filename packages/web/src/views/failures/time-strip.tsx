/** When something happened, in little room: a bar for each step, with what is not known hatched. */
import type { VNode } from 'preact';
import type { Span } from '../../chart/steps.js';
import { type Bar, LONGEST_STRIP, stripHoles } from './strip-bars.js';

/** What it has. */
export interface TimeStripProps {
  readonly bars: readonly Bar[];
  readonly range: Span;
  readonly unrecorded: readonly Span[];
  /** What it shows, in words. */
  readonly label: string;
}

const HEIGHT = 18;

/** Shows it. */
export function TimeStrip({ bars, range, unrecorded, label }: TimeStripProps): VNode {
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${LONGEST_STRIP} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {stripHoles(unrecorded, range).map(({ start, width }) => (
        <rect key={start} class="strip-hole" x={start} width={width} height={HEIGHT} />
      ))}
      <rect class="strip-line" y={HEIGHT - 1} width={LONGEST_STRIP} height="1" />
      {bars.map(({ start, width, part }) => (
        <rect
          key={start}
          class="strip-bar"
          x={start}
          width={width}
          y={HEIGHT - Math.max(2, part * HEIGHT)}
          height={Math.max(2, part * HEIGHT)}
        />
      ))}
    </svg>
  );
}
