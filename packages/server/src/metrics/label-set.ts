/** What was counted for one set of labels. Pure. */
import { type Labels, labels } from '@weir/balancer/metrics-text';
import { endColumns } from '@weir/history/schema';

/** Who closed a connection, as a label has it. */
export const closers: readonly string[] = [...endColumns.closed_by.values!, 'unknown'];

/** Upper bounds of the buckets of times, seconds. */
export const TIME_BOUNDS = [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3] as const;

/** Series of a histogram: its buckets, its sum and its count. */
export const HISTOGRAM_SERIES = TIME_BOUNDS.length + 3;

/** Series that every set has, at most: one less where nothing is sent again. */
export const BASE_SERIES = 5;

/** Counts times. */
export class TimeHistogram {
  readonly buckets = new Float64Array(TIME_BOUNDS.length + 1);
  sum = 0;

  /** Counts a time, seconds. */
  add(seconds: number): void {
    let bucket = 0;
    while (bucket < TIME_BOUNDS.length && seconds > TIME_BOUNDS[bucket]!) bucket++;
    this.buckets[bucket]!++;
    this.sum += seconds;
  }
}

/** The histograms that a set can have. */
export type HistogramName = 'handshake' | 'rtt';

/** A set of labels with its figures. */
export class LabelSet {
  readonly values: readonly string[];
  /** The labels as they are sent. */
  readonly text: Labels;
  /** Whether it stands for what is beyond the limit. */
  isOther = false;
  /** Whether segments are sent again. */
  readonly isTcp: boolean;
  /** Number of its series. */
  series: number;
  /** When it was used last: milliseconds. */
  usedMs = 0;
  opened = 0;
  /** Connections that are open now. */
  open = 0;
  sent = 0;
  received = 0;
  retransmits = 0;
  /** In the order of {@link closers}; undefined: none so far. */
  readonly closed: (number | undefined)[] = closers.map(() => undefined);
  readonly failed = new Map<string, number>();
  readonly times: { [Name in HistogramName]?: TimeHistogram } = {};

  constructor(names: readonly string[], values: readonly string[]) {
    this.values = values;
    this.isTcp = values[names.indexOf('transport')] === 'tcp';
    this.series = this.isTcp ? BASE_SERIES : BASE_SERIES - 1;
    this.text = labels(Object.fromEntries(names.map((name, index) => [name, values[index]!])));
  }
}
