/** The two ends of a connection as eleven words: network namespace, interface, both addresses, ports. */
import { AddressFormatter, parseMappedPrefix } from '@weir/ebpf/address';
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { offsetsTuple } from '../generated/tcp.js';
import type { Endpoint } from '../records/record.js';
import { hashWords } from './hash.js';

export const TUPLE_WORDS = 11;
const NETNS_AT = 0;
const INTERFACE_AT = 1;
const LOCAL_AT = 2;
const PEER_AT = 6;
const PORTS_AT = 10;
/** Words of an address, IPv4 mapped into IPv6. */
const ADDRESS_WORDS = 4;
/** The third word of an address of IPv4. */
const MAPPED = 0xffff;

/** Addresses of records whose words are remembered. */
const CACHE_LIMIT = 8_192;

const formatter = new AddressFormatter();
const wordsOfText = new BoundedMap<string, readonly number[]>(CACHE_LIMIT);
const formatted = new DataView(new ArrayBuffer(ADDRESS_WORDS * 4));

function addressWords(text: string): readonly number[] {
  let words = wordsOfText.get(text);
  if (words === undefined) {
    const bytes = parseMappedPrefix(text).address;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    words = [0, 4, 8, 12].map((offset) => view.getUint32(offset));
    wordsOfText.set(text, words);
  }
  return words;
}

/** Words that are filled anew for each connection that is looked up. */
export class Tuple {
  readonly words = new Uint32Array(TUPLE_WORDS);

  /** @throws OptionError for an address that is none. */
  set(netns: number, interfaceIndex: number, local: Endpoint, peer: Endpoint): this {
    this.#setPlace(netns, interfaceIndex, local.port, peer.port);
    this.words.set(addressWords(local.address), LOCAL_AT);
    this.words.set(addressWords(peer.address), PEER_AT);
    return this;
  }

  /** @param addresses Both addresses in network order, IPv4 mapped. */
  setFrom(
    addresses: DataView,
    netns: number,
    interfaceIndex: number,
    localPort: number,
    peerPort: number,
  ): this {
    this.#setPlace(netns, interfaceIndex, localPort, peerPort);
    for (let word = 0; word < 2 * ADDRESS_WORDS; word++)
      this.words[LOCAL_AT + word] = addresses.getUint32(4 * word);
    return this;
  }

  /** @param offset Of a struct tuple of events in `view`. @param byInterface Else the interface distinguishes nothing. */
  setFromEvent(view: DataView, offset: number, byInterface: boolean): this {
    const { words } = this;
    words[NETNS_AT] = view.getUint32(offset + offsetsTuple.netns, true);
    words[INTERFACE_AT] = byInterface ? view.getUint32(offset + offsetsTuple.interface, true) : 0;
    for (let word = 0; word < ADDRESS_WORDS; word++) {
      words[LOCAL_AT + word] = view.getUint32(offset + offsetsTuple.localAddress + 4 * word);
      words[PEER_AT + word] = view.getUint32(offset + offsetsTuple.peerAddress + 4 * word);
    }
    const localPort = view.getUint16(offset + offsetsTuple.localPort, true);
    words[PORTS_AT] = (localPort << 16) | view.getUint16(offset + offsetsTuple.peerPort, true);
    return this;
  }

  #setPlace(netns: number, interfaceIndex: number, localPort: number, peerPort: number): void {
    this.words[NETNS_AT] = netns;
    this.words[INTERFACE_AT] = interfaceIndex;
    this.words[PORTS_AT] = (localPort << 16) | peerPort;
  }
}

export function netnsOf(words: Uint32Array, at: number): number {
  return words[at + NETNS_AT]!;
}

export function localOf(words: Uint32Array, at: number): Endpoint {
  return { address: addressAt(words, at + LOCAL_AT), port: words[at + PORTS_AT]! >>> 16 };
}

export function peerOf(words: Uint32Array, at: number): Endpoint {
  return { address: addressAt(words, at + PEER_AT), port: words[at + PORTS_AT]! & 0xffff };
}

export function typeOf(words: Uint32Array, at: number): 'ipv4' | 'ipv6' {
  const first = at + LOCAL_AT;
  return words[first] === 0 && words[first + 1] === 0 && words[first + 2] === MAPPED ? 'ipv4' : 'ipv6';
}

export function hashTuple(words: Uint32Array, at: number): number {
  return hashWords(words, at, TUPLE_WORDS);
}

export function sameTuple(a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean {
  for (let word = 0; word < TUPLE_WORDS; word++) if (a[atA + word] !== b[atB + word]) return false;
  return true;
}

/** A text that is the same for the same ends of a transport. */
export function tupleText(transport: 'tcp' | 'udp', words: Uint32Array, at: number): string {
  const parts: (string | number)[] = [transport];
  for (let word = 0; word < TUPLE_WORDS; word++) parts.push(words[at + word]!);
  return parts.join(' ');
}

function addressAt(words: Uint32Array, at: number): string {
  for (let word = 0; word < ADDRESS_WORDS; word++) formatted.setUint32(4 * word, words[at + word]!);
  return formatter.format(formatted, 0);
}
