/** Columns of grouped connections. Pure. */
import type { Group } from '../../api/api-types.js';
import {
  formatBytes,
  formatCount,
  formatMicroseconds,
  formatRate,
  formatRatio,
} from '../../format/number-text.js';

/** A figure of a group. */
export interface GroupColumn {
  readonly id: string;
  readonly title: string;
  readonly width: number;
  readonly value: (group: Group) => number | undefined;
  readonly format: (value: number | undefined) => string;
  /** The server sorts by it, the largest first. */
  readonly order?: string;
  /** A value above zero is bad. */
  readonly isBad?: boolean;
}

/** Columns beside those of the key. */
export const groupColumns: readonly GroupColumn[] = [
  {
    ...{ id: 'connections', title: 'Connections', width: 100, order: 'connections' },
    ...{ value: (group) => group.connections, format: formatCount },
  },
  {
    ...{ id: 'failures', title: 'Failed', width: 84, order: 'failures', isBad: true },
    ...{ value: (group) => group.failures, format: formatCount },
  },
  {
    ...{ id: 'failed_share', title: 'Failed, share', width: 96, isBad: true },
    value: ({ connections, failures }) => (connections === 0 ? undefined : failures / connections),
    format: formatRatio,
  },
  {
    ...{ id: 'bytes', title: 'Bytes', width: 84, order: 'bytes' },
    ...{ value: (group) => group.bytes_sent + group.bytes_received, format: formatBytes },
  },
  {
    ...{ id: 'sent', title: 'Sent', width: 84, order: 'bytes_sent' },
    ...{ value: (group) => group.bytes_sent, format: formatBytes },
  },
  {
    ...{ id: 'received', title: 'Received', width: 84, order: 'bytes_received' },
    ...{ value: (group) => group.bytes_received, format: formatBytes },
  },
  { id: 'rate', title: 'Rate', width: 84, value: (group) => group.rate, format: formatRate },
  {
    ...{ id: 'handshake', title: 'Handshake, mean', width: 126, order: 'handshake_us' },
    ...{ value: (group) => group.handshake_us, format: formatMicroseconds },
  },
  {
    ...{ id: 'rtt', title: 'RTT, mean', width: 84, order: 'srtt_us' },
    ...{ value: (group) => group.srtt_us, format: formatMicroseconds },
  },
  {
    ...{ id: 'duration', title: 'Duration, mean', width: 110, order: 'duration_us' },
    ...{ value: (group) => group.duration_us, format: formatMicroseconds },
  },
  {
    ...{ id: 'retransmits', title: 'Sent again', width: 84, order: 'retransmits' },
    ...{ value: (group) => group.retransmits, format: formatCount },
  },
  {
    ...{ id: 'retransmit_ratio', title: 'Sent again, share', width: 118 },
    ...{ value: (group) => group.retransmit_ratio, format: formatRatio },
  },
];

/** The order of a link; what the server does not know is that of bytes. */
export function readOrder(text: string): string {
  return groupColumns.some(({ order }) => order === text) ? text : 'bytes';
}
