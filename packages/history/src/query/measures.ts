/** What is computed of each group of connections. Pure. */
import { sumNames } from '../rollup/sums.js';

/** Figures of a group in a range. */
export interface Measures {
  /** Connections that ended in the range, failures included. */
  readonly connections: number;
  readonly failures: number;
  /** Payload bytes that moved in the range. */
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly segments_sent: number;
  readonly segments_received: number;
  readonly retransmits: number;
  /** Bytes a second, both ways, over the whole range. */
  readonly rate: number;
  /** Retransmitted segments among those sent; absent where none was sent. */
  readonly retransmit_ratio?: number;
  /** Means, microseconds; absent where none is known. */
  readonly handshake_us?: number;
  readonly srtt_us?: number;
  readonly duration_us?: number;
}

/** In the order in which {@link readMeasures} expects them: out of sums. A mean of nothing is NULL. */
const expressions = [
  ...sumNames.slice(0, 7),
  ...[7, 9, 11].map((index) => `p${index} / nullif(p${index + 1}, 0)`),
];
/** Number of columns that {@link measureList} selects. */
export const MEASURE_COUNT = expressions.length;
/** Select list of the measures, over rows that have the sums. */
export const measureList = expressions.map((sql, index) => `${sql} AS m${index}`).join(', ');

/** What groups can be ordered by; bytes are those both ways. */
export const measureOrders = {
  connections: 'm0',
  failures: 'm1',
  bytes: 'm2 + m3',
  bytes_sent: 'm2',
  bytes_received: 'm3',
  retransmits: 'm6',
  handshake_us: 'm7',
  srtt_us: 'm8',
  duration_us: 'm9',
} as const;
/** The same over rows that have the sums. */
export function sumOrder(order: MeasureOrder): string {
  return measureOrders[order].replaceAll(/m(\d)/g, (_, index: string) => expressions[Number(index)]!);
}

/** Something to order groups by. */
export type MeasureOrder = keyof typeof measureOrders;

/** A value as a database returns it: numbers of 64 bits are bigints or texts. */
export type MeasureValue = unknown;

/** Measures out of the columns of the list that is selected. */
export function readMeasures(values: readonly MeasureValue[], seconds: number): Measures {
  const [connections, failures, sent, received, segmentsSent, segmentsReceived, retransmits] = values
    .slice(0, 7)
    .map(Number) as [number, number, number, number, number, number, number];
  const [handshake, srtt, duration] = values.slice(7, 10) as (number | null)[];
  return {
    connections,
    failures,
    bytes_sent: sent,
    bytes_received: received,
    segments_sent: segmentsSent,
    segments_received: segmentsReceived,
    retransmits,
    rate: seconds > 0 ? (sent + received) / seconds : 0,
    ...(segmentsSent > 0 && { retransmit_ratio: retransmits / segmentsSent }),
    ...(handshake != null && { handshake_us: handshake }),
    ...(srtt != null && { srtt_us: srtt }),
    ...(duration != null && { duration_us: duration }),
  };
}
