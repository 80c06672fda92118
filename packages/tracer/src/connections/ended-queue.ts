/** Connections that are not live any more: each is reported once, with its final figures. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { type Connection, copyConnection, type EndedConnection } from './connection.js';
import type { Entry } from './entry.js';
import { RecentEnds } from './recent-ends.js';
import { hashTuple, tupleText } from './tuple.js';

/** Maximum wait for a late close event, before the last figures of a vanished connection are reported. Nanoseconds. */
const LATE_NS = 10_000_000_000;

interface Awaiting {
  readonly entry: Entry;
  readonly sinceNs: number;
}

/** Connections whose socket vanished and whose close event may still come. */
export class AwaitingClose {
  /** In the order in which they vanished. */
  readonly #waiting = new Set<Awaiting>();
  readonly #byFlow = new Map<string, Awaiting>();
  /** Connections without a known flow id. */
  readonly #byKey = new Map<string, Awaiting>();
  readonly #byCookie = new Map<string, Awaiting>();
  /** Connections without a known cookie, by key. */
  readonly #unseen = new Map<string, Awaiting>();
  /** The number of connections by the hash of their ends: each beginning of a connection is looked for. */
  readonly #hashes = new Map<number, number>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Whether none of them has these ends. @param ends Words of {@link Tuple}. */
  hasNone(ends: Uint32Array): boolean {
    return this.#hashes.size === 0 || !this.#hashes.has(hashTuple(ends, 0));
  }

  add(entry: Entry, nowNs: number): void {
    const awaiting = { entry, sinceNs: nowNs };
    this.#waiting.add(awaiting);
    this.#count(entry, 1);
    if (entry.flow_id !== undefined) this.#byFlow.set(entry.flow_id, awaiting);
    else this.#byKey.set(entry.key, awaiting);
    if (entry.cookie === undefined) this.#unseen.set(entry.key, awaiting);
    else this.#byCookie.set(cookieKey(entry.netns, entry.cookie), awaiting);
  }

  has(flowId: string): boolean {
    return this.#byFlow.has(flowId);
  }

  /**
   * Removes and returns the connection with these ends for which no event of its beginning has come.
   *
   * @param ends Words of {@link Tuple}.
   * @param ns Time of its beginning: a connection that was last seen before is another one.
   */
  takeNameless(ends: Uint32Array, ns: number): Entry | undefined {
    const awaiting = this.#byKey.size === 0 ? undefined : this.#byKey.get(tupleText('tcp', ends, 0));
    if (awaiting === undefined || awaiting.entry.seenToNs < ns) return undefined;
    this.#remove(awaiting);
    return awaiting.entry;
  }

  /**
   * Removes and returns the connection that a close event names.
   *
   * @param ns Time of the event: a connection that was first seen after it is another one.
   */
  take(flowId: string, key: string, ns: number): Entry | undefined {
    let awaiting = this.#byFlow.get(flowId);
    if (awaiting === undefined) {
      const place = this.#byKey.get(key);
      if (place !== undefined && place.entry.createdNs <= ns) awaiting = place;
    }
    if (awaiting !== undefined) this.#remove(awaiting);
    return awaiting?.entry;
  }

