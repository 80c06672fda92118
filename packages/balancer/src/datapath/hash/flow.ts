/** The hash that decides a flow's slot in a ring. */
import { addressBytes } from '@weir/ebpf/address';
import { Limit } from '../../generated/balancer.js';
import { DEFAULT_HASH_MAX_VIPS } from '../../limits.js';
import { jhash, jhash2Words } from './jhash.js';

/** Slots of a ring, a prime. */
export const RING_SIZE = Limit.RING_SIZE;

/** The parts of a flow that decide its slot; destination address and protocol do not. */
export interface HashedFlow {
  /** The client's address. */
  readonly source: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The balancer's option `hashMaxVips`. Default 512. */
  readonly hashMaxVips?: number;
}

/** A port's two bytes as a little-endian machine loads them. */
function swapped(port: number): number {
  return ((port & 0xff) << 8) | (port >>> 8);
}

/**
 * Hash of a flow, 32 bits, by jhash of include/linux/jhash.h.
 *
 * @throws OptionError if the source is no IP address.
 */
export function flowHash({
  source,
  sourcePort,
  destinationPort,
  hashMaxVips = DEFAULT_HASH_MAX_VIPS,
}: HashedFlow): number {
  const bytes = addressBytes(source);
  const word =
    bytes.length === 4
      ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
      : jhash(bytes, hashMaxVips);
  return jhash2Words(word, swapped(sourcePort) | (swapped(destinationPort) << 16), hashMaxVips * RING_SIZE);
}

/**
 * The slot of a ring that a flow falls into, 0 to 65536.
 *
 * @throws OptionError if the source is no IP address.
 */
export function flowSlot(flow: HashedFlow): number {
  return flowHash(flow) % RING_SIZE;
}
