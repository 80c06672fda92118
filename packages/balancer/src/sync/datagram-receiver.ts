/** Takes datagrams of other balancers, and learns their flows. */
import type { LearnedFlows } from './peer-flows.js';
import { lostOf, ReplayGuard, type ReplayRefusal, type Sender } from './replay-guard.js';
import { decodeSync, type SharedFlow, type SyncHeader, type SyncMessage } from './sync-message.js';
import type { DatagramRefusal, ReceivedCounts } from './sync-status.js';

/** What a {@link DatagramReceiver} needs. */
export interface ReceiverOptions {
  readonly keys: readonly Uint8Array[];
  /** Whether a datagram is this host's own, which a group brings back. */
  isOwn(header: SyncHeader): boolean;
  /** @throws what the balancer's tables refuse */
  learn(flows: readonly SharedFlow[]): LearnedFlows;
  onError(error: Error): void;
}

type Remote = Sender & { address?: string; lagMs?: number };

export class DatagramReceiver {
  readonly #options: ReceiverOptions;
  readonly #guard = new ReplayGuard();
  readonly #counts = { receivedFlows: 0, receivedDatagrams: 0 };
  readonly #learned = { applied: 0, unknownVip: 0, unknownReal: 0 };
  readonly #refused: Record<DatagramRefusal, number> = {
    malformed: 0,
    version: 0,
    key: 0,
    time: 0,
    replay: 0,
    senders: 0,
  };

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** What came since the start. */
  counts(): ReceivedCounts {
    const now = Date.now();
    return {
      ...this.#counts,
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

  /** Takes a datagram and learns its flows. Returns its message, unless it is refused or this host's own. */
  receive(bytes: Buffer, address: string): SyncMessage | undefined {
    const message = decodeSync(bytes, this.#options.keys);
    if (typeof message === 'string') {
      this.#refused[message]++;
      return undefined;
    }
    if (this.#options.isOwn(message)) return undefined;
    const sender: Remote | ReplayRefusal = this.#guard.admit(message, Date.now());
    if (typeof sender === 'string') {
      this.#refused[sender]++;
      return undefined;
    }
    this.#counts.receivedDatagrams++;
    this.#counts.receivedFlows += message.flows.length;
    sender.address = address;
    this.#learn(message.flows);
    sender.lagMs = Date.now() - message.timeMs;
    return message;
  }

  #learn(flows: readonly SharedFlow[]): void {
    if (flows.length === 0) return;
    try {
      const { applied, unknownVip, unknownReal } = this.#options.learn(flows);
      this.#learned.applied += applied;
      this.#learned.unknownVip += unknownVip;
      this.#learned.unknownReal += unknownReal;
    } catch (error) {
      this.#options.onError(error as Error);
    }
  }
}
