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
  /** Number, in `netns`, of the interface that its socket is bound to, or of the link whose addresses it has. */
  readonly interface_index?: number;
  /** Its name. */
  readonly interface?: string;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly direction?: 'outbound' | 'inbound';
  /** The process that last sent or received; where UDP is counted by packets, the creator of the socket. */
  readonly process?: ConnectionProcess;
  /** When it first did so since another one had: CLOCK_MONOTONIC, nanoseconds. Default: `started_ns`. */
  readonly process_ns?: number;
  readonly cgroup_id?: number;
  /** Cookie of the socket, where it is known. */
  readonly cookie?: number;
  /** Time of the first datagram: CLOCK_MONOTONIC, nanoseconds. */
  readonly started_ns: number;
}
