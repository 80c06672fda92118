/** A host with connections, of which a table learns by records and by sock_diag, in whatever order. */
import assert from 'node:assert/strict';
import { parseMappedPrefix } from '@weir/ebpf/address';
import { BriefConnections } from '../../src/connections/brief-connections.js';
import {
  ConnectionTable,
  type ConnectionTableOptions,
  type FindProcess,
} from '../../src/connections/index.js';
import type { ConnectionRecord, Endpoint, KernelRecord } from '../../src/records/record.js';
import {
  type DiagSocket,
  type SocketSnapshot,
  TcpState,
  type TcpStateName,
} from '../../src/sockets/index.js';
import { emptyDiagSocket } from '../../src/sockets/inet-diag.js';
import { WallClock } from '../../src/stream/clock.js';
import { EventDecoder } from '../../src/stream/decode.js';
import { eventOf } from './event-of.js';

export const SECOND = 1_000_000_000;
export const MINUTE = 60 * SECOND;

/** One socket, and what is true of it. */
export interface Flow {
  readonly flowId: string;
  readonly netns: number;
  /** 0: the socket is bound to none. */
  readonly interfaceIndex: number;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly direction: 'outbound' | 'inbound';
  readonly prior: boolean;
  readonly cookie: number;
  readonly startNs: number;
  inode: number;
  state: TcpStateName;
  pid: number;
  sent: number;
  received: number;
  sendQueue: number;
  movedNs: number;
}

interface Opening {
  readonly port: number;
  readonly pid: number;
  readonly netns?: number;
  readonly peerPort?: number;
  readonly interfaceIndex?: number;
  readonly prior?: boolean;
  readonly handshake?: boolean;
}

export interface Reading {
  /** Namespaces that can't be read, and that are not listed. */
  readonly failed?: readonly number[];
  readonly unreachable?: readonly number[];
  /** Default: by the flows' own processes. */
  readonly findProcess?: FindProcess;
  /** Percentage of sockets that dumps skip. */
  readonly slips?: number;
}

/** Gets all that the table gets. */
export interface Follower {
  record(record: ConnectionRecord, nowNs: number): void;
  /** @param fromNs When the refresh began. @param toNs When its sockets were read. */
  refresh(sockets: readonly DiagSocket[], snapshot: SocketSnapshot, fromNs: number, toNs: number): void;
}

export class Simulation {
  readonly table: ConnectionTable;
  follower: Follower | undefined;
  readonly flows: Flow[] = [];
  readonly live = new Set<Flow>();
  /** Below `limit`. */
  readonly random: (limit: number) => number;
  nowNs = 1000 * SECOND;
  #queue: ConnectionRecord[] = [];
  #serial = 1;

  readonly #brief: BriefConnections | undefined;
  /** Records that the table received, where it is kept from brief connections. */
  delivered = 0;

