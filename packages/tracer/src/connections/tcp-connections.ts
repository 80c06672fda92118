/**
 * TCP connections in the table, from records and sock_diag together.
 *
 * A record knows a connection by its flow id, sock_diag knows a socket by its cookie; both know the two ends, which at any
 * moment at most one connection of a network namespace has. A connection with the ends of an earlier one is distinguished
 * from it by cookie, flow id and time, whichever of the two sources comes first, or late, or never.
 */
import type {
  AcceptRecord,
  CloseRecord,
  ConnectionProcess,
  ConnectionRecord,
  ConnectRecord,
  FailRecord,
  ProcessIdentity,
} from '../records/record.js';
import { type DiagSocket, type SocketSnapshot, TcpState } from '../sockets/index.js';
import { ProcessQuestions } from './ask-process.js';
import type { BegunConnection, FindProcess } from './connection.js';
import type { ConnectionStore, Place } from './connection-store.js';
import { RecentlyClosed } from './ended-queue.js';
import type { Entry } from './entry.js';
import { applyClose, applySocket, clearFigures, dropBaseline, setBaseline, setDirection } from './figures.js';
import { SharedProcesses } from './shared-processes.js';
import { SteadyEntries } from './steady-entries.js';
import { addPassed, type PassedConnection } from './totals.js';
import { Tuple, tupleText } from './tuple.js';
import { WalkOrder } from './walk-order.js';

/** Refreshes that must not find a socket before it counts as gone: sock_diag may pass one over (see SocketReader). */
const MISSES = 2;
/** The same for a socket in a network namespace that cannot be read, where nothing says that the connection lives on. */
const UNREACHABLE_MISSES = 10;

export class TcpConnections {
  readonly #store: ConnectionStore;
  readonly #tuple = new Tuple();
  readonly #processes = new SharedProcesses();
  readonly #recentlyClosed = new RecentlyClosed();
  /** Network namespaces that a refresh has read already: a socket that appears there now is new. */
  #covered: ReadonlySet<number> = new Set();
  #generation = 0;
  /** Sockets that the last refresh had no room for. */
  untracked = 0;
  /** Connections in network namespaces that the last refresh could not enter, by the namespace: they live on unseen. */
  outOfSight: ReadonlyMap<number, number> = new Map();
  #findProcess: FindProcess | undefined;
  #questions: ProcessQuestions | undefined;
  readonly #order: WalkOrder;
  readonly #steady: SteadyEntries;

  constructor(store: ConnectionStore) {
    this.#store = store;
    this.#order = new WalkOrder(store.entries);
    this.#steady = new SteadyEntries(store.entries, this.#order);
  }

  /** Closed connections whose sockets the kernel may still have. */
  get recentlyClosed(): number {
    return this.#recentlyClosed.size;
  }

  record(record: ConnectionRecord): void {
    switch (record.event) {
      case 'connect':
      case 'accept':
        this.#open(record);
        break;
      case 'close':
        this.#close(record);
        break;
      case 'fail':
        this.#fail(record);
        break;
    }
  }

  /** Whether a connection that begins with these ends is none that a refresh has found already, or has missed. */
  isUnknown(ends: Uint32Array): boolean {
    const { entries, awaitingClose } = this.#store;
    return awaitingClose.hasNone(ends) && entries.ofEnds(ends) === undefined;
  }

