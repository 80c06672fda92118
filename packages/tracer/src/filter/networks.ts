/** Addresses and prefixes of filters. */
import { formatAddress, isWithin, mapPrefix, parseMappedPrefix, parseNetwork } from '@weir/ebpf/address';
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { OptionError } from '@weir/ebpf/errors';

/** A prefix, as filters have it. */
export interface Network {
  readonly address: string;
  readonly bits: number;
}

const IPV4_BITS = 96;
const REMEMBERED = 65_536;

/** A whole address, or a prefix; undefined for what is neither. Bits behind the prefix do not count. */
export function networkOf(text: string): Network | undefined {
  try {
    const { address, bits } = parseNetwork(text);
    const mapped = mapPrefix({ address, bits });
    // Addresses of IPv4 are known as such only, in whatever form they came.
    return mapped.ipv4 && mapped.bits >= IPV4_BITS
      ? { address: formatAddress(mapped.address.subarray(12)), bits: mapped.bits - IPV4_BITS }
      : { address: formatAddress(address), bits };
  } catch (error) {
    if (error instanceof OptionError) return undefined;
    throw error;
  }
}

/** Whether an address is within a network. A network of IPv6 has no addresses of IPv4. */
export function networkTest({ address, bits }: Network): (address: string) => boolean {
  if (!address.includes(':')) return ipv4Test(address, bits);
  const network = mapPrefix(parseNetwork(`${address}/${bits}`));
  // The same few addresses are asked for again and again.
  const known = new BoundedMap<string, boolean>(REMEMBERED);
  return (text) => {
    if (!text.includes(':')) return false;
    let within = known.get(text);
    if (within === undefined) {
      within = isWithin(parseMappedPrefix(text), network);
      known.set(text, within);
    }
    return within;
  };
}

function ipv4Test(address: string, bits: number): (address: string) => boolean {
  const shift = 2 ** (32 - bits);
  const wanted = Math.floor(ipv4Number(address)! / shift);
  return (text) => {
    const number = ipv4Number(text);
    return number !== undefined && Math.floor(number / shift) === wanted;
  };
}

/** The 32 bits of an IPv4 address in dotted form; undefined for what has other characters. */
export function ipv4Number(text: string): number | undefined {
  let number = 0;
  let part = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 46) {
      number = number * 256 + part;
      part = 0;
    } else if (code < 48 || code > 57) return undefined;
    else part = part * 10 + code - 48;
  }
  return number * 256 + part;
}
