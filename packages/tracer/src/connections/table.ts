/**
 * The live connections of this host, from three sources: the tracer's records of beginnings and ends; sock_diag, which lists
 * sockets with their counters; and the counts of UDP flows. The table itself reads nothing from the host.
 *
 * Records should be delivered up to the moment at which a refresh begins: then no figure is ever shown with another
 * connection. Otherwise one may be, for one refresh, where a port was reused in between; sums come right all the same.
 * Where records were lost, a connection counts as gone after the refreshes that do not find its socket, and its traffic after
 * the last refresh that did is not counted.
 */
import { AddressFormatter } from '@weir/ebpf/address';
import { monotonicNs } from '@weir/ebpf/sys';
import type { ReportedEnds } from '../hooks/filter.js';
import type { ConnectionRecord } from '../records/record.js';
import type { DiagSocket, IsUnchanged, SocketSnapshot, UdpFlow } from '../sockets/index.js';
import type { BegunConnection, Connection, EndedConnection, FindProcess } from './connection.js';
import { ConnectionStore } from './connection-store.js';
import type { Entry } from './entry.js';
import { OpenSockets } from './open-sockets.js';
import { TcpConnections } from './tcp-connections.js';
import { type PassedConnection, RateMeter, type Totals } from './totals.js';
import { UdpFlows } from './udp-connections.js';

export interface ConnectionTableOptions {
  /** The number of connections and flows that the table holds. Default 262,144. */
  readonly limit?: number;
  /** Hide TCP connections without payload for this time, until some moves. Milliseconds; default: they are shown. */
  readonly tcpIdleMs?: number;
  /** The number of ended connections that are kept for {@link ConnectionTable.takeEnded}. Default 16,384. */
  readonly endedLimit?: number;
  /** As in {@link ConnectionsOptions}. */
  readonly ended?: 'all' | 'vanished';
  /** Which ends come as a record, unless events are lost. Default `none`: refreshes alone decide. */
  readonly reportedEnds?: ReportedEnds;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly now?: () => number;
  /** Whether records name the interface that a socket is bound to. Default true; else it does not distinguish connections. */
  readonly byInterface?: boolean;
  /** Names of interfaces, by network namespace and number. */
  readonly interfaceName?: (netns: number, index: number) => string | undefined;
}

/** Lists all sockets, as a SocketReader does. */
export interface SocketSource {
  read(onSocket: (socket: DiagSocket) => void, isUnchanged: IsUnchanged): SocketSnapshot;
}

export class ConnectionTable {
  /** Sockets that listen, and UDP sockets, as of the last refresh. */
  readonly openSockets: OpenSockets;
  readonly #store: ConnectionStore;
  readonly #tcp: TcpConnections;
  readonly #udp: UdpFlows;
  readonly #tcpIdleNs: number;
  readonly #rates: RateMeter;
  #findProcess: FindProcess | undefined;

