/** Longest-prefix-match tries. */
import { isIPv4, isIPv6 } from 'node:net';
import { EbpfError } from '../errors.js';
import { BpfMap } from './map.js';

/** The bytes of an IPv4 (4) or IPv6 (16) address. @throws EbpfError if it is neither. */
export function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  if (!isIPv6(address) || address.includes('%'))
    throw new EbpfError(`not an IP address: ${JSON.stringify(address)}`);
  const [head = '', tail] = ipv6WithoutDots(address).split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const front = words(head);
  const back = words(tail ?? '');
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of front.entries()) view.setUint16(2 * index, word);
  for (const [index, word] of back.entries()) view.setUint16(16 - 2 * back.length + 2 * index, word);
  return bytes;
}

/** Rewrites a trailing dotted quad, as in `::ffff:192.0.2.1`, as two words. */
function ipv6WithoutDots(address: string): string {
  const match = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (match === null) return address;
  const [a, b, c, d] = match.slice(2).map(Number) as [number, number, number, number];
  return `${match[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/**
 * The key of a network such as `10.0.0.0/8` or `fd00::/8`; a bare address is a network of its own. Laid out as struct
 * bpf_lpm_trie_key: the prefix length in bits as 4 bytes in host byte order, then the address in network byte order
 * with the bits behind the prefix cleared.
 *
 * @param dataSize bytes of the address part: by default 4 or 16, as the address has. A shorter address is padded.
 * @throws EbpfError
 */
export function cidrKey(cidr: string, dataSize?: number): Uint8Array {
  const [address = '', prefix, ...rest] = cidr.split('/');
  const bytes = addressBytes(address);
  const bits =
    prefix === undefined ? bytes.length * 8 : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  const size = dataSize ?? bytes.length;
  if (rest.length > 0 || !(bits <= bytes.length * 8))
    throw new EbpfError(`not a network: ${JSON.stringify(cidr)}`);
  if (bytes.length > size) throw new EbpfError(`${cidr} does not fit a key for addresses of ${size} bytes`);
  const key = new Uint8Array(4 + size);
  new DataView(key.buffer).setUint32(0, bits, true);
  for (const [index, byte] of bytes.entries()) {
    const kept = Math.min(8, Math.max(0, bits - 8 * index));
    key[4 + index] = byte & (0xff00 >> kept);
  }
  return key;
}

/** A trie, BPF_MAP_TYPE_LPM_TRIE: a lookup finds the longest stored prefix of the key's address. */
export class LpmTrieMap extends BpfMap {
  /** The key of a network, in this trie's size. */
  key(cidr: string): Uint8Array {
    return cidrKey(cidr, this.keySize - 4);
  }
}
