/** IP addresses: text to bytes in network order, and back. */

import { createRequire } from 'node:module';
import { isIPv4, isIPv6 } from 'node:net';
import type IpAddr from 'ipaddr.js';
import { BoundedMap } from '../bounded-map.js';
import { OptionError } from '../errors.js';

let ipaddr: typeof IpAddr | undefined;

/**
 * ipaddr.js, loaded at the first address of IPv6. To import it, Node.js would look through its source for names of exports,
 * at each start of a program.
 */
function ipv6(): typeof IpAddr.IPv6 {
  ipaddr ??= createRequire(import.meta.url)('ipaddr.js') as typeof IpAddr;
  return ipaddr.IPv6;
}

/**
 * Whether a text is an IPv4 or IPv6 address. IPv4 has four decimal parts without leading zeros; a zone, as in
 * `fe80::1%eth0`, makes it none.
 */
export function isAddress(text: string): boolean {
  return isIPv4(text) || (isIPv6(text) && !text.includes('%'));
}

/**
 * The bytes of an IPv4 (4) or IPv6 (16) address, in network order.
 *
 * @throws OptionError if the text is neither.
 */
export function addressBytes(text: string): Uint8Array {
  if (isIPv4(text)) return bytes4(text);
  if (!isAddress(text)) {
    throw new OptionError(`${JSON.stringify(text)}: expected an IP address such as 192.0.2.1 or 2001:db8::1`);
  }
  return Uint8Array.from(ipv6().parse(withoutDots(text)).toByteArray());
}

/** The bytes of four decimal parts. */
function bytes4(text: string): Uint8Array {
  const bytes = new Uint8Array(4);
  let part = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0) part++;
    else bytes[part] = bytes[part]! * 10 + digit;
  }
  return bytes;
}

/** Rewrites a trailing dotted quad as two words: ipaddr.js reads `::192.0.2.1` as `::ffff:192.0.2.1`. */
function withoutDots(text: string): string {
  const quad = text.slice(text.lastIndexOf(':') + 1);
  if (!quad.includes('.')) return text;
  const [a, b, c, d] = quad.split('.').map(Number) as [number, number, number, number];
  const words = [(a << 8) | b, (c << 8) | d].map((word) => word.toString(16));
  return text.slice(0, -quad.length) + words.join(':');
}

/** The text of an address of 4 or 16 bytes; IPv6 as RFC 5952 recommends. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const IPv6 = ipv6();
  return new IPv6([...bytes]).toRFC5952String();
}

/** One text for all spellings of an address. @throws OptionError if it is none. */
export function canonicalAddress(text: string): string {
  // An IPv4 address has only one spelling.
  return isIPv4(text) ? text : formatAddress(addressBytes(text));
}

/** Addresses repeat; formatting an IPv6 one costs about a microsecond. */
const CACHE_LIMIT = 8192;

/**
 * Formats addresses as kernel programs report them: 16 bytes in network order, IPv4 mapped into IPv6
 * (`::ffff:a.b.c.d`) and shown as IPv4. The latest texts are kept.
 */
export class AddressFormatter {
  readonly #ipv4 = new BoundedMap<number, string>(CACHE_LIMIT);
  readonly #ipv6 = new BoundedMap<string, string>(CACHE_LIMIT);

  /**
   * The text of an address in a record.
   *
   * @param offset Position of the 16 bytes in `view`.
   */
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
      this.#ipv4.set(address, text);
    }
    return text;
  }

  #formatIpv6(view: DataView, offset: number): string {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, 16);
    const key = String.fromCharCode(...bytes);
    let text = this.#ipv6.get(key);
    if (text === undefined) {
      text = formatAddress(bytes);
      this.#ipv6.set(key, text);
    }
    return text;
  }
}
