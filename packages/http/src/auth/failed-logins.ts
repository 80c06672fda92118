/** Bounds how often an address may try a token. Pure. */
import { isIPv4 } from 'node:net';
import { addressBytes, formatAddress } from '@weir/ebpf/address';
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { withoutMapping } from './client-address.js';

const MAX_ADDRESSES = 10_000;
/** Failures that are free, and the time in which one more is. */
const FREE_FAILURES = 10;
const RECOVERY_MS = 6_000;

/** Counts failures by address; those of IPv6 by network, since a client has a whole one. */
export class FailedLogins {
  /** When all failures of a network are forgotten, milliseconds. */
  readonly #until = new BoundedMap<string, number>(MAX_ADDRESSES);

  /** Milliseconds until the address may try again; 0 if it may now. */
  waitMs(address: string, now: number): number {
    const until = this.#until.get(network(address)) ?? 0;
    return Math.max(0, until - now - (FREE_FAILURES - 1) * RECOVERY_MS);
  }

  /** Counts a failure. */
  add(address: string, now: number): void {
    const key = network(address);
    this.#until.set(key, Math.max(this.#until.get(key) ?? 0, now) + RECOVERY_MS);
  }
}

const NETWORK_BYTES = 8;

function network(address: string): string {
  const plain = withoutMapping(address);
  return isIPv4(plain) ? plain : formatAddress(addressBytes(plain).fill(0, NETWORK_BYTES));
}
