/** Connections that are not live any more: told once, with their final figures. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import type { EndedConnection, Entry } from './connection.js';

/** A close event can be late: until then, the last that was seen of a vanished connection is not told. Nanoseconds. */
const LATE_NS = 10_000_000_000;

interface Awaiting {
  readonly entry: Entry;
  readonly sinceNs: number;
}

/** Sockets that vanished, for the close event that may still come. */
export class AwaitingClose {
  /** In the order in which they vanished. */
  readonly #waiting = new Set<Awaiting>();
  readonly #byFlow = new Map<string, Awaiting>();
  /** Those whose flow id is not known. */
  readonly #byKey = new Map<string, Awaiting>();
  readonly #byCookie = new Map<string, Awaiting>();
  /** Those whose cookie is not known, by key. */
  readonly #unseen = new Map<string, Awaiting>();

  get size(): number {
    return this.#waiting.size;
  }

  add(entry: Entry, nowNs: number): void {
    const awaiting = { entry, sinceNs: nowNs };
    this.#waiting.add(awaiting);
    if (entry.flow_id !== undefined) this.#byFlow.set(entry.flow_id, awaiting);
    else this.#byKey.set(entry.key, awaiting);
    if (entry.cookie === undefined) this.#unseen.set(entry.key, awaiting);
    else this.#byCookie.set(cookieKey(entry.netns, entry.cookie), awaiting);
  }

  has(flowId: string): boolean {
    return this.#byFlow.has(flowId);
  }

  /**
   * Takes out the connection of a place, of whose beginning no event has told.
   *
   * @param ns of its beginning: one that was last seen before is another one.
   */
  takeNameless(key: string, ns: number): Entry | undefined {
    const awaiting = this.#byKey.get(key);
    if (awaiting === undefined || awaiting.entry.seenToNs < ns) return undefined;
    this.#remove(awaiting);
    return awaiting.entry;
  }

  /**
   * Takes out the connection that an event of the end tells of.
   *
   * @param ns of the event: a connection that was first seen after it is another one.
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

  /** Takes out the connection of a socket, which is there after all. */
  takeSocket(netns: number, cookie: number): Entry | undefined {
    const awaiting = this.#byCookie.get(cookieKey(netns, cookie));
    if (awaiting !== undefined) this.#remove(awaiting);
    return awaiting?.entry;
  }

  /** Takes out the connection of a place, of which only an event told. */
  takeUnseen(key: string): Entry | undefined {
    const awaiting = this.#unseen.get(key);
    if (awaiting !== undefined) this.#remove(awaiting);
    return awaiting?.entry;
  }

  /** Takes out those for which no event will come any more. */
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
    if (flow_id !== undefined) this.#byFlow.delete(flow_id);
    // A later connection of the same place may have vanished, too.
    else if (this.#byKey.get(key) === awaiting) this.#byKey.delete(key);
    if (cookie !== undefined) this.#byCookie.delete(cookieKey(netns, cookie));
    else if (this.#unseen.get(key) === awaiting) this.#unseen.delete(key);
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

/** If no refresh ever comes to forget them. */
const RECENTLY_CLOSED_LIMIT = 65_536;

/**
 * Connections whose close was told a short while ago. With prompt closes, the kernel still has the socket, which is no
 * connection any more. Each is forgotten by the second refresh that does not find it.
 */
export class RecentlyClosed {
  /** In the order in which they were closed. */
  readonly #byKey = new BoundedMap<string, Closed>(RECENTLY_CLOSED_LIMIT, (_, closed) =>
    this.#forgetFlow(closed),
  );
  readonly #flows = new Set<string>();

  get size(): number {
    return this.#byKey.size;
  }

  add({ key, flow_id, cookie }: Entry, generation: number): void {
    this.#forget(key);
    this.#byKey.set(key, { flowId: flow_id, cookie, generation });
    if (flow_id !== undefined) this.#flows.add(flow_id);
  }

  hasFlow(flowId: string): boolean {
    return this.#flows.has(flowId);
  }

  /** Whether a socket is one of these. @param isOrphan that the application has closed it. */
  isOne(key: string, cookie: number, isOrphan: boolean, generation: number): boolean {
    const closed = this.#byKey.get(key);
    // Of a connection that no refresh has seen, the cookie is not known; whoever comes next in its place is no orphan.
    if (closed === undefined || !isOrphan || (closed.cookie ?? cookie) !== cookie) return false;
    closed.generation = generation;
    return true;
  }

  forgetBefore(generation: number): void {
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

/** What ended since it was last asked for; the oldest are dropped, and counted, if nobody asks. */
export class EndedQueue {
  readonly #limit: number;
  #ended: EndedConnection[] = [];
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(ended: EndedConnection): void {
    if (this.#ended.length >= this.#limit) {
      const kept = this.#limit >> 1;
      this.#dropped += this.#ended.length - kept;
      this.#ended = this.#ended.slice(this.#ended.length - kept);
    }
    this.#ended.push(ended);
  }

  take(): { readonly ended: readonly EndedConnection[]; readonly dropped: number } {
    const taken = { ended: this.#ended, dropped: this.#dropped };
    this.#ended = [];
    this.#dropped = 0;
    return taken;
  }
}
