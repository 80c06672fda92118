/**
 * The order in which the kernel listed sockets, mostly the same from one refresh to the next: so their entries are found without
 * look-ups in large tables.
 */
import type { DiagSocket } from '../sockets/index.js';
import type { Entries } from './entries.js';
import type { Entry } from './entry.js';
import { rowInBlock } from './rows.js';
import { WalkKeys } from './walk-keys.js';

const SMALLEST = 1024;
/**
 * Entries that are read ahead of their turn. They are scattered over more memory than the CPU's caches hold; one after the other, each would
 * be waited for, while reads that do not depend on one another overlap.
 */
const AHEAD = 32;

export class WalkOrder {
  readonly #entries: Entries;
  /** Numbers of rows, in the order of the walk before this one. */
  #last = new Uint32Array(SMALLEST);
  #lastCount = 0;
  #now = new Uint32Array(SMALLEST);
  #count = 0;
  /** Keys of the sockets, where the walk shows them, in the same order. */
  readonly #keys = new WalkKeys();
  /** Where in the last walk the next socket is expected. */
  #cursor = 0;
  /** The part of the last walk whose entries were read ahead. */
  #aheadFrom = 0;
  #aheadTo = 0;
  readonly #cookies = new Float64Array(AHEAD);
  readonly #netns = new Uint32Array(AHEAD);
  /** So many entries are read next: few where the order has changed. */
  #reach = 1;

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /** Begins a walk. */
  begin(): void {
    [this.#last, this.#now] = [this.#now, this.#last];
    this.#lastCount = this.#count;
    this.#keys.begin(this.#count);
    this.#count = 0;
    this.#cursor = 0;
    this.#aheadFrom = 0;
    this.#aheadTo = 0;
  }

  /** The number of the entry that is expected next, if its socket's key is the same as in the last walk; else -1. */
  unchanged(key: Uint32Array): number {
    return this.#keys.put(key, this.#count, this.#cursor) ? this.#last[this.#cursor]! : -1;
  }

  /** Whether the key that was put last is that of the entry that came last. */
  hasKey(entry: Entry): boolean {
    const { lastPut } = this.#keys;
    return entry.walkPosition === lastPut && this.#count === lastPut + 1;
  }

  /** The entry that is expected next has come, unchanged. */
  pass(number: number): void {
    // Mostly it comes where it came the last time, and what is written there is known.
    if (this.#cursor++ !== this.#count || this.#count === this.#now.length) this.#put(number);
    else this.#now[this.#count++] = number;
  }

  /** The entry that is expected next, if the socket is its. */
  next({ netns, cookie }: DiagSocket): Entry | undefined {
    if (this.#cursor >= this.#aheadTo && !this.#readAhead()) return undefined;
    const at = this.#cursor - this.#aheadFrom;
    if (this.#cookies[at] !== cookie || this.#netns[at] !== netns) return undefined;
    // Since it was read, another may have come in its place.
    const entry = this.#entries.ofNumber(this.#last[this.#cursor]!);
    return entry?.cookie === cookie && entry.netns === netns ? entry : undefined;
  }

  /** The entry of the socket that came. */
  add(entry: Entry): void {
    const { number, walkPosition } = entry;
    if (this.#cursor < this.#lastCount && this.#last[this.#cursor] === number) this.#cursor++;
    else if (walkPosition < this.#lastCount && this.#last[walkPosition] === number) {
      this.#jump(walkPosition + 1);
    }
    this.#put(number);
  }

  #put(number: number): void {
    if (this.#count === this.#now.length) this.#grow();
    this.#now[this.#count] = number;
    this.#entries.rows.blockOf(number)!.walkPositions[rowInBlock(number)] = this.#count++;
  }

  /** The walk goes on elsewhere than it was expected to. */
  #jump(to: number): void {
    const isAhead = this.#cursor <= to && to < this.#aheadTo;
    this.#cursor = to;
    if (isAhead) return;
    this.#aheadTo = 0;
    this.#reach = 1;
  }

  /** @returns whether there is any. */
  #readAhead(): boolean {
    // Sockets in between were unchanged, and so may those be that follow.
    if (this.#cursor !== this.#aheadTo) this.#reach = 1;
    const end = Math.min(this.#cursor + this.#reach, this.#lastCount);
    this.#reach = Math.min(2 * this.#reach, AHEAD);
    this.#aheadFrom = this.#cursor;
    this.#aheadTo = end;
    for (let at = this.#cursor; at < end; at++) {
      const entry = this.#entries.ofNumber(this.#last[at]!);
      this.#cookies[at - this.#aheadFrom] = entry?.cookie ?? Number.NaN;
      this.#netns[at - this.#aheadFrom] = entry?.netns ?? 0;
    }
    return this.#cursor < end;
  }

  #grow(): void {
    const grown = new Uint32Array(2 * this.#now.length);
    grown.set(this.#now);
    this.#now = grown;
  }
}
