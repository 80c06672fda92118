/** Prefixes of IP addresses, such as `10.0.0.0/8` and `2001:db8::/32`. */
import { OptionError } from '../errors.js';
import { addressBytes, formatAddress, isAddress } from './address.js';

/** An address with the number of its leading bits that count. */
export interface Prefix {
  /** 4 bytes (IPv4) or 16 (IPv6) in network order; zero behind the prefix. */
  readonly address: Uint8Array;
  /** 0 to 32, or 0 to 128. */
  readonly bits: number;
}

/** A prefix in the one space of both families: IPv4 lies at `::ffff:0:0/96`. */
export interface MappedPrefix extends Prefix {
  /** Whether it has addresses of IPv4 only. */
  readonly ipv4: boolean;
}

/**
 * Reads a prefix, or an address, which counts as a whole. Bits behind the prefix must be zero, since they are more often a
 * slip than meant.
 *
 * @throws OptionError that says what is wrong with the text.
 */
export function parsePrefix(text: string): Prefix {
  if (isAddress(text)) return whole(text);
  const { address, bits } = split(text);
  const base = masked(address, bits);
  if (base.some((byte, index) => byte !== address[index])) {
    const right = formatPrefix({ address: base, bits });
    throw new OptionError(`${JSON.stringify(text)} has bits beyond its prefix; ${right} would be right`);
  }
  return { address, bits };
}

/**
 * Reads a network by any address in it: `10.1.2.3/8` means `10.0.0.0/8`.
 *
 * @throws OptionError that says what is wrong with the text.
 */
export function parseNetwork(text: string): Prefix {
  const { address, bits } = split(text);
  return { address: masked(address, bits), bits };
}

/** An address as a prefix: all its bits count. */
function whole(text: string): Prefix {
  const address = addressBytes(text);
  return { address, bits: address.length * 8 };
}

function split(text: string): Prefix {
  const [host = '', length, ...rest] = text.split('/');
  if (!isAddress(host) || rest.length > 0) {
    throw new OptionError(
      `${JSON.stringify(text)}: expected an address or prefix such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32`,
    );
  }
  const address = addressBytes(host);
  const width = address.length * 8;
  if (length === undefined) return { address, bits: width };
  if (!/^\d{1,3}$/.test(length) || Number(length) > width) {
    const family = width === 32 ? 'IPv4' : 'IPv6';
    throw new OptionError(`${JSON.stringify(text)}: a prefix of ${family} has 0 to ${width} bits`);
  }
  return { address, bits: Number(length) };
}

function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return byte & (0xff00 >> kept);
  });
}

/** The text of a prefix, always with its length: `192.0.2.1/32`. */
export function formatPrefix({ address, bits }: Prefix): string {
  return `${formatAddress(address)}/${bits}`;
}

/** One text for all spellings of a prefix. @throws OptionError as {@link parsePrefix}. */
export function canonicalPrefix(text: string): string {
  return formatPrefix(parsePrefix(text));
}

const IPV4_BITS = 96;
const ipv4Head = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** The same prefix among those of both families; one of IPv4 gets 96 bits longer. */
export function mapPrefix({ address, bits }: Prefix): MappedPrefix {
  if (address.length === 16) {
    const ipv4 = ipv4Head.every((byte, index) => address[index] === byte);
    return { address, bits, ipv4 };
  }
  return { address: Uint8Array.of(...ipv4Head, ...address), bits: bits + IPV4_BITS, ipv4: true };
}

/** Reads a prefix as {@link parsePrefix} does, into the one space of both families. @throws OptionError */
export function parseMappedPrefix(text: string): MappedPrefix {
  return mapPrefix(parsePrefix(text));
}

/** Whether all bits that count in `outer` are the same in `inner`, a prefix of as many bytes. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  if (outer.bits > inner.bits) return false;
  const whole = outer.bits >> 3;
  for (let index = 0; index < whole; index++) {
    if (outer.address[index] !== inner.address[index]) return false;
  }
  const mask = 0xff00 >> (outer.bits & 7);
  return (outer.address[whole] ?? 0) === ((inner.address[whole] ?? 0) & mask & 0xff);
}

/** Whether an address is in a prefix. `::/0` has all addresses of IPv6, not those of IPv4 that lie mapped within. */
export function isWithin(address: MappedPrefix, prefix: MappedPrefix): boolean {
  return (!address.ipv4 || prefix.bits >= IPV4_BITS) && covers(prefix, address);
}
