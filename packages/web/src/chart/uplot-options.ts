/** What uPlot draws: axes, series, and hatched spans below them. */
import type uPlot from 'uplot';
import { formatTick } from '../format/time-text.js';
import { type ColorName, colorOf, hatching } from './chart-colors.js';
import type { Span } from './steps.js';

/** A series of a chart. */
export interface ChartSeries {
  readonly label: string;
  readonly color: ColorName;
  /** One for each step; null: not known. */
  readonly values: readonly (number | null)[];
  /** Default: a line with an area below it. */
  readonly kind?: 'line' | 'area' | 'bars';
}

/** What a chart shows. */
export interface ChartContent {
  /** When each step begins, milliseconds since 1970. */
  readonly times: readonly number[];
  readonly stepSeconds: number;
  readonly range: Span;
  readonly series: readonly ChartSeries[];
  /** Spans in which nothing was recorded. */
  readonly unrecorded: readonly Span[];
  /** Spans in which something was lost. */
  readonly lost: readonly Span[];
  readonly format: (value: number) => string;
}

/** What the chart calls. */
export interface ChartEvents {
  /** The cursor is at a step, or nowhere. */
  readonly onCursor: (index: number | undefined) => void;
  /** A span was chosen by dragging, milliseconds since 1970. */
  readonly onSelect: (span: Span) => void;
}

/** A narrower mark would not be seen, CSS pixels. */
const LEAST_MARK = 3;

/** Options for a chart of a size. @param content Asked for whenever it draws */
export function chartOptions(
  content: () => ChartContent,
  size: { readonly width: number; readonly height: number },
  events: ChartEvents,
  uPlotPaths: typeof uPlot.paths,
): uPlot.Options {
  const first = content();
  const [muted, line] = [colorOf('--muted'), colorOf('--line')];
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: muted, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    ...size,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: {
      x: {
        time: true,
        range: () => [content().range.from / 1000, content().range.to / 1000],
      },
      // Values below zero are drawn downwards; both sides have the same scale.
      y: {
        range: (_, min, max) => {
          const most = Math.max(max, -min) * 1.08 || 1;
          return [min < 0 ? -most : 0, most];
        },
      },
    },
    axes: [
      {
        ...axis,
        size: 22,
        gap: 4,
        space: 70,
        values: (_, marks) => {
          const stepMs = marks.length > 1 ? (marks[1]! - marks[0]!) * 1000 : 60_000;
          return marks.map((mark) => formatTick(mark * 1000, stepMs));
        },
      },
      {
        ...axis,
        size: 62,
        gap: 6,
        space: 32,
        values: (_, marks) => marks.map((mark) => content().format(mark)),
      },
    ],
    series: [
      {},
      ...first.series.map(({ label, color, kind = 'area' }): uPlot.Series => {
        const stroke = colorOf(color);
        const step = uPlotPaths.stepped?.({ align: 1 });
        const bars = uPlotPaths.bars?.({ align: 1, size: [0.82] });
        return {
          label,
          stroke,
          width: kind === 'bars' ? 0 : 1.5,
          spanGaps: false,
          points: { show: false },
          ...(kind !== 'line' && { fill: kind === 'bars' ? stroke : `${stroke}26` }),
          ...(kind === 'bars'
            ? bars !== undefined && { paths: bars }
            : step !== undefined && { paths: step }),
        };
      }),
    ],
    hooks: {
      drawClear: [
        (chart) => {
          const { unrecorded, lost } = content();
          hatch(chart, unrecorded, colorOf('--hatch'), 6);
          hatch(chart, lost, colorOf('--bad'), 4);
        },
      ],
      setCursor: [({ cursor: { idx } }) => events.onCursor(idx ?? undefined)],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < 2) return;
          const from = chart.posToVal(left, 'x') * 1000;
          const to = chart.posToVal(left + width, 'x') * 1000;
          chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          events.onSelect({ from, to });
        },
      ],
    },
  };
}

function hatch(chart: uPlot, spans: readonly Span[], color: string, size: number): void {
  const { ctx, bbox } = chart;
  const pattern = spans.length > 0 ? hatching(ctx, color, size) : null;
  if (pattern === null) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = pattern;
  for (const { from, to } of spans) {
    const left = chart.valToPos(from / 1000, 'x', true);
    const width = chart.valToPos(to / 1000, 'x', true) - left;
    ctx.fillRect(left, bbox.top, Math.max(width, LEAST_MARK * devicePixelRatio), bbox.height);
  }
  ctx.restore();
}
