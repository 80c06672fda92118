/** How many connections are made in a second: each costs a handshake of TLS. Pure. */
import { BoundedMap } from '@weir/ebpf/bounded-map';

/** Connections a second; twice as many may come at once after a quiet time. */
export interface ConnectionRates {
  readonly perAddress: number;
  readonly total: number;
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

const MAX_ADDRESSES = 10_000;

/** Admits so many, and refuses others. */
export class ConnectionRate {
  readonly #rates: ConnectionRates;
  readonly #byAddress = new BoundedMap<string, Bucket>(MAX_ADDRESSES);
  #all: Bucket | undefined;

  constructor(rates: ConnectionRates) {
    this.#rates = rates;
  }

  /** Whether a connection of an address may be made now. @param nowMs Of any clock that does not go back. */
  admits(address: string, nowMs: number): boolean {
    const { perAddress, total } = this.#rates;
    // An address that has had its share takes nothing of that of others.
    const own = filled(this.#byAddress.get(address), perAddress, nowMs);
    if (own.tokens < 1) return false;
    const all = filled(this.#all, total, nowMs);
    if (all.tokens < 1) return false;
    this.#byAddress.set(address, { ...own, tokens: own.tokens - 1 });
    this.#all = { ...all, tokens: all.tokens - 1 };
    return true;
  }
}

function filled(bucket: Bucket | undefined, rate: number, nowMs: number): Bucket {
  const most = 2 * rate;
  if (bucket === undefined) return { tokens: most, atMs: nowMs };
  const tokens = Math.min(most, bucket.tokens + ((nowMs - bucket.atMs) * rate) / 1000);
  return { tokens, atMs: nowMs };
}
