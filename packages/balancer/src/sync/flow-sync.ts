/** Sends this balancer's flows to its peers, and learns theirs. */
import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { OptionError } from '@weir/ebpf';
import { canonicalAddress } from '@weir/ebpf/address';
import type { Flow } from '../datapath/frame.js';
import type { FlowBatch, FlowFilter, FlowsRemoved } from '../flows/known-flow.js';
import type { LearnedFlows } from './peer-flows.js';
import type { Removal } from './removal.js';
import { lostOf, ReplayGuard, type ReplayRefusal, type Sender } from './replay-guard.js';
import {
  decodeSync,
  encodeSync,
  encodeSyncRemoval,
  flowBytes,
  type SharedFlow,
  SYNC_OVERHEAD,
  type SyncHeader,
  type SyncKind,
  type SyncRefusal,
} from './sync-message.js';

/** An address and port of a balancer. */
export interface SyncAddress {
  readonly host: string;
  readonly port: number;
}

/** What a {@link FlowSync} needs of a balancer. */
export interface SyncedBalancer {
  /** New flows that were lost before they were read. */
  newFlowsLost(): number;
  newFlows(): SharedFlow[];
  learnFlows(flows: readonly SharedFlow[], keepMs: number): LearnedFlows;
  flows(filter: FlowFilter): AsyncGenerator<FlowBatch, void, undefined>;
  removeFlow(flow: Flow): Promise<number>;
  removeFlows(filter: FlowFilter): AsyncGenerator<FlowsRemoved, void, undefined>;
}

/** Options of {@link FlowSync.start}. Times are milliseconds. */
export interface SyncOptions {
  /** With `multicast`, only its port counts: datagrams come to the group's address. */
  readonly listen: SyncAddress;
  /** The other balancers; with `multicast`, its group alone. */
  readonly peers: readonly SyncAddress[];
  /** The group that is joined, and this host's address or, for IPv6, its device by which it is reached. */
  readonly multicast?: { readonly group: string; readonly interface: string };
  /** The first one signs. */
  readonly keys: readonly Uint8Array[];
  /** Time from one sending of all used flows to the next. */
  readonly refresh: number;
  /** Flows that are sent in a second. */
  readonly rate: number;
  /** Longest IP packet, bytes. */
  readonly mtu: number;
  log(line: string): void;
}

/** Why datagrams were refused. */
export type DatagramRefusal = SyncRefusal | ReplayRefusal;

/** What is known of another balancer. */
export interface SyncPeerStatus {
  readonly address: string;
  readonly datagrams: number;
  /** Datagrams that did not come, by gaps in their numbers. */
  readonly lost: number;
  /** From the sending of the last datagram to its application, by both clocks, milliseconds. */
  readonly lagMs: number;
  /** Time since the last datagram, milliseconds. */
  readonly silentMs: number;
}

/** Counts since the start. */
export interface SyncStatus {
  readonly sentFlows: number;
  readonly sentDatagrams: number;
  readonly sentBytes: number;
  /** New flows that were not sent: there were more than `rate`. */
  readonly rateLimited: number;
  /** New flows that were not read in time. */
  readonly unread: number;
  /** Datagrams that could not be sent. */
  readonly failed: number;
  readonly receivedFlows: number;
  readonly receivedDatagrams: number;
  readonly learned: LearnedFlows;
  /** Removals that another balancer asked for. */
  readonly removals: number;
  /** Datagrams that were refused. */
  readonly refused: Readonly<Record<DatagramRefusal, number>>;
  readonly peers: readonly SyncPeerStatus[];
}

const TICK_MS = 50;
const KEEPALIVE_MS = 1000;
const ASK_AGAIN_MS = 5000;
const MOST_ASKED = 12;
/** A peer gets a whole copy at most once in this time. */
const COPY_EVERY_MS = 10_000;
/** A removal is sent twice, since a datagram may be lost. */
const REMOVE_AGAIN_MS = 200;
/** Removals that wait; each may walk through all tables. */
const MOST_REMOVALS = 64;
/** The same trouble is logged once in this time. */
const LOG_EVERY_MS = 60_000;
/** Room for datagrams while this process does other work, bytes. The kernel gives what it allows. */
const RECEIVE_BYTES = 4 << 20;
/** Bytes of the headers of IPv6 and UDP. */
const HEADERS = 48;