  /** A connection was opened and closed since the last refresh, and {@link record} gets neither. */
  passed(connection: PassedConnection): void {
    addPassed(this.#store.totals, connection);
    if (connection.ends !== undefined) this.#recentlyClosed.addBrief(connection.ends);
  }

  #open(record: ConnectRecord | AcceptRecord): void {
    const { entries, awaitingClose, totals } = this.#store;
    const { flow_id, monotonic_ns } = record;
    const isKnown = entries.ofFlow(flow_id) !== undefined || awaitingClose.has(flow_id);
    if (isKnown || this.#recentlyClosed.hasFlow(flow_id)) return;
    if (record.event === 'connect') totals.connected++;
    else totals.accepted++;
    const startNs = monotonic_ns - (record.event === 'connect' ? (record.handshake_us ?? 0) * 1000 : 0);
    const place = this.#placeOf(record, startNs);
    const late = awaitingClose.takeNameless(place.ends, startNs);
    if (late !== undefined) {
      // Its socket is already gone, and only the record of its end is still missing.
      this.#begin(late, record, startNs);
      awaitingClose.add(late, this.#store.now());
      return;
    }
    let entry = entries.ofEnds(place.ends);
    if (entry !== undefined && !couldBe(entry, record, startNs)) {
      this.#store.awaitClose(entry);
      entry = undefined;
    }
    entry ??= this.#store.add(place);
    if (entry === undefined) {
      totals.overflow++;
      return;
    }
    this.#begin(entry, record, startNs);
    entries.setFlow(entry, flow_id);
  }

  /** As if the record of its beginning came again. Whether its socket is still there is for the next refresh to find out. */
  begun(connection: BegunConnection): void {
    const { flow_id, started_ns, direction, process } = connection;
    const { entries, totals } = this.#store;
    const place = this.#placeOf(connection, started_ns);
    const earlier = entries.ofEnds(place.ends);
    if (earlier !== undefined) this.#store.awaitClose(earlier);
    const entry = this.#store.add(place);
    if (entry === undefined) return;
    entries.setFlow(entry, flow_id);
    entry.flowNs = started_ns;
    entry.started_ns = started_ns;
    entry.state = 'established';
    entry.cgroup_id = connection.cgroup_id;
    if (direction !== undefined) setDirection(entry, totals, direction);
    if (process === undefined) return;
    entry.process = this.#processes.shared(process);
    entry.processNs = started_ns;
  }

  #begin(entry: Entry, record: ConnectRecord | AcceptRecord, startNs: number): void {
    const { totals } = this.#store;
    entry.steady = 0;
    entry.flow_id = record.flow_id;
    entry.flowNs = startNs;
    entry.interface ??= record.interface;
    entry.started_ns = startNs;
    if (entry.state === undefined || entry.state === 'syn_sent') entry.state = 'established';
    if (record.process !== undefined) this.#setProcess(entry, record.process, startNs);
    entry.cgroup_id = record.cgroup_id;
    setDirection(entry, totals, record.event === 'connect' ? 'outbound' : 'inbound');
    dropBaseline(entry, totals);
  }

  #close(record: CloseRecord): void {
    const { entries, awaitingClose, totals } = this.#store;
    const { flow_id, netns, monotonic_ns } = record;
    const place = this.#placeOf(record, monotonic_ns);
    let entry = entries.ofFlow(flow_id);
    if (entry === undefined) {
      const there = entries.ofEnds(place.ends);
      // Older than the tracer, or its record is lost. A connection that was first seen after this end is its successor.
      if (there !== undefined && !there.hasFlow && there.createdNs <= monotonic_ns) entry = there;
    }
    if (entry !== undefined) entries.remove(entry);
    else entry = awaitingClose.take(flow_id, keyOf(place.ends), monotonic_ns);
    const isNew = entry === undefined;
    entry ??= this.#store.create(place);
    entry.flow_id = flow_id;
    entry.interface ??= record.interface;
    if (entry.process === undefined && record.process !== undefined)
      this.#setProcess(entry, record.process, monotonic_ns);
    applyClose(entry, totals, record);
    // Older than the tracer, and never seen: its traffic since the start cannot be known.
    if (isNew && record.duration_us === undefined && !this.#covered.has(netns)) setBaseline(entry, totals);
    entry.state = 'close';
    this.#recentlyClosed.add(entry, this.#generation);
    this.#store.end(entry, record.closed_by, monotonic_ns);
  }

  /** It is valid until the next call. */
  #placeOf(connection: ConnectionRecord | BegunConnection, sinceNs: number): Place {
    const { netns, local, peer } = connection;
    const interfaceIndex = this.#store.byInterface ? (connection.interface_index ?? 0) : 0;
    const ends = this.#tuple.set(netns, interfaceIndex, local, peer).words;
    return { transport: 'tcp', ends, interfaceIndex, sinceNs };
  }

  #fail(record: FailRecord): void {
    const { entries, totals } = this.#store;
    totals.failed++;
    const entry = entries.ofEnds(this.#placeOf(record, 0).ends);
    if (entry === undefined || entry.createdNs > record.monotonic_ns) return;
    // The latter where both sides connect at the same time.
    if (entry.state !== 'syn_sent' && entry.state !== 'syn_recv') return;
    this.#store.forget(entry);
    this.#recentlyClosed.add(entry, this.#generation);
  }

