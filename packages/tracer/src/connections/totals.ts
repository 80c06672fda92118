/** Sums over all connections since the table was made, the short ones between two refreshes too. */

export interface Totals {
  /** TCP connections that this host opened. */
  readonly connected: number;
  /** TCP connections that this host accepted. */
  readonly accepted: number;
  /** TCP connections that could not be established. */
  readonly failed: number;
  /** TCP connections and UDP flows that have ended. */
  readonly ended: number;
  /** Connections and flows among `ended` whose end no event reported. */
  readonly vanished: number;
  /**
   * Payload bytes since the table was made; for an earlier connection, payload since it was first seen. A
   * connection between two processes of this host has two ends, and counts at each.
   */
  readonly bytes_sent: number;
  /** Payload bytes, counted as those sent. */
  readonly bytes_received: number;
  /** Retransmitted segments. */
  readonly retransmits: number;
  /** Bytes a second between the last two refreshes. */
  readonly send_rate: number;
  /** Bytes a second between the last two refreshes. */
  readonly receive_rate: number;
  /** Connections and flows for which the table had no room at their event. Their bytes count when they close. */
  readonly overflow: number;
  /** Sockets that the last refresh found and for which the table had no room. */
  readonly untracked: number;
}

export type MutableTotals = { -readonly [K in keyof Totals]: Totals[K] };

export function newTotals(): MutableTotals {
  return {
    connected: 0,
    accepted: 0,
    failed: 0,
    ended: 0,
    vanished: 0,
    bytes_sent: 0,
    bytes_received: 0,
    retransmits: 0,
    send_rate: 0,
    receive_rate: 0,
    overflow: 0,
    untracked: 0,
  };
}

/** All that is left to say about a connection that was opened and closed between two refreshes. */
export interface PassedConnection {
  /** Words of a tuple, where the kernel may still have its socket. */
  readonly ends: Uint32Array | undefined;
  readonly isOutbound: boolean;
  readonly sent: number;
  readonly received: number;
  readonly retransmits: number;
}

export function addPassed(
  totals: MutableTotals,
  { isOutbound, sent, received, retransmits }: PassedConnection,
): void {
  if (isOutbound) totals.connected++;
  else totals.accepted++;
  totals.ended++;
  totals.bytes_sent += sent;
  totals.bytes_received += received;
  totals.retransmits += retransmits;
}

/** Rates between two moments. */
export class RateMeter {
  #ns: number;
  #sent = 0;
  #received = 0;

  /** @param nowNs CLOCK_MONOTONIC, nanoseconds, as of all times here. */
  constructor(nowNs: number) {
    this.#ns = nowNs;
  }

  update(totals: MutableTotals, nowNs: number): void {
    const seconds = (nowNs - this.#ns) / 1e9;
    if (seconds <= 0) return;
    totals.send_rate = Math.max(0, totals.bytes_sent - this.#sent) / seconds;
    totals.receive_rate = Math.max(0, totals.bytes_received - this.#received) / seconds;
    this.#ns = nowNs;
    this.#sent = totals.bytes_sent;
    this.#received = totals.bytes_received;
  }
}