  /** Removes and returns the connection of a socket that was found after all. */
  takeSocket(netns: number, cookie: number): Entry | undefined {
    if (this.#byCookie.size === 0) return undefined;
    const awaiting = this.#byCookie.get(cookieKey(netns, cookie));
    if (awaiting !== undefined) this.#remove(awaiting);
    return awaiting?.entry;
  }

  /** Removes and returns the connection with these ends that is known only from an event. */
  takeUnseen(ends: Uint32Array): Entry | undefined {
    const awaiting = this.#unseen.size === 0 ? undefined : this.#unseen.get(tupleText('tcp', ends, 0));
    if (awaiting !== undefined) this.#remove(awaiting);
    return awaiting?.entry;
  }

  /** Removes and returns the connections for which no event will come any more. */
  *expire(nowNs: number): Generator<Entry, void, undefined> {
    for (const awaiting of this.#waiting) {
      if (nowNs - awaiting.sinceNs < LATE_NS) return;
      this.#remove(awaiting);
      yield awaiting.entry;
    }
  }

  #remove(awaiting: Awaiting): void {
    const { flow_id, key, netns, cookie } = awaiting.entry;
    this.#waiting.delete(awaiting);
    this.#count(awaiting.entry, -1);
    if (flow_id !== undefined) this.#byFlow.delete(flow_id);
    // A later connection with the same ends may have vanished, too.
    else if (this.#byKey.get(key) === awaiting) this.#byKey.delete(key);
    if (cookie !== undefined) this.#byCookie.delete(cookieKey(netns, cookie));
    else if (this.#unseen.get(key) === awaiting) this.#unseen.delete(key);
  }

  #count({ words, endsAt }: Entry, change: number): void {
    const hash = hashTuple(words, endsAt);
    const count = (this.#hashes.get(hash) ?? 0) + change;
    if (count === 0) this.#hashes.delete(hash);
    else this.#hashes.set(hash, count);
  }
}

function cookieKey(netns: number, cookie: number): string {
  return `${netns} ${cookie}`;
}

interface Closed {
  readonly flowId: string | undefined;
  readonly cookie: number | undefined;
  generation: number;
}

/** Limit for the case that no refresh ever forgets them. */
const RECENTLY_CLOSED_LIMIT = 65_536;

/**
 * Connections whose close was reported a short while ago. With prompt closes, the kernel still has the socket, which is no
 * connection any more. The second refresh that does not find it forgets it.
 */
export class RecentlyClosed {
  /** In the order in which they were closed. */
  readonly #byKey = new BoundedMap<string, Closed>(RECENTLY_CLOSED_LIMIT, (_, closed) =>
    this.#forgetFlow(closed),
  );
  readonly #flows = new Set<string>();
  /** Ends of connections that were closed before any refresh. */
  readonly #brief = new RecentEnds(RECENTLY_CLOSED_LIMIT);

  get size(): number {
    return this.#byKey.size + this.#brief.size;
  }

  /** A connection with these ends was opened and closed since the last refresh. */
  addBrief(ends: Uint32Array): void {
    this.#brief.add(ends);
  }

  add({ key, flow_id, cookie }: Entry, generation: number): void {
    this.#forget(key);
    this.#byKey.set(key, { flowId: flow_id, cookie, generation });
    if (flow_id !== undefined) this.#flows.add(flow_id);
  }

  hasFlow(flowId: string): boolean {
    return this.#flows.has(flowId);
  }

  /** Whether a socket that its application has closed belongs to one of these. */
  isOne(ends: Uint32Array, cookie: number, generation: number): boolean {
    const key = tupleText('tcp', ends, 0);
    const closed = this.#byKey.get(key);
    if (closed === undefined && this.#brief.has(ends)) {
      this.#byKey.set(key, { flowId: undefined, cookie, generation });
      return true;
    }
    // The cookie of a connection that no refresh has seen is not known; the next connection with its ends is no orphan.
    if (closed === undefined || (closed.cookie ?? cookie) !== cookie) return false;
    closed.generation = generation;
    return true;
  }

  forgetBefore(generation: number): void {
    this.#brief.pass();
    for (const [key, closed] of this.#byKey) if (closed.generation < generation) this.#forget(key);
  }

  #forget(key: string): void {
    const closed = this.#byKey.get(key);
    if (closed === undefined) return;
    this.#byKey.delete(key);
    this.#forgetFlow(closed);
  }

  #forgetFlow({ flowId }: Closed): void {
    if (flowId !== undefined) this.#flows.delete(flowId);
  }
}

interface Ended extends Omit<EndedConnection, 'connection'> {
  readonly entry: Entry;
  /** The object that stands for it outside, if it was handed out. */
  readonly copy: Connection | undefined;
}

/** Ended connections since the last call of `take`; beyond a limit the oldest are dropped, and counted. */
export class EndedQueue {
  readonly #limit: number;
  #ended: Ended[] = [];
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(ended: Ended): void {
    if (this.#ended.length >= this.#limit) {
      const kept = this.#limit >> 1;
      this.#dropped += this.#ended.length - kept;
      this.#ended = this.#ended.slice(this.#ended.length - kept);
    }
    this.#ended.push(ended);
  }

  take(): { readonly ended: readonly EndedConnection[]; readonly dropped: number } {
    const ended = this.#ended.map(({ entry, copy, ended_ns, closed_by }) => ({
      connection: copy ?? copyConnection(entry),
      ended_ns,
      closed_by,
    }));
    const taken = { ended, dropped: this.#dropped };
    this.#ended = [];
    this.#dropped = 0;
    return taken;
  }
}
