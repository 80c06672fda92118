/**
 * IP addresses in the form the kernel programs use: 16 bytes in network order, IPv4 mapped into IPv6
 * (`::ffff:a.b.c.d`).
 */

import { isIP } from 'node:net';
import { OptionError } from '@weir/ebpf';
import ipaddr from 'ipaddr.js';

/** Addresses repeat; formatting an IPv6 one costs about a microsecond. */
const CACHE_LIMIT = 8192;

/** Formats addresses out of records, with a bounded cache. */
export class AddressFormatter {
  readonly #ipv4 = new Map<number, string>();
  readonly #ipv6 = new Map<string, string>();

  /** @param offset Of the 16 bytes in `view`. */
  format(view: DataView, offset: number): string {
    const mapped =
      view.getUint32(offset) === 0 &&
      view.getUint32(offset + 4) === 0 &&
      view.getUint32(offset + 8) === 0xffff;
    return mapped ? this.#formatIpv4(view.getUint32(offset + 12)) : this.#formatIpv6(view, offset);
  }

  #formatIpv4(address: number): string {
    let text = this.#ipv4.get(address);
    if (text === undefined) {
      text = `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
      if (this.#ipv4.size >= CACHE_LIMIT) this.#ipv4.clear();
      this.#ipv4.set(address, text);
    }
    return text;
  }

  #formatIpv6(view: DataView, offset: number): string {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, 16);
    const key = String.fromCharCode(...bytes);
    let text = this.#ipv6.get(key);
    if (text === undefined) {
      text = new ipaddr.IPv6([...bytes]).toRFC5952String();
      if (this.#ipv6.size >= CACHE_LIMIT) this.#ipv6.clear();
      this.#ipv6.set(key, text);
    }
    return text;
  }
}

/** A prefix of mapped addresses: for IPv4, 96 bits longer than it was written. */
export interface Prefix {
  readonly address: Uint8Array;
  readonly bits: number;
  readonly ipv4: boolean;
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. Bits beyond the prefix must be zero, since they are more
 * often a slip than meant.
 *
 * @throws OptionError that says what is wrong with the text.
 */
export function parsePrefix(text: string): Prefix {
  const [host = '', length, ...rest] = text.split('/');
  const family = isIP(host);
  if (family === 0 || rest.length > 0 || host.includes('%')) {
    throw new OptionError(`${JSON.stringify(text)} is no IP address or prefix such as 10.0.0.0/8`);
  }
  const parsed = ipaddr.parse(host);
  const width = family === 4 ? 32 : 128;
  if (length !== undefined && !(/^\d{1,3}$/.test(length) && Number(length) <= width)) {
    throw new OptionError(`${JSON.stringify(text)}: a prefix of IPv${family} has 0 to ${width} bits`);
  }
  const given = length === undefined ? width : Number(length);
  const ipv6 =
    parsed.kind() === 'ipv4' ? (parsed as ipaddr.IPv4).toIPv4MappedAddress() : (parsed as ipaddr.IPv6);
  const address = Uint8Array.from(ipv6.toByteArray());
  const bits = family === 4 ? given + 96 : given;
  const base = masked(address, bits);
  if (!Buffer.from(base).equals(address)) {
    const meant = family === 4 ? base.subarray(12).join('.') : new ipaddr.IPv6([...base]).toRFC5952String();
    throw new OptionError(
      `${JSON.stringify(text)} has bits beyond its prefix; ${meant}/${given} would be right`,
    );
  }
  return { address, bits, ipv4: family === 4 || ipv6.isIPv4MappedAddress() };
}

/** Whether all addresses of `inner` are in `outer`. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  for (let bit = 0; bit < outer.bits; bit++) {
    const mask = 0x80 >> (bit & 7);
    if ((outer.address[bit >> 3]! & mask) !== (inner.address[bit >> 3]! & mask)) return false;
  }
  return true;
}

function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return byte & (0xff00 >> kept);
  });
}