  /** @param how `brief`: connections that end before the next refresh are kept away from the table. */
  constructor(options: ConnectionTableOptions = {}, seed = 1, how: { readonly brief?: boolean } = {}) {
    let state = seed * 2_654_435_761;
    this.random = (limit) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    this.table = new ConnectionTable({ ...options, now: () => this.nowNs });
    const onRecord = (record: KernelRecord) => {
      if (record.event === 'fd_install') return;
      this.delivered++;
      this.table.record(record);
    };
    if (how.brief === true)
      this.#brief = new BriefConnections({
        ...{ table: this.table, byInterface: true, promptClose: true, onRecord },
      });
  }

  get opened(): number {
    return this.flows.length;
  }

  pass(ns: number): void {
    this.nowNs += ns;
  }

  connect(opening: Opening): Flow {
    const flow = this.#create(opening, 'outbound', opening.handshake === false ? 'syn_sent' : 'established');
    this.pass(1000);
    if (opening.prior !== true && opening.handshake !== false) {
      this.#queue.push({ ...this.#common(flow, flow.pid), event: 'connect', handshake_us: 1 });
    }
    return flow;
  }

  accept(opening: Opening): Flow {
    const flow = this.#create(opening, 'inbound', 'established');
    if (opening.prior !== true) {
      this.#queue.push({ ...this.#common(flow, flow.pid), event: 'accept', accounted: 'accept' });
    }
    return flow;
  }

  listen(opening: Opening): Flow {
    return this.#create(opening, 'inbound', 'listen');
  }

  move(flow: Flow, sent: number, received: number): void {
    flow.sent += sent;
    flow.received += received;
    flow.movedNs = this.nowNs;
    this.pass(10);
  }

  close(flow: Flow, how: { readonly pid?: number; readonly lingers?: boolean } = {}): void {
    this.pass(10);
    this.#queue.push({
      ...this.#common(flow, how.pid ?? flow.pid),
      event: 'close',
      closed_by: 'local',
      // The tracer does not know the direction of what is older, so that the SYN is a byte to it.
      bytes_sent: flow.sent + (flow.prior && flow.direction === 'outbound' ? 1 : 0),
      bytes_received: flow.received,
      ...(!flow.prior && { duration_us: (this.nowNs - flow.startNs) / 1000 }),
    });
    if (how.lingers === true) {
      flow.inode = 0;
      flow.state = 'fin_wait1';
      flow.sendQueue = 1;
    } else {
      this.live.delete(flow);
    }
    this.pass(10);
  }

  fail(flow: Flow): void {
    this.pass(10);
    this.#queue.push({ ...this.#common(flow, flow.pid), event: 'fail', error: 'ECONNREFUSED' });
    this.live.delete(flow);
  }

  remove(flow: Flow): void {
    this.live.delete(flow);
  }

  /** The process has closed it and the peer has not: the kernel keeps its ends only. */
  reduce(flow: Flow): void {
    flow.inode = 0;
    flow.state = 'fin_wait2';
  }

  removeClosedSockets(): void {
    for (const flow of this.live) if (flow.state === 'fin_wait1') this.live.delete(flow);
  }

  /** Ports are few, so they are used again and again. */
  openRandom(prior: boolean): void {
    const { random } = this;
    const [netns, port, peerPort] = [1 + random(2), 4000 + random(3), 80 + random(2)];
    for (const flow of this.live) {
      if (flow.netns === netns && flow.local.port === port && flow.peer.port === peerPort) return;
    }
    const opening = { netns, port, peerPort, pid: 100 + random(1000), prior };
    if (random(2) === 0) this.connect(opening);
    else this.accept(opening);
  }

  moveRandom(): void {
    const flow = this.#pick();
    if (flow !== undefined) this.move(flow, this.random(1000), this.random(1000));
  }

  /** Another process gets the socket, and the first one has it no more. */
  passOnRandom(): void {
    const flow = this.#pick();
    if (flow !== undefined) flow.pid = 100 + this.random(1000);
  }

  closeRandom(): void {
    const flow = this.#pick();
    if (flow !== undefined) this.close(flow, { pid: 5 });
  }

  closeAll(): void {
    for (const flow of this.live) this.close(flow);
  }

  /** Delivers the oldest records that wait. */
  deliver(count = Number.POSITIVE_INFINITY): void {
    for (const record of this.#queue.splice(0, count)) {
      this.follower?.record(record, this.nowNs);
      if (this.#brief === undefined) this.table.record(record);
      else {
        const decoder = new EventDecoder(new WallClock(0n));
        this.#brief.event(eventOf(record), 0, (view, offset) => decoder.decode(view, offset));
      }
    }
  }

  /** Delivers some records, and all that are older than a few seconds. */
  deliverLate(): void {
    const old = this.#queue.filter(({ monotonic_ns }) => monotonic_ns < this.nowNs - 4 * SECOND).length;
    this.deliver(old + this.random(4));
  }

  /** Loses the oldest. */
  drop(count = Number.POSITIVE_INFINITY): void {
    this.#queue.splice(0, count);
  }

  refresh(reading: Reading = {}): void {
    this.#brief?.flush();
    const unread = new Set([...(reading.failed ?? []), ...(reading.unreachable ?? [])]);
    const socket = emptyDiagSocket();
    const fromNs = this.nowNs;
    const copies: DiagSocket[] = [];
    const snapshot = this.table.refresh(
      {
        read: (onSocket) => {
          const startedNs = this.nowNs;
          let sockets = 0;
          for (const flow of this.live) {
            this.pass(10);
            if (unread.has(flow.netns) || this.random(100) < (reading.slips ?? 0)) continue;
            onSocket(fill(socket, flow, this.nowNs));
            if (this.follower !== undefined) copies.push(structuredClone(socket));
            sockets++;
          }
          this.pass(10);
          return {
            startedNs,
            endedNs: this.nowNs,
            netns: new Set([1, 2].filter((netns) => !unread.has(netns))),
            sockets,
            failed: (reading.failed ?? []).map((netns) => ({ netns, error: new Error('EPERM') })),
          };
        },
      },
      reading.findProcess ??
        ((inode, known) => {
          const owner = this.flows.find((flow) => flow.inode === inode)!;
          return known?.pid === owner.pid ? known : { pid: owner.pid, comm: `p${owner.pid}` };
        }),
    );
    this.follower?.refresh(copies, snapshot, fromNs, this.nowNs);
    this.pass(10);
  }

  /** The true payload, over all flows. */
  moved(): { readonly sent: number; readonly received: number } {
    return {
      sent: this.flows.reduce((sum, { sent }) => sum + sent, 0),
      received: this.flows.reduce((sum, { received }) => sum + received, 0),
    };
  }

  /** The table is what is live, to the byte. */
  assertExact(base: { readonly sent: number; readonly received: number }): void {
    const show = (flow: Pick<Flow, 'netns' | 'local' | 'peer' | 'pid' | 'sent' | 'received'>) =>
      `${flow.netns} ${flow.local.port} ${flow.peer.port} ${flow.pid} ${flow.sent} ${flow.received}`;
    const shown = [...this.table.connections()].map((connection) =>
      show({
        ...connection,
        pid: connection.process!.pid,
        sent: connection.bytes_sent,
        received: connection.bytes_received,
      }),
    );
    assert.deepEqual(shown.sort(), [...this.live].map(show).sort());
    assert.equal(this.table.totals.bytes_sent, this.moved().sent - base.sent);
  }

  /** Every connection has the ends and the process of its own flow id, and never more than that flow's bytes. */
  assertUnmixed(isLoose: boolean): void {
    for (const { flow_id, local, peer, netns, process, direction, bytes_sent } of this.table.connections()) {
      const flow = this.flows.find((candidate) => candidate.flowId === flow_id);
      if (flow === undefined) continue;
      assert.deepEqual({ local, peer, netns }, { local: flow.local, peer: flow.peer, netns: flow.netns });
      if (isLoose) continue;
      assert.equal(process?.pid, flow.pid);
      assert.equal(direction, flow.direction);
      assert.ok(bytes_sent <= flow.sent);
    }
  }

  assertEndedOnce(): void {
    const ids = this.table
      .takeEnded()
      .ended.map(({ connection }) => connection.flow_id)
      .filter((flowId) => flowId !== undefined);
    assert.equal(new Set(ids).size, ids.length);
  }

  #pick(): Flow | undefined {
    return [...this.live][this.random(this.live.size)];
  }

  #create(opening: Opening, direction: Flow['direction'], state: TcpStateName): Flow {
    const { port, pid, netns = 1, peerPort = 80, interfaceIndex = 0, prior = false } = opening;
    const serial = this.#serial++;
    const listens = state === 'listen';
    const flow: Flow = {
      flowId: `${serial.toString(16).padStart(15, '0')}.0`,
      netns,
      local: { address: listens ? '0.0.0.0' : '10.0.0.1', port },
      peer: { address: listens ? '0.0.0.0' : '10.0.0.2', port: listens ? 0 : peerPort },
      direction,
      interfaceIndex,
      prior,
      cookie: serial,
      startNs: this.nowNs,
      inode: 1000 + serial,
      state,
      pid,
      sent: 0,
      received: 0,
      sendQueue: listens ? 128 : 0,
      movedNs: this.nowNs,
    };
    if (!listens) this.flows.push(flow);
    else this.flows.unshift(flow);
    this.live.add(flow);
    return flow;
  }

  #common(flow: Flow, pid: number) {
    const { flowId, netns, local, peer, direction, interfaceIndex, prior } = flow;
    return {
      time: '',
      monotonic_ns: this.nowNs,
      cpu: 0,
      process: { pid, tid: pid, comm: `p${pid}`, uid: 0 },
      netns,
      network: { transport: 'tcp', type: 'ipv4' } as const,
      local,
      peer,
      flow_id: flowId,
      ...(!prior && { direction }),
      ...(interfaceIndex !== 0 && { interface_index: interfaceIndex }),
    };
  }
}

