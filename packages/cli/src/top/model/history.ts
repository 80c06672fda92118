/** Recent rates of connections, for the curves in a connection's details. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import type { Connection } from '@weir/tracer';

/** Refreshes that are remembered. */
export const HISTORY_LENGTH = 120;
/** Connections whose past is remembered: those that moved something last. */
const MAX_CONNECTIONS = 4_096;

export interface History {
  /** Bytes a second, the oldest first. */
  readonly sent: readonly number[];
  readonly received: readonly number[];
}

const none: History = { sent: [], received: [] };

interface Ring {
  readonly connection: Connection;
  readonly rates: Float32Array;
  /** Refreshes that it was there for. */
  count: number;
}

/** Only connections that move something take memory: a kilobyte each. */
export class Histories {
  /** By the connection's id, in the order in which they last moved something. */
  readonly #rings = new BoundedMap<number, Ring>(MAX_CONNECTIONS);

  /** After each refresh. */
  record(live: Iterable<Connection>): void {
    for (const connection of live) {
      if (connection.send_rate === 0 && connection.receive_rate === 0) continue;
      const ring = this.#rings.get(connection.id);
      this.#rings.set(
        connection.id,
        ring ?? { connection, rates: new Float32Array(2 * HISTORY_LENGTH), count: 0 },
      );
    }
    for (const ring of this.#rings.values()) {
      const place = 2 * (ring.count++ % HISTORY_LENGTH);
      ring.rates[place] = ring.connection.send_rate;
      ring.rates[place + 1] = ring.connection.receive_rate;
    }
  }

  forget(id: number): void {
    this.#rings.delete(id);
  }

  of(id: number): History {
    const ring = this.#rings.get(id);
    if (ring === undefined) return none;
    const { rates, count } = ring;
    const length = Math.min(count, HISTORY_LENGTH);
    const at = (index: number, side: 0 | 1) => rates[2 * ((count - length + index) % HISTORY_LENGTH) + side]!;
    return {
      sent: Array.from({ length }, (_, index) => at(index, 0)),
      received: Array.from({ length }, (_, index) => at(index, 1)),
    };
  }
}
