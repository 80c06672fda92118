/** Refuses datagrams that were seen before, or that are not of now. Pure. */

/** Datagrams whose time differs more from this host's clock are refused, milliseconds. */
export const TIME_WINDOW_MS = 30_000;
/** Senders that are remembered. Each has the key, so that nobody else can fill this. */
const MOST_SENDERS = 64;
/** Datagrams that may overtake each other. */
const WINDOW = 64;

/** What is known of a sender, from its start to its end. */
export interface Sender {
  readonly boot: string;
  highest: number;
  /** Bits of the datagrams before `highest` that came. */
  seen: bigint;
  /** This host's clock when the last datagram came, milliseconds since 1970. */
  lastMs: number;
  /** Datagrams that came. */
  received: number;
  /** The first sequence number that came. */
  readonly first: number;
}

/** Why a datagram was refused. */
export type ReplayRefusal = 'time' | 'replay' | 'senders';

export class ReplayGuard {
  readonly #senders = new Map<string, Sender>();

  /** Returns the sender of a datagram that is new. */
  admit(
    { boot, sequence, timeMs }: { readonly boot: string; readonly sequence: number; readonly timeMs: number },
    nowMs: number,
  ): Sender | ReplayRefusal {
    if (Math.abs(nowMs - timeMs) > TIME_WINDOW_MS) return 'time';
    const sender = this.#senders.get(boot);
    if (sender === undefined) return this.#add(boot, sequence, nowMs);
    const ahead = sequence - sender.highest;
    if (ahead > 0) {
      sender.seen = ahead > WINDOW ? 1n : BigInt.asUintN(WINDOW, (sender.seen << BigInt(ahead)) | 1n);
      sender.highest = sequence;
    } else {
      const bit = 1n << BigInt(Math.min(-ahead, WINDOW));
      if (-ahead >= WINDOW || (sender.seen & bit) !== 0n) return 'replay';
      sender.seen |= bit;
    }
    sender.lastMs = nowMs;
    sender.received++;
    return sender;
  }

  /** The senders that are remembered. */
  senders(): readonly Sender[] {
    return [...this.#senders.values()];
  }

  /** A sender is forgotten only when its datagrams are too old to be admitted. */
  #add(boot: string, sequence: number, nowMs: number): Sender | ReplayRefusal {
    for (const { boot: old, lastMs } of this.#senders.values())
      if (nowMs - lastMs > 2 * TIME_WINDOW_MS + 1) this.#senders.delete(old);
    if (this.#senders.size >= MOST_SENDERS) return 'senders';
    const sender = { boot, highest: sequence, seen: 1n, lastMs: nowMs, received: 1, first: sequence };
    this.#senders.set(boot, sender);
    return sender;
  }
}

/** Datagrams of a sender that did not come. */
export function lostOf({ highest, first, received }: Sender): number {
  return Math.max(0, highest - first + 1 - received);
}
