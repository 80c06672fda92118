/**
 * IP addresses and prefixes as text and as bytes. Needs no kernel.
 *
 * @module @weir/ebpf/address
 */

export { AddressFormatter, addressBytes, canonicalAddress, formatAddress, isAddress } from './address.js';
export {
  canonicalPrefix,
  covers,
  formatPrefix,
  isWithin,
  type MappedPrefix,
  mapPrefix,
  type Prefix,
  parseMappedPrefix,
  parseNetwork,
  parsePrefix,
} from './prefix.js';
