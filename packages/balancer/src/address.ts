/** Addresses, prefixes and ports as the kernel program's tables have them. */
import { OptionError } from '@weir/ebpf';
import { addressBytes, parsePrefix } from '@weir/ebpf/address';

/** An address in the four words of a table's key; IPv4 takes the first. */
export interface KeyAddress {
  readonly words: Uint32Array;
  readonly ipv6: boolean;
}

/** An address with the number of its bits that count. */
export interface KeyPrefix extends KeyAddress {
  readonly bits: number;
  /** Whether all bits count. */
  readonly whole: boolean;
}

/** @throws OptionError if it is no IP address. */
export function keyAddress(address: string): KeyAddress {
  return keyOf(addressBytes(address));
}

/** Reads `192.0.2.0/24`, `2001:db8::/32` or an address, which counts as a whole. @throws OptionError */
export function keyPrefix(text: string): KeyPrefix {
  const { address, bits } = parsePrefix(text);
  return { ...keyOf(address), bits, whole: bits === address.length * 8 };
}

function keyOf(bytes: Uint8Array): KeyAddress {
  const padded = new Uint8Array(16);
  padded.set(bytes);
  return { words: new Uint32Array(padded.buffer), ipv6: bytes.length === 16 };
}

/** The 4 or 16 bytes of an address in a key, in network order. */
export function keyBytes({ words, ipv6 }: KeyAddress): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, ipv6 ? 16 : 4);
}

/** A port's two bytes as a little-endian machine loads them from a packet. */
export function wirePort(port: number): number {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new OptionError(`port ${port}: expected 0 to 65535`);
  }
  return ((port & 0xff) << 8) | (port >>> 8);
}

/** The six bytes of `02:00:5e:10:00:01`. @throws OptionError */
export function macBytes(mac: string): Uint8Array {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) throw new OptionError(`${mac} is no MAC address`);
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}
