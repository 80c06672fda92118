/** Longest-prefix-match tries. */
import { parseNetwork } from '../address/prefix.js';
import { OptionError } from '../errors.js';
import { BpfMap } from './map.js';

/**
 * The key of a network such as `10.0.0.0/8` or `fd00::/8`; a bare address is a network of its own. Laid out as struct
 * bpf_lpm_trie_key: the prefix length in bits as 4 bytes in host byte order, then the address in network byte order
 * with the bits behind the prefix cleared.
 *
 * @param dataSize bytes of the address part: by default 4 or 16, as the address has. A shorter address is padded.
 * @throws OptionError if it is no network, or too long for the key.
 */
export function cidrKey(cidr: string, dataSize?: number): Uint8Array {
  const { address, bits } = parseNetwork(cidr);
  const size = dataSize ?? address.length;
  if (address.length > size)
    throw new OptionError(`${cidr} does not fit a key for addresses of ${size} bytes`);
  const key = new Uint8Array(4 + size);
  new DataView(key.buffer).setUint32(0, bits, true);
  key.set(address, 4);
  return key;
}

/** A trie, BPF_MAP_TYPE_LPM_TRIE (4.11): a lookup finds the longest stored prefix of the key's address. */
export class LpmTrieMap extends BpfMap {
  /** The key of a network, in this trie's size. @throws OptionError as {@link cidrKey} does. */
  key(cidr: string): Uint8Array {
    return cidrKey(cidr, this.keySize - 4);
  }
}
