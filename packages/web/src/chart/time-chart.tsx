/** A chart over time, with its legend, and a table behind it for those who do not see it. */
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { UNKNOWN } from '../format/number-text.js';
import { formatTime } from '../format/time-text.js';
import { isDark } from '../parts/theme.js';
import { changePage } from '../state/page-state.js';
import { rangeBetween } from '../time/range-text.js';
import { type ChartContent, chartOptions } from './uplot-options.js';

/** What a chart has. */
export interface TimeChartProps {
  /** Names it for screen readers. */
  readonly label: string;
  readonly content: ChartContent;
  /** CSS pixels. Default 180. */
  readonly height?: number;
}

/** Charts whose cursors move together. */
const cursors = uPlot.sync('time');

/** Shows a chart. A span that is chosen by dragging becomes the range of the page. */
export function TimeChart({ label, content, height = 180 }: TimeChartProps): VNode {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const latest = useRef(content);
  latest.current = content;
  const cursor = useSignal<number | undefined>(undefined);
  const dark = isDark.value;
  const shape = content.series.map((series) => `${series.label} ${series.color} ${series.kind}`).join('\n');
  // Colours come from the styles of the theme.
  useEffect(() => {
    const element = box.current!;
    const options = chartOptions(
      () => latest.current,
      { width: Math.max(120, element.clientWidth), height },
      {
        onCursor: (index) => {
          cursor.value = index === undefined ? undefined : Math.min(index, latest.current.times.length - 1);
        },
        onSelect: ({ from, to }) => changePage({ range: rangeBetween(from, to) }),
      },
      uPlot.paths,
    );
    options.cursor = { ...options.cursor, sync: { key: cursors.key } };
    const made = new uPlot(options, dataOf(latest.current), element);
    chart.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: Math.max(120, element.clientWidth), height }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = undefined;
    };
  }, [dark, shape, height]);
  useEffect(() => {
    chart.current?.setData(dataOf(content));
  }, [content]);
  const at = cursor.value;
  return (
    <figure class="chart" aria-label={label}>
      <figcaption class="legend">
        {content.series.map(({ label: name, color, values }) => (
          <span key={name} class="legend-item">
            <Swatch color={color} />
            {name}{' '}
            {at !== undefined && (
              <output>
                {values[at] === null || values[at] === undefined ? UNKNOWN : content.format(values[at])}
              </output>
            )}
          </span>
        ))}
        {content.unrecorded.length > 0 && (
          <span class="legend-item">
            <i class="swatch is-hatched" aria-hidden="true" /> not recorded
          </span>
        )}
        {content.lost.length > 0 && (
          <span class="legend-item">
            <i class="swatch is-lost" aria-hidden="true" /> lost
          </span>
        )}
        {at !== undefined && content.times[at] !== undefined && (
          <time class="legend-time">{formatTime(content.times[at])}</time>
        )}
      </figcaption>
      <div ref={box} class="chart-box" aria-hidden="true" />
      <ChartTable label={label} content={content} />
    </figure>
  );
}

function Swatch({ color }: { readonly color: string }): VNode {
  return (
    <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
      <rect width="10" height="10" rx="2" fill={`var(${color})`} />
    </svg>
  );
}

function ChartTable({ label, content }: { readonly label: string; readonly content: ChartContent }): VNode {
  const isOpen = useSignal(false);
  const { times, series, format } = content;
  return (
    <details
      class="chart-table"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>Table</summary>
      {isOpen.value && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
        <section class="scroll" tabIndex={0} aria-label={`${label}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {series.map(({ label: name }) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((time, index) => (
                <tr key={time}>
                  <th scope="row">{formatTime(time)}</th>
                  {series.map(({ label: name, values }) => (
                    <td key={name}>
                      {values[index] === null || values[index] === undefined
                        ? 'not recorded'
                        : format(values[index])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}

/** The last step is as wide as the others: it ends at one more place, with its own value. */
function dataOf({ times, series, stepSeconds }: ChartContent): uPlot.AlignedData {
  const seconds = times.map((ms) => ms / 1000);
  const end = seconds.slice(-1).map((last) => last + stepSeconds);
  const values = series.map((each) => [...each.values, ...each.values.slice(-1)]);
  return [[...seconds, ...end], ...values] as uPlot.AlignedData;
}
