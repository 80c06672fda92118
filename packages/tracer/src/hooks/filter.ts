/**
 * Filters in the form that the kernel programs need: constants that are set before load, and the contents of the filter maps.
 * Pure: it writes nothing.
 */

import { OptionError } from '@weir/ebpf';
import { covers, type MappedPrefix, mapPrefix, parseMappedPrefix } from '@weir/ebpf/address';
import { encodeText } from '@weir/ebpf/byte-text';
import {
  Direction,
  FilterSide,
  ProcessFilter,
  sizeofAddressKey,
  TcpEventKind,
  TupleFilter,
  writeAddressKey,
} from '../generated/tcp.js';
import type { PortRange, TraceFilter, TracerOptions } from '../options.js';
import type { SocketEventName, TcpEventName } from '../records/record.js';

/** A filter map with the entries it is to hold. */
export interface FilterMap {
  readonly name: string;
  readonly entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[];
}

export interface CompiledFilter {
  readonly wantedEvents: number;
  readonly wantedDirection: number;
  readonly processFilters: number;
  readonly tupleFilters: number;
  /** Only those with entries. */
  readonly maps: readonly FilterMap[];
}

const PORT_WORDS = 65536 / 64;
const yes = Uint8Array.of(1);
const no = Uint8Array.of(0);

const eventBits: Record<TcpEventName, number> = {
  connect: 1 << TcpEventKind.EVENT_CONNECT,
  accept: 1 << TcpEventKind.EVENT_ACCEPT,
  close: 1 << TcpEventKind.EVENT_CLOSE,
  fail: 1 << TcpEventKind.EVENT_FAIL,
};

/** The protocols to hook: only those that can pass the filter. */
export function wantedProtocols({ tcp = true, udp = false, filter }: TracerOptions): {
  readonly tcp: boolean;
  readonly udp: boolean;
} {
  const events = filter?.events ?? [];
  const isWanted = (isUdp: boolean) =>
    events.length === 0 || events.some((name) => (name === 'udp_flow') === isUdp);
  return { tcp: tcp && isWanted(false), udp: udp !== false && isWanted(true) };
}

/** Ends of all connections that a process has had, or only of those whose beginning was a record, or none. */
export type ReportedEnds = 'all' | 'followed' | 'none';

/** Which ends of connections come as records: `close`, or `fail`. */
export function reportedEnds({ netns: _, events = [], ...others }: TraceFilter = {}): ReportedEnds {
  if (events.length > 0) return events.includes('close') ? 'followed' : 'none';
  return Object.values(others).every((values) => values === undefined || values.length === 0)
    ? 'all'
    : 'followed';
}

/**
 * The filter that passes connections over IPv4 only.
 *
 * @throws OptionError where the filter names only IPv6 peers.
 */
export function ipv4Only(filter: TraceFilter = {}): TraceFilter {
  const { peerAddresses = [] } = filter;
  const peers = peerAddresses.length === 0 ? ['0.0.0.0/0'] : peerAddresses;
  const remaining = peers.filter((text) => parseMappedPrefix(text).ipv4);
  if (remaining.length === 0) {
    throw new OptionError(`no connection can have the peer ${peers.join(', ')} while IPv6 is off`);
  }
  return { ...filter, peerAddresses: remaining };
}

/** @throws OptionError that names the wrong value. */
export function compileFilter(filter: TraceFilter = {}): CompiledFilter {
  const sets = [
    set('filter_pids', filter.pids, pidKey),
    set('filter_comms', filter.comms, comm),
    set('filter_uids', filter.uids, (uid) => u32(uid, 'a user id')),
    set('filter_cgroups', filter.cgroupIds, (id) => u64(id, 'a cgroup id')),
    set('filter_netns', filter.netns, (inode) => u32(inode, 'a network namespace')),
  ];
  const ports = [
    portWords(FilterSide.SIDE_EITHER, filter.ports),
    portWords(FilterSide.SIDE_LOCAL, filter.localPorts),
    portWords(FilterSide.SIDE_PEER, filter.peerPorts),
  ].flat();
  const addresses = [
    addressEntries(FilterSide.SIDE_EITHER, filter.addresses),
    addressEntries(FilterSide.SIDE_LOCAL, filter.localAddresses),
    addressEntries(FilterSide.SIDE_PEER, filter.peerAddresses),
  ].flat();
  return {
    wantedEvents: wantedEvents(filter.events),
    wantedDirection: wantedDirection(filter.direction),
    processFilters:
      flag(ProcessFilter.FILTER_PIDS, filter.pids) |
      flag(ProcessFilter.FILTER_COMMS, filter.comms) |
      flag(ProcessFilter.FILTER_UIDS, filter.uids) |
      flag(ProcessFilter.FILTER_CGROUPS, filter.cgroupIds),
    tupleFilters:
      flag(TupleFilter.FILTER_NETNS, filter.netns) |
      flag(TupleFilter.FILTER_PORT, filter.ports) |
      flag(TupleFilter.FILTER_LOCAL_PORT, filter.localPorts) |
      flag(TupleFilter.FILTER_PEER_PORT, filter.peerPorts) |
      flag(TupleFilter.FILTER_ADDRESS, filter.addresses) |
      flag(TupleFilter.FILTER_LOCAL_ADDRESS, filter.localAddresses) |
      flag(TupleFilter.FILTER_PEER_ADDRESS, filter.peerAddresses),
    maps: [
      ...sets,
      { name: 'filter_ports', entries: ports },
      { name: 'filter_addresses', entries: addresses },
    ].filter((map) => map.entries.length > 0),
  };
}