type Remote = Sender & { address?: string; lagMs?: number };

export class FlowSync implements AsyncDisposable {
  readonly #balancer: SyncedBalancer;
  readonly #options: SyncOptions;
  readonly #socket: Socket;
  /** What each destination sees of this sender: numbers without gaps, which datagrams to others do not disturb. */
  readonly #streams = new Map<string, { readonly boot: string; sequence: number }>();
  readonly #boots = new Set<string>();
  readonly #guard = new ReplayGuard();
  readonly #ended = new AbortController();
  readonly #work = new Set<Promise<unknown>>();
  readonly #counts = {
    sentFlows: 0,
    sentDatagrams: 0,
    sentBytes: 0,
    rateLimited: 0,
    failed: 0,
    receivedFlows: 0,
    receivedDatagrams: 0,
    removals: 0,
  };
  readonly #learned = { applied: 0, unknownVip: 0, unknownReal: 0 };
  readonly #refused = { malformed: 0, version: 0, key: 0, time: 0, replay: 0, senders: 0 };
  #budget: number;
  #budgetAt = performance.now();
  #lastSent = 0;
  #isCopied = false;
  #copiedAt = Number.NEGATIVE_INFINITY;
  #removing: Promise<void> = Promise.resolve();
  #waitingRemovals = 0;
  #logged = { line: '', at: Number.NEGATIVE_INFINITY };

  /** @throws Error of the system if it cannot listen on the address, or join the group. */
  static async start(balancer: SyncedBalancer, options: SyncOptions): Promise<FlowSync> {
    const { listen, multicast } = options;
    const socket = createSocket({
      type: isIPv6(listen.host) ? 'udp6' : 'udp4',
      reuseAddr: multicast !== undefined,
    });
    try {
      const bound = once(socket, 'listening');
      // The kernel gives a socket with an address of its own no datagrams for a group.
      socket.bind(listen.port, multicast === undefined ? listen.host : inZone(multicast));
      await bound;
      socket.setRecvBufferSize(RECEIVE_BYTES);
      if (multicast !== undefined) {
        socket.addMembership(multicast.group, multicast.interface);
        socket.setMulticastInterface(multicast.interface);
        socket.setMulticastTTL(1);
        socket.setMulticastLoopback(false);
      }
    } catch (error) {
      socket.close();
      throw error;
    }
    return new FlowSync(balancer, options, socket);
  }

  private constructor(balancer: SyncedBalancer, options: SyncOptions, socket: Socket) {
    this.#balancer = balancer;
    this.#options = options;
    this.#socket = socket;
    this.#budget = options.rate;
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    socket.on('error', (error) => this.#log(error));
    this.#run(() => this.#repeat(TICK_MS, () => this.#sendNew()));
    // Flows that were used since the last time are sent again, so that what was lost comes, and what lives stays.
    const youngerMs = options.refresh + 1000;
    this.#run(() => this.#repeat(options.refresh, () => this.#sendKnown({ youngerMs }, options.peers)));
    this.#run(() => this.#ask());
  }

  /** The port on which it listens. */
  get port(): number {
    return this.#socket.address().port;
  }

  status(): SyncStatus {
    const now = Date.now();
    return {
      ...this.#counts,
      unread: this.#balancer.newFlowsLost(),
      learned: { ...this.#learned },
      refused: { ...this.#refused },
      peers: (this.#guard.senders() as Remote[]).map((sender) => ({
        address: sender.address ?? '',
        datagrams: sender.received,
        lost: lostOf(sender),
        lagMs: sender.lagMs ?? 0,
        silentMs: Math.max(0, now - sender.lastMs),
      })),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled(this.#work);
    await new Promise<void>((closed) => this.#socket.close(() => closed()));
  }

  /** Has the others remove flows as well, as this balancer has done. */
  remove(removal: Removal): void {
    const { keys, peers } = this.#options;
    const send = () => this.#sendTo(peers, (header) => encodeSyncRemoval(header, removal, keys[0]!));
    send();
    this.#run(async () => {
      await this.#pause(REMOVE_AGAIN_MS);
      send();
    });
  }

  /** Work that ends with this object. */
  #run(work: () => Promise<void>): void {
    const done = work()
      .catch((error: Error) => this.#log(error))
      .finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  /** Does work again and again, also after it has failed. */
  async #repeat(ms: number, work: () => void | Promise<void>): Promise<void> {
    for (;;) {
      await this.#pause(ms);
      try {
        await work();
      } catch (error) {
        this.#log(error as Error);
      }
    }
  }

  #log({ message }: Error): void {
    const now = performance.now();
    if (this.#ended.signal.aborted) return;
    if (message === this.#logged.line && now - this.#logged.at < LOG_EVERY_MS) return;
    this.#logged = { line: message, at: now };
    this.#options.log(`sync: ${message}`);
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#ended.signal, ref: false });
  }

  #sendNew(): void {
    const { peers } = this.#options;
    const flows = this.#balancer.newFlows();
    const some = flows.slice(0, this.#take(flows.length));
    this.#counts.rateLimited += flows.length - some.length;
    this.#send('flows', some, peers);
    if (performance.now() - this.#lastSent > KEEPALIVE_MS) this.#datagram('flows', [], peers);
  }

  async #ask(): Promise<void> {
    for (let i = 0; i < MOST_ASKED && !this.#isCopied; i++) {
      this.#datagram('request', [], this.#options.peers);
      await this.#pause(ASK_AGAIN_MS);
    }
  }

  async #copyTo(peers: readonly SyncAddress[]): Promise<void> {
    await this.#sendKnown({}, peers);
    this.#datagram('end', [], peers);
  }

  /** Sends known flows a few at a time, since receivers have little room for datagrams; half the rate is for new ones. */
  async #sendKnown(filter: FlowFilter, peers: readonly SyncAddress[]): Promise<void> {
    const step = Math.ceil((this.#options.rate * TICK_MS) / 2000);
    let inStep = 0;
    for await (const { flows } of this.#balancer.flows(filter)) {
      this.#ended.signal.throwIfAborted();
      const shared = flows.flatMap(({ source, destination, real, state, translated, ...flow }) =>
        source === undefined ||
        destination === undefined ||
        real === undefined ||
        state !== 'known' ||
        translated
          ? []
          : [{ ...flow, source, destination, real }],
      );
      for (let sent = 0; sent < shared.length; ) {
        const count = this.#take(Math.min(shared.length - sent, step - inStep));
        this.#send('flows', shared.slice(sent, sent + count), peers);
        sent += count;
        inStep += count;
        if (count > 0 && inStep < step) continue;
        await this.#pause(TICK_MS);
        inStep = 0;
      }
    }
  }

  /** Takes from the flows that may be sent now. */
  #take(wanted: number): number {
    const { rate } = this.#options;
    const now = performance.now();
    this.#budget = Math.min(rate, this.#budget + ((now - this.#budgetAt) * rate) / 1000);
    this.#budgetAt = now;
    const count = Math.min(wanted, Math.floor(this.#budget));
    this.#budget -= count;
    return count;
  }

  #send(kind: SyncKind, flows: readonly SharedFlow[], peers: readonly SyncAddress[]): void {
    const room = this.#options.mtu - HEADERS - SYNC_OVERHEAD;
    let batch: SharedFlow[] = [];
    let bytes = 0;
    for (const flow of flows) {
      const more = flowBytes(flow);
      if (bytes + more > room) {
        this.#datagram(kind, batch, peers);
        batch = [];
        bytes = 0;
      }
      batch.push(flow);
      bytes += more;
    }
    if (batch.length > 0) this.#datagram(kind, batch, peers);
  }

  #datagram(kind: SyncKind, flows: readonly SharedFlow[], peers: readonly SyncAddress[]): void {
    this.#lastSent = performance.now();
    this.#counts.sentFlows += flows.length;
    this.#sendTo(peers, (header) => encodeSync({ ...header, kind }, flows, this.#options.keys[0]!));
  }

  #sendTo(peers: readonly SyncAddress[], encode: (header: Omit<SyncHeader, 'kind'>) => Buffer): void {
    for (const { host, port } of peers) {
      const stream = this.#streamTo(`${host} ${port}`);
      const bytes = encode({ boot: stream.boot, sequence: ++stream.sequence, timeMs: Date.now() });
      this.#counts.sentDatagrams++;
      this.#counts.sentBytes += bytes.length;
      this.#socket.send(bytes, port, host, (error) => {
        if (error) this.#counts.failed++;
      });
    }
  }

  #streamTo(destination: string) {
    let stream = this.#streams.get(destination);
    if (stream === undefined) {
      stream = { boot: randomBytes(8).toString('hex'), sequence: 0 };
      this.#streams.set(destination, stream);
      this.#boots.add(stream.boot);
    }
    return stream;
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    const { keys, refresh } = this.#options;
    const message = decodeSync(bytes, keys);
    if (typeof message === 'string') {
      this.#refused[message]++;
      return;
    }
    if (this.#boots.has(message.boot)) return;
    const now = Date.now();
    const sender: Remote | ReplayRefusal = this.#guard.admit(message, now);
    if (typeof sender === 'string') {
      this.#refused[sender]++;
      return;
    }
    this.#counts.receivedDatagrams++;
    this.#counts.receivedFlows += message.flows.length;
    sender.address = from.address;
    this.#learn(message.flows, refresh);
    sender.lagMs = Date.now() - message.timeMs;
    if (message.kind === 'end') this.#isCopied = true;
    if (message.kind === 'request') this.#answer(from);
    if (message.removal !== undefined) this.#applyRemoval(message.removal);
  }

  #learn(flows: readonly SharedFlow[], refresh: number): void {
    if (flows.length === 0) return;
    try {
      const learned = this.#balancer.learnFlows(flows, refresh * 1.5);
      this.#learned.applied += learned.applied;
      this.#learned.unknownVip += learned.unknownVip;
      this.#learned.unknownReal += learned.unknownReal;
    } catch (error) {
      this.#log(error as Error);
    }
  }

  /** Removes flows as another balancer asks, one removal after another. */
  #applyRemoval(removal: Removal): void {
    if (this.#waitingRemovals >= MOST_REMOVALS) return;
    this.#waitingRemovals++;
    this.#counts.removals++;
    this.#removing = this.#removing.then(() => this.#removeHere(removal));
    this.#run(() => this.#removing);
  }

  async #removeHere(removal: Removal): Promise<void> {
    try {
      if ('flow' in removal) await this.#balancer.removeFlow(removal.flow);
      else for await (const _ of this.#balancer.removeFlows(removal)) this.#ended.signal.throwIfAborted();
    } catch (error) {
      // It has no such service.
      if (!(error instanceof OptionError)) this.#log(error as Error);
    } finally {
      this.#waitingRemovals--;
    }
  }

  #answer(from: RemoteInfo): void {
    const now = performance.now();
    if (now - this.#copiedAt < COPY_EVERY_MS) return;
    const { multicast, peers } = this.#options;
    const asking = multicast === undefined ? peers.filter(({ host }) => isSame(host, from.address)) : peers;
    if (asking.length === 0) return;
    this.#copiedAt = now;
    this.#run(() => this.#copyTo(asking));
  }
}

function isSame(one: string, other: string): boolean {
  return canonicalAddress(withoutZone(one)) === canonicalAddress(withoutZone(other));
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '');
}

/** A group's address; of an IPv6 group, with the device by which it is reached. */
function inZone({
  group,
  interface: device,
}: {
  readonly group: string;
  readonly interface: string;
}): string {
  const [, zone] = device.split('%');
  return zone === undefined || group.includes('%') ? group : `${group}%${zone}`;
}
