/** Prefixes as ranges of numbers of 128 bits. Pure. */
import { mapPrefix, parseNetwork } from '@weir/ebpf/address';

/** The first and the last address, which belong to it. */
export interface AddressRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** The addresses of a network; those of IPv4 lie at `::ffff:0:0/96`. */
export function addressRange({
  address,
  bits,
}: {
  readonly address: string;
  readonly bits: number;
}): AddressRange {
  const prefix = mapPrefix(parseNetwork(`${address}/${bits}`));
  const from = prefix.address.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  return { from, to: from | ((1n << BigInt(128 - prefix.bits)) - 1n) };
}

/** All addresses of IPv4. */
export const ipv4Range: AddressRange = addressRange({ address: '0.0.0.0', bits: 0 });
