/** The counters of connections when they were last seen alive, of very many in little memory. */
import type { Connection } from '@weir/tracer';

/** Bytes of payload. */
export interface Seen {
  readonly sent: number;
  readonly received: number;
}

/** 64-bit numbers of a connection: its id, the bytes sent and received. */
const FIELDS = 3;

export class LastSeen {
  #numbers = new Float64Array(0);
  #count = 0;

  /** Replaces what was remembered. */
  remember(live: Iterable<Connection>): void {
    let at = 0;
    for (const { id, bytes_sent, bytes_received } of live) {
      if (at === this.#numbers.length) this.#grow();
      this.#numbers[at] = id;
      this.#numbers[at + 1] = bytes_sent;
      this.#numbers[at + 2] = bytes_received;
      at += FIELDS;
    }
    this.#count = at / FIELDS;
  }

  /** What is remembered of some connections, by their ids. */
  find(ids: readonly number[]): ReadonlyMap<number, Seen> {
    const found = new Map<number, Seen>();
    if (ids.length === 0) return found;
    const wanted = new Set(ids);
    const numbers = this.#numbers;
    for (let at = 0; at < this.#count * FIELDS; at += FIELDS) {
      const id = numbers[at]!;
      if (wanted.has(id)) found.set(id, { sent: numbers[at + 1]!, received: numbers[at + 2]! });
    }
    return found;
  }

  #grow(): void {
    const grown = new Float64Array(FIELDS * Math.max(64, Math.ceil((1.5 * this.#numbers.length) / FIELDS)));
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}
