/** The live connections of a running tracer, as `tracer.connections()` returns them. */
import type { Problem } from '../report.js';
import type { BegunConnection, Connection, EndedConnection } from './connection.js';
import type { OpenSocket } from './open-sockets.js';
import type { Totals } from './totals.js';

/** Options of {@link Tracer.connections}. */
export interface ConnectionsOptions {
  /** TCP connections and TCP sockets that listen. Default: as in the tracer. */
  readonly tcp?: boolean;
  /** UDP sockets and flows, which are counted by hooks from now on. Default true. */
  readonly udp?: boolean;
  /** Connections over IPv6. Default: as in the tracer. IPv4 through IPv6 sockets counts as IPv4; sockets bound to `::` may serve it. */
  readonly ipv6?: boolean;
  /**
   * The number of connections and flows that the table holds; others are counted as overflow. 1 or more;
   * default 262,144.
   */
  readonly limit?: number;
  /** Hide TCP connections without payload for this time, until some moves. Milliseconds; default: they are shown. */
  readonly tcpIdleMs?: number;
  /**
   * Which connections `takeEnded()` reports: all that have ended, or only those whose socket is gone without a record of the end. The
   * latter costs less where many connections are short. Default `all`.
   */
  readonly ended?: 'all' | 'vanished';
  /** What an earlier tracer's records have said of connections that may still be open: of use where this one goes on with its events. */
  readonly begun?: Iterable<BegunConnection>;
  /** A UDP flow ends after this time without datagrams. Milliseconds; default 30,000. */
  readonly udpIdleMs?: number;
}

/** Losses since the start. */
export interface LiveLosses {
  /** As in {@link TracerStats.lost}. */
  readonly ring: number;
  /** As in {@link TracerStats.lost}. */
  readonly map: number;
  /** As in {@link TracerStats.lost}. */
  readonly probe: number;
  /** As in {@link TracerStats.lost}. */
  readonly missed: number;
  /** Datagrams that were not counted because a table was full. */
  readonly datagrams: number;
}

/** The connections as of the last refresh. Iterating gives those that are live, in the order they became known. */
export interface LiveConnections extends Iterable<Connection>, Disposable {
  /**
   * The same connections as views, which take a fifth of the memory where there are very many, and are the same objects from
   * refresh to refresh. Their values are read when they are asked for, so that `{ ...view }` has none of them: see
   * {@link copyConnection}. A view whose connection has ended keeps its last values.
   */
  readonly views?: Iterable<Connection>;
  /** Live connections and flows, idle ones among them. */
  readonly size: number;
  readonly totals: Totals;
  /** When the last refresh began to read sockets: CLOCK_MONOTONIC, nanoseconds; undefined before the first one. */
  readonly readNs?: number | undefined;
  /** Limits of what is shown, known from the start: missing privileges or kernel features. */
  readonly problems: readonly Problem[];
  /** Sockets that listen, and UDP sockets. */
  readonly openSockets: Iterable<OpenSocket>;
  readonly lost: LiveLosses;
  /** Network namespaces that the last refresh could not read, and why. */
  readonly failures: readonly { readonly netns: number; readonly error: Error }[];
  /** Connections that have ended since the last call, and the number of those that were dropped for lack of room. */
  takeEnded(): { readonly ended: readonly EndedConnection[]; readonly dropped: number };
  /**
   * Consumes all events so far, then reads every socket's counters. Rates are those between two refreshes.
   *
   * @throws UnsupportedError where the kernel has no socket diagnosis; TracerStoppedError once the tracer was
   * stopped; EbpfError once it has failed, or after disposal.
   */
  refresh(): Promise<void>;
}