  #setProcess(entry: Entry, { pid, comm, uid }: ProcessIdentity, ns: number): void {
    const process: ConnectionProcess = { pid, comm, uid };
    entry.process = this.#processes.shared(this.#findProcess?.identify?.(process, ns) ?? process);
    entry.processNs = ns;
    entry.processVersion = undefined;
  }

  /** Begins a refresh, in which {@link see} or {@link isUnchanged} is called for every socket, then {@link endRefresh}. */
  beginRefresh(findProcess: FindProcess | undefined, nowNs: number): void {
    this.#findProcess = findProcess;
    this.#questions = findProcess && new ProcessQuestions(findProcess);
    this.#generation++;
    this.#order.begin();
    this.#steady.begin(findProcess, this.#generation, nowNs);
    this.untracked = 0;
  }

  /** Whether a socket is as it was, so that nothing remains to be done. @param key What a walk shows of it. */
  isUnchanged(key: Uint32Array): boolean {
    return this.#steady.pass(key);
  }

  see(socket: DiagSocket, nowNs: number): void {
    const { entries, totals } = this.#store;
    let entry = this.#order.next(socket) ?? entries.ofCookie(socket.netns, socket.cookie);
    const isNew = entry === undefined;
    entry ??= this.#entryOf(socket, nowNs);
    if (entry === undefined) return;
    this.#order.add(entry);
    entry.interface_index = socket.interfaceIndex;
    this.#store.nameInterface(entry);
    applySocket(entry, totals, socket, nowNs);
    if (isNew && !entry.hasFlow && !this.#covered.has(socket.netns)) setBaseline(entry, totals);
    if (socket.inode !== 0) this.#questions?.ask(entry, socket.inode);
    entry.generation = this.#generation;
    entry.misses = 0;
    this.#steady.mark(entry, socket);
  }

  /** By its inode; or, where no refresh has seen it, because its process runs on. */
  #isHeld({ inode, process }: Entry): boolean {
    const find = this.#findProcess;
    if (inode !== 0) return find?.holds?.(inode) === true;
    return process !== undefined && find?.isSame?.(process) === true;
  }

  /** The entry of a socket whose cookie is new; undefined where it is no connection, or there is no room. */
  #entryOf(socket: DiagSocket, nowNs: number): Entry | undefined {
    if (isReduced(socket)) return undefined;
    const { entries, awaitingClose, totals } = this.#store;
    const { netns, cookie, addresses, localPort, peerPort } = socket;
    const interfaceIndex = this.#store.byInterface ? socket.interfaceIndex : 0;
    const ends = this.#tuple.setFrom(addresses, netns, interfaceIndex, localPort, peerPort).words;
    const isOrphan = socket.inode === 0 && socket.state !== TcpState.established;
    if (isOrphan && this.#recentlyClosed.isOne(ends, cookie, this.#generation)) return undefined;
    let entry = entries.ofEnds(ends);
    // Another socket has these ends. Events since the older one was last seen belong to the newer one.
    if (entry?.cookie !== undefined && entry.flowNs <= entry.seenToNs) {
      this.#store.awaitClose(entry);
      entry = undefined;
    }
    const awaiting = awaitingClose.takeSocket(netns, cookie);
    if (entry === undefined) {
      // Earlier dumps have skipped it.
      entry = awaiting ?? awaitingClose.takeUnseen(ends);
      if (entry !== undefined) entries.add(entry);
    } else if (awaiting !== undefined) {
      // Its figures were counted for the earlier connection with these ends, whose end has not been reported yet.
      clearFigures(awaiting, totals);
      awaiting.cookie = undefined;
      awaitingClose.add(awaiting, nowNs);
    }
    entry ??= this.#store.add({ transport: 'tcp', ends, interfaceIndex, sinceNs: nowNs });
    if (entry === undefined) this.untracked++;
    else entries.setCookie(entry, cookie);
    return entry;
  }

  /** Ends a refresh: what it did not find is gone, unless its network namespace could not be read. */
  endRefresh(snapshot: SocketSnapshot): void {
    const { startedNs, endedNs, netns } = snapshot;
    const failed = new Set(snapshot.failed.map((failure) => failure.netns));
    const outOfSight = new Map<number, number>();
    const { entries } = this.#store;
    entries.rows.markSeen(this.#generation, endedNs, (number) => {
      const entry = entries.ofNumber(number);
      if (entry === undefined || entry.transport === 'udp') return;
      if (entry.createdNs >= startedNs || failed.has(entry.netns)) return;
      // The next time it is looked at, which forgets this.
      entry.steady = 0;
      entry.misses++;
      if (!netns.has(entry.netns) && (this.#isHeld(entry) || this.#store.wouldReportEnd(entry))) {
        // It lives on, in a process or under way to one: what does not show it is the refresh.
        outOfSight.set(entry.netns, (outOfSight.get(entry.netns) ?? 0) + 1);
        setUnseen(entry, endedNs);
        return;
      }
      const enough = netns.has(entry.netns) ? MISSES : UNREACHABLE_MISSES;
      if (entry.misses >= enough) this.#store.awaitClose(entry);
    });
    this.outOfSight = outOfSight;
    this.#covered = new Set(netns);
    this.#recentlyClosed.forgetBefore(this.#generation - 1);
  }
}

/**
 * Whether the kernel keeps only the ends of a socket, while its peer still may send. The connection's end was reported before, be it to an
 * earlier process.
 */
function isReduced({ state, hasInfo }: DiagSocket): boolean {
  return state === TcpState.fin_wait2 && !hasInfo;
}

/** Its figures stay as they were last seen, and nothing is known of what moves. */
function setUnseen(entry: Entry, nowNs: number): void {
  entry.steady = 0;
  entry.state = undefined;
  entry.send_rate = 0;
  entry.receive_rate = 0;
  entry.sampledNs = nowNs;
}

/** Whether a connection that only sock_diag has reported so far is the one of an event. */
function couldBe(entry: Entry, record: ConnectRecord | AcceptRecord, startNs: number): boolean {
  if (entry.hasFlow) return false;
  if (entry.seenToNs >= startNs) return true;
  // The connection waited to be accepted, and no process had it yet.
  return record.event === 'accept' && entry.inode === 0 && entry.direction !== 'outbound';
}

function keyOf(ends: Uint32Array): string {
  return tupleText('tcp', ends, 0);
}
