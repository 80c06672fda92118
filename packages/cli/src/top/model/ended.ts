/**
 * Sums over connections that have ended, so that a process that opens and closes a connection a second is seen as what
 * it is. Connections that differ only in the port that their client picked are one sum.
 */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import type { Connection, EndedConnection } from '@weir/tracer';
import { LastSeen, type Seen } from './last-seen.js';
import { processKey } from './process-key.js';

/** Sums over ended connections of one kind. Both ends are those of the last connection. */
export interface EndedSum
  extends Pick<
    Connection,
    'transport' | 'type' | 'netns' | 'local' | 'peer' | 'direction' | 'interface' | 'process'
  > {
  readonly state: undefined;
  readonly count: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly retransmits: number;
  /** Rates, in bytes a second, of the connections that ended since the refresh before. */
  readonly send_rate: number;
  readonly receive_rate: number;
}

type MutableSum = { -readonly [K in keyof EndedSum]: EndedSum[K] } & { lastNs: number };

/** Kinds that are remembered at most; beyond that, the kinds that were quiet for the longest time are forgotten. */
const MAX_KINDS = 16_384;
/** Nanoseconds after its last ended connection at which a kind is forgotten. */
const KEEP_NS = 300e9;

export class EndedSums implements Iterable<EndedSum> {
  /** In the order in which they last grew. */
  readonly #sums = new BoundedMap<string, MutableSum>(MAX_KINDS);
  readonly #lastSeen = new LastSeen();
  #refreshedNs: number | undefined;

  [Symbol.iterator](): IterableIterator<EndedSum> {
    return this.#sums.values();
  }

  /** @param nowNs CLOCK_MONOTONIC, nanoseconds. */
  refresh(live: Iterable<Connection>, ended: readonly EndedConnection[], nowNs: number): void {
    const seconds = this.#refreshedNs === undefined ? 0 : (nowNs - this.#refreshedNs) / 1e9;
    this.#refreshedNs = nowNs;
    for (const [key, sum] of this.#sums) {
      sum.send_rate = sum.receive_rate = 0;
      if (nowNs - sum.lastNs > KEEP_NS) this.#sums.delete(key);
    }
    const seen = this.#lastSeen.find(ended.map(({ connection }) => connection.id));
    for (const { connection } of ended) this.#add(connection, seen, seconds, nowNs);
    this.#lastSeen.remember(live);
  }

  #add(connection: Connection, seen: ReadonlyMap<number, Seen>, seconds: number, nowNs: number): void {
    const { transport, netns, direction, local, peer, process } = connection;
    const service = direction === 'inbound' ? local.port : peer.port;
    const key = `${processKey(process)} ${transport} ${netns} ${connection.interface ?? ''} ${peer.address} ${service} ${direction}`;
    const sum = this.#sums.get(key) ?? newSum(connection);
    this.#sums.set(key, sum);
    // It is from before the start and was never seen alive: nobody knows when its bytes moved.
    const whole = { sent: connection.bytes_sent, received: connection.bytes_received };
    const before =
      seen.get(connection.id) ?? (connection.started_ns === undefined ? whole : { sent: 0, received: 0 });
    sum.local = local;
    sum.peer = peer;
    sum.process = process;
    sum.lastNs = nowNs;
    sum.count++;
    sum.bytes_sent += whole.sent;
    sum.bytes_received += whole.received;
    sum.retransmits += connection.retransmits;
    if (seconds > 0) {
      sum.send_rate += Math.max(0, whole.sent - before.sent) / seconds;
      sum.receive_rate += Math.max(0, whole.received - before.received) / seconds;
    }
  }
}

function newSum(connection: Connection): MutableSum {
  const { transport, type, netns, local, peer, direction, process } = connection;
  return {
    ...{ transport, type, netns, local, peer, direction, process, state: undefined },
    interface: connection.interface,
    ...{
      count: 0,
      bytes_sent: 0,
      bytes_received: 0,
      retransmits: 0,
      send_rate: 0,
      receive_rate: 0,
      lastNs: 0,
    },
  };
}
