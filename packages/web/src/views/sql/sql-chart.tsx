/** An answer of SQL over time. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { useAnswer } from '../../api/use-answer.js';
import type { ColorName } from '../../chart/chart-colors.js';
import { lossSpans, spansOf } from '../../chart/steps.js';
import { TimeChart } from '../../chart/time-chart.js';
import type { ChartContent } from '../../chart/uplot-options.js';
import { shortName } from '../../format/name-text.js';
import { formatShort } from '../../format/number-text.js';
import { rangeBetween } from '../../time/range-text.js';
import type { ResultChart } from './sql-result.js';

const colors: readonly ColorName[] = [
  '--series-1',
  '--series-2',
  '--series-3',
  '--series-4',
  '--series-5',
  '--series-6',
];
const LONGEST_LABEL = 40;

/** Shows it, with what was lost or not recorded meanwhile. */
export function SqlChart({ chart }: { readonly chart: ResultChart }): VNode {
  const { times, stepSeconds } = chart;
  const span = useMemo(
    () => ({ from: times[0]!, to: times.at(-1)! + Math.max(1, stepSeconds * 1000) }),
    [times, stepSeconds],
  );
  const { answer } = useAnswer('losses', { range: rangeBetween(span.from, span.to) });
  const content = useMemo((): ChartContent => {
    const { series } = chart;
    return {
      ...{ times, stepSeconds, range: span },
      series: series.map(({ label, values }, index) => ({
        label: shortName(label, LONGEST_LABEL),
        color: colors[index]!,
        values,
        kind: series.length > 1 ? 'line' : 'area',
      })),
      unrecorded: answer === undefined ? [] : spansOf(answer.unrecorded),
      lost: answer === undefined ? [] : lossSpans(answer.losses),
      format: formatShort,
    };
  }, [chart, answer, span, times, stepSeconds]);
  return (
    <>
      <TimeChart label="Answer over time" content={content} height={320} />
      {chart.leftOut > 0 && (
        <p class="muted">{chart.leftOut} smaller ones have no line; the table has them.</p>
      )}
    </>
  );
}
