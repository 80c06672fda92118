/** The program's tables of translated flows. */
import type { ArrayMap, Collection } from '@weir/ebpf';
import { monotonicNs } from '@weir/ebpf/sys';
import type { KeyAddress } from '../address.js';
import { encode, encodeNumber } from '../datapath/encode.js';
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

export class NatTable {
  readonly #settings: NatSettings;
  readonly #slots: DataView;

  /** Writes the balancer's own addresses into the program's tables. */
  constructor(collection: Collection, settings: NatSettings) {
    this.#settings = settings;
    const memory = (collection.map('nat_slots') as ArrayMap).memory(false);
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

  /** Counts the flows, by going through all slots. */
  status(): NatStatus {
    const { slots, first } = this.#settings;
    const now = Number(monotonicNs() / BigInt(TICK_NS));
    const kindOf = (index: number) => first.findLastIndex((start) => index >= start);
    let active = 0;
    for (let index = 0; index < slots; index++) {
      if (this.#isActive(index * sizeofNatSlot, kindOf(index), now)) active++;
    }
    return { active, ports: slots };
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
