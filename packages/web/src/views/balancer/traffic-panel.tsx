/** What VIPs or reals forwarded over time. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { BalancerSeriesAnswer } from '../../api/balancer-types.js';
import type { Asked } from '../../api/use-answer.js';
import { TimeChart } from '../../chart/time-chart.js';
import { visibleName } from '../../format/name-text.js';
import { formatCount, formatShort } from '../../format/number-text.js';
import { Panel } from '../../parts/panel.js';
import { chartOf, MOST_LINES } from './balancer-chart.js';

interface TrafficProps {
  readonly title: string;
  readonly by: 'vip' | 'real';
  readonly asked: Asked<BalancerSeriesAnswer>;
}

const formatPerSecond = (value: number) => `${formatShort(value)}/s`;

/** Shows it. */
export function TrafficPanel({ title, by, asked }: TrafficProps): VNode {
  const { answer } = asked;
  const content = useMemo(
    () =>
      answer && chartOf(answer, (series) => visibleName(series[by] ?? series.address ?? ''), formatPerSecond),
    [answer, by],
  );
  return (
    <Panel
      title={title}
      asked={asked}
      aside={
        answer !== undefined &&
        answer.count > MOST_LINES && (
          <span class="muted">
            the {MOST_LINES} busiest of {formatCount(answer.count)}
          </span>
        )
      }
    >
      {content !== undefined &&
        (content.series.length === 0 ? (
          <p class="empty">It is not known what was forwarded in this range.</p>
        ) : (
          <TimeChart label={`${title}, a second`} content={content} />
        ))}
    </Panel>
  );
}
