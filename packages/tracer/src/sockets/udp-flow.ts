/** A UDP flow: what one socket exchanges with one peer. */
import type { ConnectionProcess, Endpoint } from '../records/record.js';

/** Counts of a UDP flow since its first datagram. */
export interface UdpFigures {
  /** Time of the last datagram: CLOCK_MONOTONIC, nanoseconds. */
  readonly active_ns: number;
  /** Payload. */
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly datagrams_sent: number;
  readonly datagrams_received: number;
}

export interface UdpFlow extends UdpFigures {
  readonly flow_id: string;
  readonly netns: number;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly direction?: 'outbound' | 'inbound';
  readonly process?: ConnectionProcess;
  readonly cgroup_id?: number;
  /** Time of the first datagram: CLOCK_MONOTONIC, nanoseconds. */
  readonly started_ns: number;
}
