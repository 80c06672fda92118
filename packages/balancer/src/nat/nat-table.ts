/** The program's tables of translated flows. */
import type { ArrayMap, ArrayWindow, Collection } from '@weir/ebpf';
import { formatAddress } from '@weir/ebpf/address';
import { monotonicNs } from '@weir/ebpf/sys';
import { type KeyAddress, keyBytes } from '../address.js';
import { encode, encodeNumber } from '../datapath/encode.js';
import { type RawFlow, setWords } from '../flows/raw-flow.js';
import {
  FlowKind,
  NatSeen,
  offsetsNatSlot,
  sizeofNatAddress,
  sizeofNatSlot,
  writeNatAddress,
} from '../generated/balancer.js';
import { TICK_NS } from '../limits.js';
import type { NatIdleTicks, NatSettings } from './nat-options.js';

/** Use of the translation's ports. */
export interface NatStatus {
  /** Flows that have not ended. */
  readonly active: number;
  /** The most flows that there can be: ports of all sources, for TCP and for UDP. */
  readonly ports: number;
}

/** A CPU makes one claim at a time; the kernel holds back further elements for each CPU. */
const claimsPerCpu = 8;

/** Sizes of the program's tables. */
export function natMaxEntries(
  { slots, sources }: NatSettings,
  reals: number,
  cpus: number,
): Record<string, number> {
  return {
    nat_slots: slots,
    nat_clients: slots,
    nat_claims: Math.max(64, cpus * claimsPerCpu),
    nat_addresses: sources.length,
    nat_address_numbers: sources.length,
    next_hops: reals,
    nat_works: cpus + 1,
  };
}

/** Whether a table belongs to the translation of addresses. */
export function isNatTable(name: string): boolean {
  return name.startsWith('nat_');
}

/** Slots that are looked at in one step of a walk. */
const SLOTS_AT_A_TIME = 4096;

export class NatTable {
  readonly #settings: NatSettings;
  readonly #slots: DataView;
  readonly #map: ArrayMap;

  /** Writes the balancer's own addresses into the program's tables. */
  constructor(collection: Collection, settings: NatSettings) {
    this.#settings = settings;
    this.#map = collection.map('nat_slots') as ArrayMap;
    const memory = this.#map.memory(false);
    this.#slots = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    const addresses = collection.map('nat_addresses') as ArrayMap;
    const numbers = collection.map('nat_address_numbers');
    const { sources, count, ports } = this.#settings;
    for (const [i, { words, ipv6 }] of sources.entries()) {
      const key = encode(sizeofNatAddress, writeNatAddress, { address: words, ipv6: Number(ipv6) });
      addresses.set(i, key);
      numbers.update(key, encodeNumber(ipv6 ? i - count[0]! / ports : i));
    }
  }

  /** The balancer's own addresses. */
  get sources(): readonly KeyAddress[] {
    return this.#settings.sources;
  }

  /** Slots of all flows. */
  get slots(): number {
    return this.#settings.slots;
  }

