/** Throughput and connections over time. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { SeriesAnswer } from '../../api/api-types.js';
import { usePageAnswer } from '../../api/use-answer.js';
import { lossSpans, perSecond, spansOf, stepsOf } from '../../chart/steps.js';
import { TimeChart } from '../../chart/time-chart.js';
import type { ChartContent } from '../../chart/uplot-options.js';
import { formatRate, formatShort } from '../../format/number-text.js';
import { parseApiTime } from '../../format/time-text.js';
import { continueSeries } from '../../live/continue-answer.js';
import { liveSums } from '../../live/live-sums.js';
import { Panel } from '../../parts/panel.js';
import { pageRange } from '../../state/page-range.js';
import { stepSeconds } from '../../time/range-text.js';

const MOST_STEPS = 150;
const formatPerSecond = (value: number) => `${formatShort(value)}/s`;

/** Shows both. */
export function TrafficCharts(): VNode {
  const range = pageRange.value;
  const step = range === undefined ? undefined : stepSeconds(range.from, range.to, MOST_STEPS);
  const asked = usePageAnswer('series', step === undefined ? undefined : { step: `${step}s` });
  const { answer } = asked;
  const live = liveSums.value;
  const contents = useMemo(
    () => (answer === undefined ? undefined : contentsOf(continueSeries(answer, live))),
    [answer, live],
  );
  return (
    <>
      <Panel title="Throughput" asked={asked} class="overview-chart">
        {contents !== undefined && <TimeChart label="Throughput over time" content={contents.throughput} />}
      </Panel>
      <Panel title="Connections" asked={asked} class="overview-chart">
        {contents !== undefined && <TimeChart label="Connections over time" content={contents.connections} />}
      </Panel>
    </>
  );
}

function contentsOf(answer: SeriesAnswer): {
  readonly throughput: ChartContent;
  readonly connections: ChartContent;
} {
  const range = { from: parseApiTime(answer.range.from), to: parseApiTime(answer.range.to) };
  const unrecorded = spansOf(answer.unrecorded);
  const step = answer.step_seconds;
  const steps = stepsOf(range, step, answer.series[0]?.points ?? [], unrecorded);
  const common = {
    ...{ range, unrecorded, stepSeconds: step, lost: lossSpans(answer.losses) },
    times: steps.map(({ from }) => from),
  };
  const rate = (sum: Parameters<typeof perSecond>[2]) => steps.map((each) => perSecond(each, step, sum));
  return {
    throughput: {
      ...common,
      // What is sent is below the axis.
      format: (value) => formatRate(Math.abs(value)),
      series: [
        { label: 'received', color: '--series-1', values: rate(({ bytes_received }) => bytes_received) },
        { label: 'sent', color: '--series-2', values: rate(({ bytes_sent }) => -bytes_sent) },
      ],
    },
    connections: {
      ...common,
      format: formatPerSecond,
      series: [
        { label: 'ended', color: '--series-3', values: rate(({ connections }) => connections) },
        { label: 'failed', color: '--bad', values: rate(({ failures }) => failures) },
      ],
    },
  };
}
