/** Addresses and prefixes as the kernel program's tables have them. */
import { addressBytes, OptionError } from '@weir/ebpf';

/** An address in the four words of a table's key; IPv4 takes the first. */
export interface KeyAddress {
  readonly words: Uint32Array;
  readonly ipv6: boolean;
}

/** An address with the number of its bits that count. */
export interface Prefix extends KeyAddress {
  readonly bits: number;
  /** Whether all bits count. */
  readonly whole: boolean;
}

/** @throws EbpfError if it is no IP address. */
export function keyAddress(address: string): KeyAddress {
  const bytes = addressBytes(address);
  const padded = new Uint8Array(16);
  padded.set(bytes);
  return { words: new Uint32Array(padded.buffer), ipv6: bytes.length === 16 };
}

/**
 * Reads `192.0.2.0/24`, `2001:db8::/32` or an address, which counts as a whole.
 *
 * @throws OptionError if the length is none, or if bits behind the prefix are set.
 */
export function parsePrefix(text: string): Prefix {
  const [address = '', length, ...rest] = text.split('/');
  const { words, ipv6 } = keyAddress(address);
  const all = ipv6 ? 128 : 32;
  const bits = length === undefined ? all : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (rest.length > 0 || !(bits <= all))
    throw new OptionError(`${text}: expected a prefix of 0 to ${all} bits`);
  const bytes = new Uint8Array(words.buffer);
  for (const [i, byte] of bytes.entries()) {
    const kept = Math.min(8, Math.max(0, bits - 8 * i));
    if ((byte & (0xff >> kept)) !== 0 && i < all / 8) {
      throw new OptionError(`${text}: bits behind the prefix are set`);
    }
  }
  return { words, ipv6, bits, whole: bits === all };
}

/** The same text for each way to write an address. @throws EbpfError if it is none. */
export function canonicalAddress(address: string): string {
  const { words, ipv6 } = keyAddress(address);
  return `${words.join(' ')} ${ipv6 ? 6 : 4}`;
}

/** The same text for each way to write a prefix. @throws OptionError */
export function canonicalPrefix(text: string): string {
  const { words, ipv6, bits } = parsePrefix(text);
  return `${words.join(' ')} ${ipv6 ? 6 : 4}/${bits}`;
}

/** An address of 4 or 16 bytes as text; IPv6 as RFC 5952 has it. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  // The URL parser shortens.
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
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
