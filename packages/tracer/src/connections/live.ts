/** Live connections of a running tracer: what `tracer.connections()` gives. */
import type { Problem } from '../report.js';
import type { Connection, EndedConnection } from './connection.js';
import type { OpenSocket } from './open-sockets.js';
import type { Totals } from './totals.js';

/** Options of {@link Tracer.connections}. */
export interface ConnectionsOptions {
  /** TCP connections and TCP sockets that listen. Default: if the tracer has TCP. */
  readonly tcp?: boolean;
  /** UDP sockets and flows, which are counted by hooks from now on. Default true. */
  readonly udp?: boolean;
  /** What runs over IPv6. Default: if the tracer has IPv6. IPv4 through IPv6 sockets is IPv4, and sockets bound to `::` may serve it. */
  readonly ipv6?: boolean;
  /** How many connections and flows the table holds; what does not fit is counted. Default 262,144. */
  readonly limit?: number;
  /** TCP connections without payload for so long are not shown, until some moves. Milliseconds; default: shown. */
  readonly tcpIdleMs?: number;
  /** A UDP flow without datagrams for so long has ended. Milliseconds; default 30,000. */
  readonly udpIdleMs?: number;
}

/** What could not be told, since the start. */
export interface LiveLosses {
  /** As in {@link TracerStats.lost}. */
  readonly ring: number;
  readonly map: number;
  readonly probe: number;
  /** Datagrams that were not counted since a table was full. */
  readonly datagrams: number;
}

/** The connections as of the last refresh. Iterating gives those that are live, in the order they became known. */
export interface LiveConnections extends Iterable<Connection>, Disposable {
  /** Live connections and flows, idle ones among them. */
  readonly size: number;
  readonly totals: Totals;
  /** What is not shown from the start, for lack of privileges or of what the kernel offers. */
  readonly problems: readonly Problem[];
  /** Sockets that listen, and UDP sockets. */
  readonly openSockets: Iterable<OpenSocket>;
  readonly lost: LiveLosses;
  /** Network namespaces that the last refresh could not read, and why. */
  readonly failures: readonly { readonly netns: number; readonly error: Error }[];
  /** What has ended since the last call, and how many more had ended that there was no room for. */
  takeEnded(): { readonly ended: readonly EndedConnection[]; readonly dropped: number };
  /**
   * Takes in all events so far, then reads every socket's counters. Rates are those between two refreshes.
   *
   * @throws UnsupportedError where the kernel has no socket diagnosis; EbpfError once the tracer has ended.
   */
  refresh(): Promise<void>;
}
