/** The live connections of a tracer: its records, sock_diag, /proc and the counts of UDP put together. */
import { type Btf, EbpfError, type FeatureTable, Kind, OptionError } from '@weir/ebpf';
import { monotonicNs } from '@weir/ebpf/sys';
import { inInitialPidNamespace } from '../enrich/pid-namespace.js';
import type { ReportedEnds } from '../hooks/filter.js';
import type { KernelRecord } from '../records/record.js';
import type { Problem } from '../report.js';
import {
  type DiagSocket,
  Holders,
  InterfaceNames,
  SocketOwners,
  SocketReader,
  TcpIterator,
  type UdpCounter,
  type UdpFlow,
} from '../sockets/index.js';
import { startUdp } from '../sockets/start-udp.js';
import type { EventWatcher } from '../stream/event-watcher.js';
import { BriefConnections } from './brief-connections.js';
import type { Connection, FindProcess } from './connection.js';
import { processFinder } from './find-process.js';
import type { ConnectionsOptions, LiveConnections, LiveLosses } from './live.js';
import type { OpenSocket } from './open-sockets.js';
import { privilegeLimits } from './privilege-limits.js';
import { ConnectionTable } from './table.js';
import type { Totals } from './totals.js';

/** The services that live connections need from the tracer. */
export interface RecordFeed {
  readonly btf: Btf;
  readonly features?: FeatureTable;
  /** Whether it reports TCP, and IPv6. */
  readonly tcp: boolean;
  readonly ipv6: boolean;
  /** Inodes of the network namespaces that it is confined to. */
  readonly netns?: readonly number[];
  /** Which connections' ends it reports. */
  readonly reportedEnds: ReportedEnds;
  /** Whether it reports a close while the kernel has the socket. */
  readonly promptClose: boolean;
  /** Shows every later event. @returns a function that ends the watch. */
  watch(watcher: EventWatcher): () => void;
  /** Shows all events until this call. @throws EbpfError once the tracer has ended. */
  catchUp(): Promise<void>;
  lost(): Pick<LiveLosses, 'ring' | 'map' | 'probe' | 'missed'>;
  onDispose(): void;
}

/** Limit of UDP flows: a larger table would cost the kernel much memory even while it is empty. */
const MAX_UDP_FLOWS = 65_536;

export class TracedConnections implements LiveConnections {
  readonly problems: readonly Problem[];
  readonly #tcp: boolean;
  readonly #ipv6: boolean;
  readonly #feed: RecordFeed;
  readonly #table: ConnectionTable;
  readonly #reader: SocketReader;
  readonly #holders: Holders | undefined;
  readonly #tcpWalk: TcpIterator | undefined;
  readonly #owners: SocketOwners;
  readonly #findProcess: FindProcess | undefined;
  readonly #udp: UdpCounter | undefined;
  readonly #endWatch: () => void;
  /** Where nobody wants to know of connections that end between two refreshes. */
  readonly #brief: BriefConnections | undefined;
  #refreshing: Promise<void> = Promise.resolve();
  #refreshed = false;
  #readNs: number | undefined;
  #disposed = false;
  #lostEvents = 0;
  /** Network namespaces that the last refresh has read. */
  #known: ReadonlySet<number> = new Set();
  #failures: LiveConnections['failures'] = [];
  #lost: LiveLosses = { ring: 0, map: 0, probe: 0, missed: 0, datagrams: 0 };