  constructor(options: ConnectionTableOptions = {}) {
    const now = options.now ?? (() => Number(monotonicNs()));
    const addresses = new AddressFormatter();
    this.#store = new ConnectionStore({
      limit: options.limit ?? 262_144,
      endedLimit: options.endedLimit ?? 16_384,
      ended: options.ended ?? 'all',
      reportedEnds: options.reportedEnds ?? 'none',
      now,
      byInterface: options.byInterface ?? true,
      interfaceName: options.interfaceName ?? (() => undefined),
    });
    this.#tcp = new TcpConnections(this.#store);
    this.#udp = new UdpFlows(this.#store);
    this.#tcpIdleNs = (options.tcpIdleMs ?? Number.POSITIVE_INFINITY) * 1e6;
    this.#rates = new RateMeter(now());
    this.openSockets = new OpenSockets(addresses, options.interfaceName);
  }

  /** Connections and flows in the table, idle ones among them. */
  get size(): number {
    return this.#store.entries.size;
  }

  /** The number of remembered connections that are not live any more; they are forgotten after a time. */
  get remembered(): number {
    return this.#store.awaitingClose.size + this.#tcp.recentlyClosed;
  }

  get totals(): Totals {
    const { totals } = this.#store;
    totals.untracked = this.#tcp.untracked + this.#udp.untracked;
    return totals;
  }

  /** Connections that live on in network namespaces that could not be entered, by namespace. */
  get outOfSight(): ReadonlyMap<number, number> {
    return this.#tcp.outOfSight;
  }

  /** Live connections and flows, in the order in which they became known. */
  *connections(): Generator<Connection, void, undefined> {
    for (const entry of this.#shown()) yield this.#store.copies.of(entry);
  }

  /** The same as {@link LiveConnections.views}. */
  views(): Iterator<Connection, void, undefined> {
    return this.#shown();
  }

  *#shown(): Generator<Entry, void, undefined> {
    const idleSince = this.#store.now() - this.#tcpIdleNs;
    for (const entry of this.#store.entries) {
      if (entry.transport === 'udp' || entry.active_ns >= idleSince) yield entry;
    }
  }

  /** Connections that have ended since the last call, and the number of those that were dropped. */
  takeEnded(): { readonly ended: readonly EndedConnection[]; readonly dropped: number } {
    return this.#store.endedQueue.take();
  }

  /** Applies a record of the tracer. */
  record(record: ConnectionRecord): void {
    this.#tcp.record(record);
  }

  /** Events were lost until now: an end may be among them. */
  eventsLost(): void {
    this.#store.eventsLost();
  }

  /** Applies what an earlier tracer's record said of a connection's beginning. */
  begun(connection: BegunConnection): void {
    this.#tcp.begun(connection);
  }

  /** Whether a connection that begins with these ends is none that a refresh has found already. @param ends Words of a tuple. */
  isUnknown(ends: Uint32Array): boolean {
    return this.#tcp.isUnknown(ends);
  }

  /** In place of both records of a connection that was opened and closed since the last refresh, with ends that are unknown. */
  passed(connection: PassedConnection): void {
    this.#tcp.passed(connection);
  }

  /**
   * Reads all sockets, and removes connections that are gone.
   *
   * @param readFlows Called when the sockets were read: to call {@link udpFlows} and {@link udpEnded}.
   * @returns the coverage of the reading.
   * @throws the errors of the source.
   */
  refresh(source: SocketSource, findProcess?: FindProcess, readFlows?: () => void): SocketSnapshot {
    const nowNs = this.#store.now();
    this.#findProcess = findProcess;
    findProcess?.beginRefresh?.();
    this.#tcp.beginRefresh(findProcess, nowNs);
    const onSocket = (socket: DiagSocket) => {
      if (OpenSockets.isOne(socket)) this.openSockets.add(socket, findProcess);
      else this.#tcp.see(socket, nowNs);
    };
    const snapshot = source.read(onSocket, (key) => this.#tcp.isUnchanged(key));
    this.#tcp.endRefresh(snapshot);
    const failed = new Set(snapshot.failed.map(({ netns }) => netns));
    this.openSockets.finish(
      ({ netns, inode }) =>
        failed.has(netns) || (!snapshot.netns.has(netns) && findProcess?.holds?.(inode) === true),
    );
    readFlows?.();
    this.#store.expireAwaiting();
    this.#rates.update(this.#store.totals, nowNs);
    this.#store.copies.updateAll();
    return snapshot;
  }

  /**
   * Applies the counts of all UDP flows that are live. A flow of the table that is not among them is gone, and
   * {@link udpEnded} should have been called for it.
   */
  udpFlows(flows: Iterable<UdpFlow>): void {
    this.#udp.update(flows, this.openSockets, this.#findProcess);
  }

  /** Applies the final counts of a UDP flow. */
  udpEnded(flow: UdpFlow, closedBy: 'local' | 'idle', endedNs: number): void {
    this.#udp.ended(flow, closedBy, endedNs);
  }
}
