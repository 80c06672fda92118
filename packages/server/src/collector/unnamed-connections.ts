/** Connections that a sweep has found and no record has named, by their ends. Pure. */
import { type ConnectionEnds, endsKey, type OpenConnection } from './open-connection.js';

type Transport = 'tcp' | 'udp';

/** At most one connection has the same ends. */
export class UnnamedConnections {
  readonly #byEnds = new Map<string, OpenConnection>();
  /** How many have the same two ports: for nearly all events, these suffice to see that there is none. */
  readonly #ports = new Map<number, number>();

  /** Number of connections. */
  get size(): number {
    return this.#byEnds.size;
  }

  [Symbol.iterator](): Iterator<OpenConnection> {
    return this.#byEnds.values();
  }

  /** Whether one may have these ports. */
  hasPorts(localPort: number, peerPort: number): boolean {
    return this.#ports.has(portsKey(localPort, peerPort));
  }

  /** The one with these ends. */
  get(transport: Transport, ends: ConnectionEnds): OpenConnection | undefined {
    if (!this.hasPorts(ends.local.port, ends.peer.port)) return undefined;
    return this.#byEnds.get(endsKey(transport, ends));
  }

  /** In the place of another one with these ends. */
  set(transport: Transport, ends: ConnectionEnds, open: OpenConnection): void {
    const key = endsKey(transport, ends);
    if (!this.#byEnds.has(key)) this.#count(ends, 1);
    this.#byEnds.set(key, open);
  }

  delete(transport: Transport, ends: ConnectionEnds): void {
    if (this.#byEnds.delete(endsKey(transport, ends))) this.#count(ends, -1);
  }

  #count({ local, peer }: ConnectionEnds, change: number): void {
    const key = portsKey(local.port, peer.port);
    const count = (this.#ports.get(key) ?? 0) + change;
    if (count === 0) this.#ports.delete(key);
    else this.#ports.set(key, count);
  }
}

function portsKey(localPort: number, peerPort: number): number {
  return localPort * 65_536 + peerPort;
}
