/** Sends this balancer's flows to its peers, and learns theirs. */
import type { RemoteInfo, Socket } from 'node:dgram';
import { canonicalAddress } from '@weir/ebpf/address';
import type { FlowFilter, KnownFlow } from '../flows/known-flow.js';
import { DatagramReceiver } from './datagram-receiver.js';
import { DatagramSender } from './datagram-sender.js';
import type { Removal } from './removal.js';
import { RemovalQueue } from './removal-queue.js';
import { SendBudget } from './send-budget.js';
import type { SharedFlow } from './sync-message.js';
import type { SyncAddress, SyncedBalancer, SyncOptions } from './sync-options.js';
import { openSyncSocket, withoutZone } from './sync-socket.js';
import type { SyncStatus } from './sync-status.js';
import { SyncWork } from './sync-work.js';

const TICK_MS = 50;
const KEEPALIVE_MS = 1000;
const ASK_AGAIN_MS = 5000;
const MOST_ASKED = 12;
/** A peer gets a whole copy at most once in this time. */
const COPY_EVERY_MS = 10_000;
/** A removal is sent twice, since a datagram may be lost. */
const REMOVE_AGAIN_MS = 200;

export class FlowSync implements AsyncDisposable {
  readonly #balancer: SyncedBalancer;
  readonly #options: SyncOptions;
  readonly #socket: Socket;
  readonly #work: SyncWork;
  readonly #sender: DatagramSender;
  readonly #receiver: DatagramReceiver;
  readonly #removals: RemovalQueue;
  readonly #budget: SendBudget;
  #rateLimited = 0;
  #isCopied = false;
  #copiedAt = Number.NEGATIVE_INFINITY;

  /** @throws Error of the system if it cannot listen on the address; EbpfError if it cannot join the group */
  static async start(balancer: SyncedBalancer, options: SyncOptions): Promise<FlowSync> {
    return new FlowSync(balancer, options, await openSyncSocket(options.listen, options.multicast));
  }

  private constructor(balancer: SyncedBalancer, options: SyncOptions, socket: Socket) {
    const { keys, mtu, peers, rate, refresh } = options;
    this.#balancer = balancer;
    this.#options = options;
    this.#socket = socket;
    this.#work = new SyncWork((line) => options.log(line));
    this.#sender = new DatagramSender(socket, { key: keys[0]!, mtu });
    this.#receiver = new DatagramReceiver({
      keys,
      isOwn: (header) => this.#sender.hasSent(header),
      learn: (flows) => balancer.learnFlows(flows, refresh * 1.5),
      onError: (error) => this.#work.log(error),
    });
    this.#removals = new RemovalQueue(balancer, this.#work);
    this.#budget = new SendBudget(rate);
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    socket.on('error', (error) => this.#work.log(error));
    this.#work.repeat(TICK_MS, () => this.#sendNew());
    // Flows that were used since the last time are sent again, so that what was lost comes, and what lives stays.
    this.#work.repeat(refresh, () => this.#sendKnown({ youngerMs: refresh + 1000 }, peers));
    this.#work.run(() => this.#ask());
  }

  /** The port on which it listens. */
  get port(): number {
    return this.#socket.address().port;
  }

  status(): SyncStatus {
    return {
      ...this.#sender.counts(),
      ...this.#receiver.counts(),
      rateLimited: this.#rateLimited,
      unread: this.#balancer.newFlowsLost(),
      removals: this.#removals.count,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#work[Symbol.asyncDispose]();
    await new Promise<void>((closed) => this.#socket.close(() => closed()));
  }

  /** Has the others remove flows as well, as this balancer has done. */
  remove(removal: Removal): void {
    const send = () => this.#sender.removal(removal, this.#options.peers);
    send();
    this.#work.run(async () => {
      await this.#work.pause(REMOVE_AGAIN_MS);
      send();
    });
  }

  #sendNew(): void {
    const { peers } = this.#options;
    const flows = this.#balancer.newFlows();
    const some = flows.slice(0, this.#budget.take(flows.length));
    this.#rateLimited += flows.length - some.length;
    this.#sender.flows(some, peers);
    if (performance.now() - this.#sender.lastSent > KEEPALIVE_MS) this.#sender.datagram('flows', [], peers);
  }

  async #ask(): Promise<void> {
    for (let i = 0; i < MOST_ASKED && !this.#isCopied; i++) {
      this.#sender.datagram('request', [], this.#options.peers);
      await this.#work.pause(ASK_AGAIN_MS);
    }
  }

  /** Sends known flows a few at a time, since receivers have little room for datagrams; half the rate is for new ones. */
  async #sendKnown(filter: FlowFilter, peers: readonly SyncAddress[]): Promise<void> {
    const step = Math.ceil((this.#options.rate * TICK_MS) / 2000);
    let inStep = 0;
    for await (const { flows } of this.#balancer.flows(filter)) {
      this.#work.throwIfEnded();
      const shared = flows.flatMap(sharedOf);
      for (let sent = 0; sent < shared.length; ) {
        const count = this.#budget.take(Math.min(shared.length - sent, step - inStep));
        this.#sender.flows(shared.slice(sent, sent + count), peers);
        sent += count;
        inStep += count;
        if (count > 0 && inStep < step) continue;
        await this.#work.pause(TICK_MS);
        inStep = 0;
      }
    }
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    const message = this.#receiver.receive(bytes, from.address);
    if (message === undefined) return;
    if (message.kind === 'end') this.#isCopied = true;
    if (message.kind === 'request') this.#answer(from);
    if (message.removal !== undefined) this.#removals.add(message.removal);
  }

  /** Sends all flows to a balancer that asks for them. */
  #answer(from: RemoteInfo): void {
    const now = performance.now();
    if (now - this.#copiedAt < COPY_EVERY_MS) return;
    const { multicast, peers } = this.#options;
    const asking = multicast === undefined ? peers.filter(({ host }) => isSame(host, from.address)) : peers;
    if (asking.length === 0) return;
    this.#copiedAt = now;
    this.#work.run(async () => {
      await this.#sendKnown({}, asking);
      this.#sender.datagram('end', [], asking);
    });
  }
}

/** A known flow as others may learn it; none if it is not whole, or translated. */
function sharedOf({ source, destination, real, state, translated, ...flow }: KnownFlow): SharedFlow[] {
  const isWhole = source !== undefined && destination !== undefined && real !== undefined;
  return isWhole && state === 'known' && !translated ? [{ ...flow, source, destination, real }] : [];
}

function isSame(one: string, other: string): boolean {
  return canonicalAddress(withoutZone(one)) === canonicalAddress(withoutZone(other));
}
