/** Figures that both sides of a comparison have. Pure. */
import type { Measures } from '../../api/api-types.js';
import { formatBytes, formatMicroseconds, formatShort } from '../../format/number-text.js';

/** A figure. */
export interface CompareFigure {
  readonly title: string;
  readonly value: (measures: Measures) => number | undefined;
  readonly format: (value: number | undefined) => string;
  /** More of it is worse. */
  readonly isBad?: boolean;
  /** Left out where there is little room. */
  readonly isMinor?: boolean;
}

/** All of them. */
export const compareFigures: readonly CompareFigure[] = [
  { title: 'Connections', value: ({ connections }) => connections, format: formatShort },
  { title: 'Failed', value: ({ failures }) => failures, format: formatShort, isBad: true },
  { title: 'Bytes', value: (m) => m.bytes_sent + m.bytes_received, format: formatBytes },
  {
    ...{ title: 'Handshake', isBad: true, isMinor: true },
    ...{ value: ({ handshake_us }) => handshake_us, format: formatMicroseconds },
  },
  {
    ...{ title: 'RTT', isBad: true, isMinor: true },
    ...{ value: ({ srtt_us }) => srtt_us, format: formatMicroseconds },
  },
];
