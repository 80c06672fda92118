/** All of the history as a strip, on which the range is chosen. */
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';
import type { Span } from '../chart/steps.js';
import { formatRange, formatTick } from '../format/time-text.js';
import { pageRange } from '../state/page-range.js';
import { type BrushPart, dragged, moved, partAt, zoomed } from './brush-motion.js';
import { type HistorySpan, historySpan } from './history-span.js';
import { showSpan } from './moves.js';

interface Drag {
  readonly part: BrushPart;
  readonly start: number;
  readonly selected: Span;
  readonly span: Span;
}

const WIDTH = 1000;
const HEIGHT = 40;
/** How near to an end is at it, CSS pixels. */
const SLACK = 8;
/** A narrower one would not be seen, units of the drawing. */
const LEAST_WIDTH = 3;

/** Shows it. */
export function Brush(): VNode {
  const box = useRef<HTMLDivElement>(null);
  const drag = useSignal<Drag | undefined>(undefined);
  const whole = historySpan.value;
  const range = pageRange.value;
  if (whole === undefined || range === undefined) return <div class="brush" aria-hidden="true" />;
  const timeAt = ({ clientX }: PointerEvent) => {
    const { left, width } = box.current!.getBoundingClientRect();
    return whole.from + ((clientX - left) / width) * (whole.to - whole.from);
  };
  const begin = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const start = timeAt(event);
    const slack = (SLACK / box.current!.clientWidth) * (whole.to - whole.from);
    const selected = { from: range.from, to: range.to };
    drag.value = { part: partAt(start, selected, slack), start, selected, span: selected };
    box.current!.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent) => {
    const at = drag.value;
    if (at === undefined) return;
    drag.value = { ...at, span: dragged(at.part, at.start, timeAt(event), at.selected, whole) };
  };
  const end = () => {
    const at = drag.value;
    drag.value = undefined;
    if (at !== undefined && at.span !== at.selected) showSpan(at.span);
  };
  const key = (event: KeyboardEvent) => {
    const step = (range.to - range.from) / 4;
    const sign = event.key === 'ArrowLeft' ? -1 : 1;
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight')
      showSpan(
        event.shiftKey ? dragged('to', 0, sign * step, range, whole) : moved(range, sign * step, whole),
      );
    else if (event.key === 'ArrowUp') showSpan(zoomed(range, 0.5, whole));
    else if (event.key === 'ArrowDown') showSpan(zoomed(range, 2, whole));
    else if (event.key === 'Home') showSpan(moved(range, -Number.MAX_SAFE_INTEGER, whole));
    else if (event.key === 'End') showSpan(moved(range, Number.MAX_SAFE_INTEGER, whole));
    else return;
    event.preventDefault();
  };
  const shown = drag.value?.span ?? range;
  return (
    <div
      ref={box}
      class="brush"
      role="slider"
      tabIndex={0}
      aria-label="Range of time in all of the history"
      aria-valuemin={Math.round(whole.from / 1000)}
      aria-valuemax={Math.round(whole.to / 1000)}
      aria-valuenow={Math.round(Math.min(whole.to, Math.max(whole.from, shown.from)) / 1000)}
      aria-valuetext={formatRange(shown.from, shown.to)}
      title="Drag to choose a range; arrow keys move it, with Shift its end, up and down zoom"
      onPointerDown={begin}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={() => {
        drag.value = undefined;
      }}
      onKeyDown={key}
    >
      <Strip whole={whole} shown={shown} />
      <Marks whole={whole} />
    </div>
  );
}

function Strip({ whole, shown }: { readonly whole: HistorySpan; readonly shown: Span }): VNode {
  const x = (ms: number) => {
    const part = (ms - whole.from) / (whole.to - whole.from);
    return Math.max(0, Math.min(1, part)) * WIDTH;
  };
  const most = Math.max(1, ...whole.points.map(({ connections }) => connections));
  // A root: a quiet hour beside a busy one can still be seen.
  const y = (count: number) => Math.sqrt(count / most) * (HEIGHT - 6);
  const step = whole.stepSeconds * 1000;
  const bars = (count: (point: HistorySpan['points'][number]) => number) =>
    whole.points
      .map((point) => {
        const from = Date.parse(point.time);
        const [left, height] = [x(from), y(count(point))];
        return height === 0
          ? ''
          : `M${left} ${HEIGHT}V${HEIGHT - height}H${Math.max(left + 1, x(from + step) - 0.5)}V${HEIGHT}Z`;
      })
      .join('');
  const rectangle = ({ from, to }: Span, name: string) => (
    <rect class={name} x={x(from)} y={0} height={HEIGHT} width={Math.max(1, x(to) - x(from))} />
  );
  const [left, right] = [x(shown.from), Math.max(x(shown.to), x(shown.from) + LEAST_WIDTH)];
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <defs>
        <pattern
          id="brush-hatch"
          width="5"
          height="5"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect class="brush-hatch-line" width="1.5" height="5" />
        </pattern>
        <pattern
          id="brush-hatch-lost"
          width="4"
          height="4"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect class="brush-hatch-lost-line" width="2" height="4" />
        </pattern>
      </defs>
      {whole.unrecorded.map((span) => rectangle(span, 'brush-unrecorded'))}
      <path class="brush-connections" d={bars(({ connections }) => connections)} />
      <path class="brush-failures" d={bars(({ failures }) => failures)} />
      {whole.lost.map((span) => rectangle(span, 'brush-lost'))}
      <rect class="brush-outside" x={0} y={0} width={left} height={HEIGHT} />
      <rect class="brush-outside" x={right} y={0} width={WIDTH - right} height={HEIGHT} />
      <rect class="brush-selected" x={left} y={0} width={right - left} height={HEIGHT} />
    </svg>
  );
}

function Marks({ whole }: { readonly whole: Span }): VNode {
  const count = 5;
  const stepMs = (whole.to - whole.from) / count;
  return (
    <div class="brush-marks" aria-hidden="true">
      {Array.from({ length: count }, (_, index) => (
        <span key={index}>{formatTick(whole.from + index * stepMs, Math.max(60_000, stepMs))}</span>
      ))}
      <span>now</span>
    </div>
  );
}