/** An empty filter counts as not given: it would pass nothing. */
function flag(bit: number, values: readonly unknown[] | undefined): number {
  return values === undefined || values.length === 0 ? 0 : bit;
}

function wantedEvents(names: readonly SocketEventName[] | undefined): number {
  if (names === undefined || names.length === 0) {
    return Object.values(eventBits).reduce((bits, bit) => bits | bit, 0);
  }
  return names.reduce((bits, name) => {
    const bit = name === 'udp_flow' ? 0 : eventBits[name];
    if (bit === undefined) throw new OptionError(`${JSON.stringify(name)} is no kind of event`);
    return bits | bit;
  }, 0);
}

function wantedDirection(direction: TraceFilter['direction']): number {
  if (direction === undefined) return Direction.DIRECTION_UNKNOWN;
  return direction === 'outbound' ? Direction.DIRECTION_OUTBOUND : Direction.DIRECTION_INBOUND;
}

function set<T>(name: string, values: readonly T[] | undefined, encode: (value: T) => Uint8Array): FilterMap {
  return { name, entries: (values ?? []).map((value) => [encode(value), yes] as const) };
}

/** The key of a process in filter_pids. @throws OptionError for a number that is none. */
export function pidKey(pid: number): Uint8Array {
  return u32(pid, 'a process id');
}

function u32(value: number, what: string): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new OptionError(`${value} is not ${what}: expected a whole number from 0 to 4294967295`);
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function u64(value: number, what: string): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new OptionError(`${value} is not ${what}`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** The kernel's comm: at most 15 bytes and a NUL. */
function comm(name: string): Uint8Array {
  const bytes = encodeText(name);
  if (bytes.length === 0 || bytes.length > 15 || bytes.includes(0)) {
    throw new OptionError(
      `${JSON.stringify(name)} can't be a command name: the kernel keeps 1 to 15 bytes (see /proc/PID/comm)`,
    );
  }
  const key = new Uint8Array(16);
  key.set(bytes);
  return key;
}

/** The words of the port bitmap that have a bit set, for one side. */
function portWords(side: FilterSide, ranges: readonly PortRange[] = []): [Uint8Array, Uint8Array][] {
  const words = new BigUint64Array(PORT_WORDS);
  for (const { from, to } of ranges) {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > 65535 || from > to) {
      throw new OptionError(`${from}-${to} is no range of ports: expected 0 to 65535, the lower first`);
    }
    for (let port = from; port <= to; port++) words[port >> 6]! |= 1n << BigInt(port & 63);
  }
  const entries: [Uint8Array, Uint8Array][] = [];
  for (const [index, word] of words.entries()) {
    if (word === 0n) continue;
    const value = new Uint8Array(8);
    new DataView(value.buffer).setBigUint64(0, word, true);
    entries.push([u32(side * PORT_WORDS + index, 'a port word'), value]);
  }
  return entries;
}

const ipv4Space: MappedPrefix = mapPrefix({ address: new Uint8Array(4), bits: 0 });

function addressEntries(side: FilterSide, texts: readonly string[] = []): [Uint8Array, Uint8Array][] {
  const prefixes = texts.map(parseMappedPrefix);
  const entries = prefixes.map((prefix): [Uint8Array, Uint8Array] => [addressKey(side, prefix), yes]);
  // `::/0` means all of IPv6, not the IPv4 addresses that lie mapped within.
  const coversIpv4 = prefixes.some((prefix) => prefix.bits < 96 && covers(prefix, ipv4Space));
  const hasIpv4 = prefixes.some((prefix) => prefix.bits === 96 && prefix.ipv4);
  if (coversIpv4 && !hasIpv4) entries.push([addressKey(side, ipv4Space), no]);
  return entries;
}

function addressKey(side: FilterSide, prefix: MappedPrefix): Uint8Array {
  const key = new Uint8Array(sizeofAddressKey);
  // The trie compares from the start of the data, so that the side belongs to the prefix.
  const prefixBits = prefix.bits + 32;
  writeAddressKey(new DataView(key.buffer), 0, { prefixBits, side, address: prefix.address });
  return key;
}