  /** Visits the slots of flows that have not ended, some at a time. Yields the number of slots of each step. */
  *walk(flow: RawFlow, visit: (slot: number) => void): Generator<number, void, undefined> {
    const { slots } = this.#settings;
    for (let from = 0; from < slots; from += SLOTS_AT_A_TIME) {
      const end = Math.min(from + SLOTS_AT_A_TIME, slots);
      const now = Number(monotonicNs() / BigInt(TICK_NS));
      for (let slot = from; slot < end; slot++) if (this.#read(slot, flow, now)) visit(slot);
      yield end - from;
    }
  }

  /** Share of the slots that are in use, 0 to 1, by looking at some of them. */
  sampledShare(count: number): number {
    const { slots } = this.#settings;
    const now = Number(monotonicNs() / BigInt(TICK_NS));
    const looks = Math.min(count, slots);
    let active = 0;
    for (let i = 0; i < looks; i++) {
      const slot = looks === slots ? i : Math.floor(Math.random() * slots);
      if (this.#isActive(slot * sizeofNatSlot, this.#kindOf(slot), now)) active++;
    }
    return active / looks;
  }

  /**
   * Ends a flow: its idle time is over from now on, so that its port is reused. A packet that is being translated at this
   * moment may keep it alive.
   */
  end(slot: number, window: ArrayWindow): boolean {
    const longest = Math.max(...Object.values(this.#settings.idleTicks));
    const used = Number(monotonicNs() / BigInt(TICK_NS)) - longest - 1;
    const view = new DataView(window.buffer);
    view.setUint32(window.show(this.#map, slot) + offsetsNatSlot.used, used >>> 0, true);
    return true;
  }

  /** The balancer's address and port of a slot. */
  ownEnd(slot: number): { address: string; port: number } {
    const { first, count, ports, firstPort, sources } = this.#settings;
    const kind = this.#kindOf(slot);
    const own = slot - first[kind]!;
    const before = (kind & FlowKind.FLOW_IPV6) === 0 ? 0 : count[0]! / ports;
    const source = sources[before + Math.floor(own / ports)]!;
    return { address: formatAddress(keyBytes(source)), port: firstPort + (own % ports) };
  }

  /** Counts the flows, by going through all slots. */
  status(): NatStatus {
    const { slots } = this.#settings;
    const now = Number(monotonicNs() / BigInt(TICK_NS));
    let active = 0;
    for (let index = 0; index < slots; index++) {
      if (this.#isActive(index * sizeofNatSlot, this.#kindOf(index), now)) active++;
    }
    return { active, ports: slots };
  }

  #kindOf(slot: number): number {
    return this.#settings.first.findLastIndex((start) => slot >= start);
  }

  /** Reads a slot's flow; false if it has none, or if that changes meanwhile. */
  #read(index: number, flow: RawFlow, now: number): boolean {
    const view = this.#slots;
    const slot = index * sizeofNatSlot;
    const kind = this.#kindOf(index);
    if (!this.#isActive(slot, kind, now)) return false;
    const version = view.getUint16(slot + offsetsNatSlot.version, true);
    // It only keeps its port: the client has a later flow.
    if (view.getUint8(slot + offsetsNatSlot.superseded) !== 0) return false;
    const handle = view.getUint32(slot + offsetsNatSlot.real, true);
    const ports =
      view.getUint16(slot + offsetsNatSlot.clientPort, true) +
      view.getUint16(slot + offsetsNatSlot.vipPort, true) * 2 ** 16;
    setWords(flow, ports, handle, now - view.getUint32(slot + offsetsNatSlot.used, true), kind);
    flow.byRule = view.getUint8(slot + offsetsNatSlot.outsider) !== 0;
    for (let i = 0; i < 4; i++) {
      flow.ends[i] = view.getUint32(slot + offsetsNatSlot.client + i * 4, true);
      flow.ends[4 + i] = view.getUint32(slot + offsetsNatSlot.vip + i * 4, true);
    }
    flow.hasEnds = true;
    flow.cpu = undefined;
    const vip = view.getUint16(slot + offsetsNatSlot.vipNumber, true);
    flow.nat = { vip, slot: index, limit: this.#settings.idleTicks[this.#limitName(slot, kind)] };
    return (version & 1) === 0 && version === view.getUint16(slot + offsetsNatSlot.version, true);
  }

  #isActive(slot: number, kind: number, now: number): boolean {
    if (this.#slots.getUint32(slot + offsetsNatSlot.real, true) === 0) return false;
    const idle = (now - this.#slots.getUint32(slot + offsetsNatSlot.used, true)) | 0;
    return idle <= this.#settings.idleTicks[this.#limitName(slot, kind)];
  }

  /** The same rule as nat_limit() in bpf/nat-slot.h. */
  #limitName(slot: number, kind: number): keyof NatIdleTicks {
    if ((kind & FlowKind.FLOW_UDP) !== 0) return 'nat_udp_ticks';
    const client = this.#slots.getUint8(slot + offsetsNatSlot.fromClient);
    const real = this.#slots.getUint8(slot + offsetsNatSlot.fromReal);
    if (((client | real) & NatSeen.NAT_RST) !== 0 || (client & real & NatSeen.NAT_FIN) !== 0)
      return 'nat_closed_ticks';
    if (((client | real) & NatSeen.NAT_FIN) !== 0) return 'nat_half_ticks';
    return real === 0 ? 'nat_opening_ticks' : 'nat_open_ticks';
  }
}
