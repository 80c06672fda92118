/** The main figures of a range, each with how it differs from the range before. */
import type { VNode } from 'preact';
import type { Measures } from '../../api/api-types.js';
import {
  formatMicroseconds,
  formatRate,
  formatRatio,
  formatShort,
  UNKNOWN,
} from '../../format/number-text.js';

/** What is shown. */
export interface FiguresStripProps {
  readonly now: Measures;
  /** Undefined where nothing was recorded then. */
  readonly before: Measures | undefined;
  /** Seconds of each that were recorded. */
  readonly seconds: number;
  readonly secondsBefore: number;
}

interface Figure {
  readonly title: string;
  readonly text: string;
  readonly value: number | undefined;
  readonly before: number | undefined;
  /** More of it is worse. */
  readonly isBad: boolean;
}

const formatPerSecond = (value: number) => `${formatShort(value)}/s`;

/** Shows them. */
export function FiguresStrip({ now, before, seconds, secondsBefore }: FiguresStripProps): VNode {
  const figure = (
    title: string,
    of: (measures: Measures, length: number) => number | undefined,
    format: (value: number) => string,
    isBad = false,
  ): Figure => {
    const value = seconds > 0 ? of(now, seconds) : undefined;
    return {
      ...{ title, value, isBad },
      text: value === undefined ? UNKNOWN : format(value),
      before: before === undefined || secondsBefore <= 0 ? undefined : of(before, secondsBefore),
    };
  };
  const figures = [
    figure('Throughput', (m, s) => (m.bytes_sent + m.bytes_received) / s, formatRate),
    figure('Connections', (m, s) => m.connections / s, formatPerSecond),
    figure(
      'Failed',
      (m) => (m.connections === 0 ? undefined : m.failures / m.connections),
      formatRatio,
      true,
    ),
    figure('Handshake, mean', (m) => m.handshake_us, formatMicroseconds, true),
    figure('Round trip, mean', (m) => m.srtt_us, formatMicroseconds, true),
    figure('Sent again', (m) => m.retransmit_ratio, formatRatio, true),
  ];
  return (
    <dl class="figures">
      {figures.map(({ title, text, ...rest }) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>
            <strong>{text}</strong> <Delta {...rest} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A smaller change is none. */
const LEAST_CHANGE = 0.02;
/** A smaller one is not worth a colour. */
const LEAST_WORSE = 0.25;

function Delta({ value, before, isBad }: Pick<Figure, 'value' | 'before' | 'isBad'>): VNode | null {
  if (value === undefined || before === undefined) return null;
  if (before === 0) return value === 0 ? null : <small>none before</small>;
  const change = value / before - 1;
  if (Math.abs(change) < LEAST_CHANGE) return <small>as before</small>;
  const isWorse = isBad && change > LEAST_WORSE;
  // A factor is easier to read than thousands of per cent.
  const text =
    change > 2 ? `× ${formatShort(change + 1)}` : `${change > 0 ? '+' : '−'}${formatRatio(Math.abs(change))}`;
  return (
    <small class={isWorse ? 'is-worse' : ''} title="against the range of the same length before">
      {text}
    </small>
  );
}