  /** @throws OptionError for options that make no sense. */
  constructor(options: ConnectionsOptions, feed: RecordFeed) {
    const { tcp = feed.tcp, udp = true, ipv6 = feed.ipv6, limit, tcpIdleMs, ended } = options;
    check({ ...options, tcp, udp });
    this.#tcp = tcp;
    this.#ipv6 = ipv6;
    this.#feed = feed;
    // /proc of another pid namespace names processes in another way than events do.
    const seesHost = inInitialPidNamespace();
    this.#holders = seesHost ? Holders.open(feed.btf, feed.features) : undefined;
    this.#owners = new SocketOwners(
      this.#holders === undefined ? {} : { walk: this.#holders.walk, repeatMs: 0 },
    );
    this.#findProcess = seesHost ? processFinder(this.#owners) : undefined;
    const interfaces = new InterfaceNames();
    const byInterface = showsInterfaces(feed.btf);
    this.#table = new ConnectionTable({
      byInterface,
      reportedEnds: feed.reportedEnds,
      interfaceName: (netns, index) => interfaces.name(netns, index),
      ...(limit !== undefined && { limit }),
      ...(tcpIdleMs !== undefined && { tcpIdleMs }),
      ...(ended !== undefined && { ended }),
    });
    for (const connection of options.begun ?? [])
      if (tcp && this.#hasFamily(connection.local.address)) this.#table.begun(connection);
    this.#tcpWalk = tcp ? TcpIterator.open(feed.btf, feed.features) : undefined;
    this.#reader = new SocketReader({
      tcpWalk: this.#tcpWalk,
      tcp,
      listeners: tcp,
      udp,
      held: () => this.#owners.namespaces,
      ...(feed.netns !== undefined && { netns: feed.netns }),
    });
    const problems = privilegeLimits();
    if (udp) {
      try {
        const { counter, choice } = startUdp(feed.btf, {
          ...(feed.features !== undefined && { features: feed.features }),
          ...(options.udpIdleMs !== undefined && { idleMs: options.udpIdleMs }),
          maxFlows: Math.min(limit ?? MAX_UDP_FLOWS, MAX_UDP_FLOWS),
        });
        this.#udp = counter;
        if (choice.partial !== undefined) problems.push(choice.partial);
      } catch (error) {
        if (!(error instanceof EbpfError)) throw error;
        problems.push({ what: `UDP is not counted: ${error.message}`, advice: 'weir doctor shows why' });
      }
    }
    this.problems = problems;
    if (ended === 'vanished') {
      const onRecord = (record: KernelRecord) => this.#take(record);
      this.#brief = new BriefConnections({
        ...{ table: this.#table, byInterface, promptClose: feed.promptClose, onRecord },
      });
    }
    this.#endWatch = feed.watch({
      event: (view, offset, decode) => {
        if (this.#brief !== undefined) this.#brief.event(view, offset, decode);
        else this.#take(decode(view, offset));
      },
      // Flows of UDP are in the kernel's counts, and losses in those of the programs.
      record: () => undefined,
    });
  }

  get size(): number {
    return this.#table.size;
  }

  get totals(): Totals {
    return this.#table.totals;
  }

  readonly views: Iterable<Connection> = { [Symbol.iterator]: () => this.#table.views() };

  get openSockets(): Iterable<OpenSocket> {
    return this.#table.openSockets;
  }

  get lost(): LiveLosses {
    return this.#lost;
  }

  get readNs(): number | undefined {
    return this.#readNs;
  }

  get failures(): LiveConnections['failures'] {
    return this.#failures;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#table.connections();
  }

  takeEnded(): ReturnType<LiveConnections['takeEnded']> {
    return this.#table.takeEnded();
  }

  refresh(): Promise<void> {
    const refreshed = this.#refreshing.then(() => this.#refresh());
    this.#refreshing = refreshed.catch(() => undefined);
    return refreshed;
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#endWatch();
    this.#udp?.[Symbol.dispose]();
    this.#holders?.[Symbol.dispose]();
    this.#tcpWalk?.[Symbol.dispose]();
    this.#feed.onDispose();
  }

  async #refresh(): Promise<void> {
    // Before events are consumed, so that the sockets are read right after these.
    if (this.#findProcess !== undefined && !this.#disposed)
      this.#owners.step(this.#refreshed ? undefined : Number.POSITIVE_INFINITY);
    await this.#feed.catchUp();
    if (this.#disposed) throw new EbpfError('these connections were disposed of');
    this.#brief?.flush();
    const { ring, map, probe, missed } = this.#feed.lost();
    const lostEvents = ring + map + probe + missed;
    if (lostEvents !== this.#lostEvents) this.#table.eventsLost();
    this.#lostEvents = lostEvents;
    this.#readNs = Number(monotonicNs());
    const { netns, failed } = this.#table.refresh(
      {
        read: (onSocket, isUnchanged) =>
          this.#reader.read((socket) => this.#isWanted(socket) && onSocket(socket), isUnchanged),
      },
      this.#findProcess,
      () => this.#countUdp(),
    );
    this.#known = netns;
    this.#failures = [...failed, ...this.#outOfSight()];
    this.#refreshed = true;
  }

  /** Runs after the sockets were read: they show the owners of flows, which the kernel's counts lack. */
  #countUdp(): void {
    const udp = this.#udp?.collect((cookie) => this.#table.openSockets.ofCookie(cookie));
    const isWanted = (flow: UdpFlow) => this.#isInside(flow.netns) && this.#hasFamily(flow.local.address);
    for (const { flow, closed_by, ended_ns } of udp?.ended ?? []) {
      if (isWanted(flow)) this.#table.udpEnded(flow, closed_by, ended_ns);
    }
    if (udp !== undefined) this.#table.udpFlows(udp.live.filter(isWanted));
    const { ring, map, probe, missed } = this.#feed.lost();
    const skipped = probe + (this.#udp?.missedRuns ?? 0);
    this.#lost = { ring, map, probe: skipped, missed, datagrams: udp?.lost.datagrams ?? 0 };
  }

  /** Namespaces whose connections live on, and that could not be entered. */
  #outOfSight(): LiveConnections['failures'] {
    return [...this.#table.outOfSight].map(([netns, count]) => ({
      netns,
      error: new EbpfError(
        `no process is in it, and there is no way into it: ${count} connections of it are shown as they were last seen`,
      ),
    }));
  }

  #take(record: KernelRecord): void {
    if (record.event === 'fd_install') return;
    if (!this.#tcp || !this.#hasFamily(record.local.address)) return;
    if (!this.#known.has(record.netns)) this.#reader.forgetNamespaces();
    this.#table.record(record);
  }

  #isInside(netns: number): boolean {
    return this.#feed.netns === undefined || this.#feed.netns.includes(netns);
  }

  #hasFamily(address: string): boolean {
    return this.#ipv6 || !address.includes(':');
  }

  /** A socket bound to `::` may serve IPv4. */
  #isWanted({ addresses }: DiagSocket): boolean {
    if (this.#ipv6 || addresses.getUint32(8) === 0xffff) return true;
    return [0, 4, 8, 12].every((offset) => addresses.getUint32(offset) === 0);
  }
}

/** Whether the types in use show the kernel's programs which interface a socket is bound to. */
function showsInterfaces(btf: Btf): boolean {
  const id = btf.find('sock_common', Kind.struct);
  const type = id === undefined ? undefined : btf.type(id);
  return type?.kind === Kind.struct && type.members.some(({ name }) => name === 'skc_bound_dev_if');
}

function check({
  tcp = true,
  udp = true,
  limit = 1,
  tcpIdleMs = 1,
  udpIdleMs = 1,
}: ConnectionsOptions): void {
  if (!tcp && !udp)
    throw new OptionError('tcp and udp are both off: there would be no connections; leave one of them on');
  if (!Number.isInteger(limit) || limit < 1) throw new OptionError(`${limit} is no number of connections`);
  for (const [name, value] of Object.entries({ tcpIdleMs, udpIdleMs })) {
    if (!(value > 0)) throw new OptionError(`${name} is ${value}: expected milliseconds above 0`);
  }
}