/** As the kernel would report it: SYN and FIN count as bytes. */
function fill(socket: DiagSocket, flow: Flow, nowNs: number): DiagSocket {
  const put = (address: string, at: number) => {
    for (const [index, byte] of parseMappedPrefix(address).address.entries())
      socket.addresses.setUint8(at + index, byte);
  };
  put(flow.local.address, 0);
  put(flow.peer.address, 16);
  const hasSyn = flow.direction === 'outbound' && flow.state !== 'syn_sent';
  return Object.assign(socket, {
    netns: flow.netns,
    transport: 'tcp',
    state: TcpState[flow.state],
    localPort: flow.local.port,
    peerPort: flow.peer.port,
    interfaceIndex: flow.interfaceIndex,
    cookie: flow.cookie,
    inode: flow.inode,
    uid: 0,
    sendQueue: flow.sendQueue,
    hasInfo: flow.state !== 'listen' && flow.state !== 'fin_wait2',
    info: Object.assign(socket.info, {
      bytesAcked: flow.sent + (hasSyn ? 1 : 0),
      bytesReceived: flow.received,
      bytesSent: flow.sent,
      bytesRetransmitted: 0,
      srttUs: 50,
      sinceSentMs: Math.floor((nowNs - flow.movedNs) / 1e6),
      sinceReceivedMs: Math.floor((nowNs - flow.movedNs) / 1e6),
    }),
  });
}
