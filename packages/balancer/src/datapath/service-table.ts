/** The program's tables of services. */

import { isDeepStrictEqual } from 'node:util';
import type { ArrayMap, BpfMap } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import { type KeyPrefix, keyPrefix } from '../address.js';
import { addressPrefixKey } from '../address-prefix.js';
import { sizeofVip, VipKind } from '../generated/balancer.js';
import type { Pending, SavedServices } from '../lifecycle/state.js';
import type { NatTable } from '../nat/nat-table.js';
import {
  flagsOf,
  type Service,
  type ServiceSpec,
  serviceName,
  servicePrefixKey,
  serviceWord,
} from '../service.js';
import { type ServiceProblem, serviceProblems, translationProblems } from '../service-rules.js';
import type { CpuCounters, Traffic } from './counters.js';
import { encodeNumber } from './encode.js';
import type { BalancerPrograms, SharedGlobals } from './programs.js';
import type { RealRegistry } from './real-registry.js';
import { RingCache } from './rings/ring-cache.js';
import { keptWeights, type Member, ringInputs, writeVipRecord } from './vip-record.js';
import { VipSlots } from './vip-slots.js';

/** A service with its number and reals. */
export interface ServedService {
  readonly service: Service;
  readonly spec: ServiceSpec;
  readonly number: number;
  readonly members: readonly Member[];
  /**
   * Where all reals have weight 0: the members' weights in the last ring, which stays. Undefined elsewhere, and where
   * no real of the last ring is left.
   */
  readonly kept: readonly number[] | undefined;
}

/** A checked change of a service, which can no longer be refused. */
interface Prepared {
  readonly served: ServedService;
  readonly before: ServedService | undefined;
}

/** Which of the program's tables are new and must be filled. */
export interface FreshTables {
  readonly vips: boolean;
  readonly lookup: boolean;
}

/** A record takes a descriptor until the program has it, and the kernel waits for running programs once for these. */
const RECORDS_AT_A_TIME = 256;

export class ServiceTable {
  readonly #programs: BalancerPrograms;
  readonly #counters: CpuCounters;
  readonly #reals: RealRegistry;
  readonly #nat: NatTable | undefined;
  readonly #slots: VipSlots;
  readonly #prefixes: BpfMap;
  readonly #addresses: BpfMap;
  readonly #globals: SharedGlobals;
  readonly #served = new Map<string, ServedService>();
  readonly #pending = new Map<string, Pending>();
  readonly #freeNumbers: number[] = [];
  readonly #rings = new RingCache();
  readonly #save: () => void;
  #unused = 0;

  /**
   * @param nat Undefined if services cannot have `forwarding: 'nat'`.
   * @param save Saves the result of {@link save}. Called before each change of the program's tables, and after it.
   */
  constructor(
    programs: BalancerPrograms,
    counters: CpuCounters,
    reals: RealRegistry,
    nat: NatTable | undefined,
    save: () => void,
  ) {
    this.#nat = nat;
    this.#save = save;
    this.#programs = programs;
    this.#counters = counters;
    this.#reals = reals;
    this.#slots = new VipSlots(programs.collection.map('vip_slots') as ArrayMap);
    this.#prefixes = programs.collection.map('vip_prefixes');
    this.#addresses = programs.collection.map('vip_addresses');
    this.#globals = programs.globals;
  }

  all(): ServedService[] {
    return [...this.#served.values()];
  }

  get(service: Service): ServedService | undefined {
    return this.#served.get(serviceName(service));
  }

  byNumber(number: number): ServedService | undefined {
    for (const served of this.#served.values()) if (served.number === number) return served;
    return undefined;
  }

  traffic({ number }: ServedService): Traffic {
    return this.#counters.vip(number);
  }

  /**
   * Adds or replaces services. If one is refused, none is changed.
   *
   * @throws OptionError
   */
  set(changes: readonly (readonly [Service, ServiceSpec])[]): void {
    const prepared: Prepared[] = [];
    const services = changes.map(([service, spec]) => ({ ...service, ...spec }));
    refuse(serviceProblems(services), translationProblems(services, this.#nat?.sources));
    this.#keepAddresses(services);
    try {
      for (const [service, spec] of changes) prepared.push(this.#prepare(service, spec));
    } catch (error) {
      for (const { served, before } of prepared) {
        for (const { real } of served.members) this.#reals.release(real);
        if (before === undefined) this.#freeNumbers.push(served.number);
      }
      throw error;
    }
    const changed: ServedService[] = [];
    for (const { served, before } of prepared) {
      const { service, number } = served;
      const name = serviceName(service);
      const isWritten = before !== undefined && !this.#pending.has(name) && haveOneRecord(before, served);
      if (isWritten) {
        this.#served.set(name, served);
        continue;
      }
      changed.push(served);
      const isNew = before === undefined || this.#pending.get(name)?.isNew === true;
      this.#served.set(name, served);
      this.#pending.set(name, { service, number, isNew });
    }
    this.#save();
    this.#make(changed);
    for (const { before } of prepared) this.#release(before);
    this.#save();
  }

  /** Removes those of the services that there are, and returns their number. */
  remove(services: readonly Service[]): number {
    const removed = [...new Set(services.flatMap((service) => this.get(service) ?? []))];
    if (removed.length === 0) return 0;
    for (const { service, number } of removed) {
      const name = serviceName(service);
      this.#served.delete(name);
      this.#pending.set(name, { service, number, isNew: false });
    }
    this.#save();
    this.#unmake(removed);
    for (const served of removed) this.#release(served);
    this.#save();
    return removed.length;
  }

  save(): SavedServices {
    return {
      served: this.all().map(({ service, spec, number, kept }) => ({
        ...{ service, spec, number },
        ...(kept !== undefined && { kept }),
      })),
      pending: [...this.#pending.values()],
    };
  }

  /** Restores an earlier process's table, and completes changes that it may have left incomplete. */
  restore(saved: SavedServices, fresh: FreshTables): void {
    for (const { service, spec, number, kept } of saved.served) {
      refuse(translationProblems([{ ...service, ...spec }], this.#nat?.sources));
      const members = spec.reals.map(({ address, port, weight = 1, local = false, down = false }) => ({
        real: this.#reals.hold(address, local, port),
        weight,
        down,
      }));
      this.#served.set(serviceName(service), { service, spec, number, members, kept });
    }
    this.#keepAddresses(saved.served.map(({ service, spec }) => ({ ...service, ...spec })));
    for (const pending of saved.pending) this.#pending.set(serviceName(pending.service), pending);
    const numbers = new Set([...saved.served, ...saved.pending].map(({ number }) => number));
    this.#unused = Math.max(-1, ...numbers) + 1;
    for (let number = 0; number < this.#unused; number++) {
      if (!numbers.has(number)) this.#freeNumbers.push(number);
    }
    this.#unmake([...this.#pending.values()].filter(({ service }) => this.get(service) === undefined));
    const isMissing = ({ service }: ServedService) =>
      fresh.vips || fresh.lookup || this.#pending.has(serviceName(service));
    this.#make(this.all().filter(isMissing));
    this.#setKinds();
  }

  /** Flows of tunnelled IPv6 services are listed with their addresses. */
  #keepAddresses(services: readonly (Service & ServiceSpec)[]): void {
    const isKept = ({ address, forwarding, flags = [] }: Service & ServiceSpec) =>
      address.includes(':') && forwarding !== 'nat' && !flags.includes('noFlowTable');
    if (services.some(isKept)) this.#programs.keepAddresses();
  }

  #prepare(service: Service, spec: ServiceSpec): Prepared {
    const before = this.get(service);
    const prefix = keyPrefix(service.address);
    const members: Member[] = [];
    try {
      for (const { address, port, weight = 1, local = false, down = false } of spec.reals) {
        members.push({ real: this.#reals.hold(address, local, port), weight, down });
      }
      if (
        before === undefined &&
        prefix.whole &&
        !this.#slots.hasRoom(prefix, serviceWord(service, prefix))
      ) {
        throw new OptionError(`${service.address}: too many services whose addresses share a hash`);
      }
      const kept = keptWeights(before, members);
      const number = before?.number ?? this.#takeNumber();
      return { served: { service, spec, number, members, kept }, before };
    } catch (error) {
      for (const { real } of members) this.#reals.release(real);
      throw error;
    }
  }

  /** Writes services to the program's tables, which may have parts of them. */
  #make(services: readonly ServedService[]): void {
    using _ = this.#rings.expect(services.map((served) => ringInputs(served.spec, weightedMembers(served))));
    for (let from = 0; from < services.length; from += RECORDS_AT_A_TIME) {
      const some = services.slice(from, from + RECORDS_AT_A_TIME);
      this.#programs.replaceVips(this.#recordsOf(some));
      for (const served of some) this.#enter(served);
    }
    this.#setKinds();
    for (const { service } of services) this.#pending.delete(serviceName(service));
  }

  /** Records that share their memory: new memory for each would take longer than to fill it. */
  *#recordsOf(services: readonly ServedService[]): Generator<readonly [number: number, record: Uint8Array]> {
    const record = new Uint8Array(sizeofVip);
    for (const served of services) {
      writeVipRecord(record, served.spec, weightedMembers(served), this.#rings);
      yield [served.number, record];
    }
  }

  /** Has the program find a service whose record it has. */
  #enter({ service, number }: ServedService): void {
    if (this.#pending.get(serviceName(service))?.isNew === true) this.#counters.clearVip(number);
    const prefix = keyPrefix(service.address);
    this.#addresses.update(addressPrefixKey(prefix), encodeNumber(1));
    if (prefix.whole) this.#slots.add(prefix, serviceWord(service, prefix), number);
    else this.#prefixes.update(servicePrefixKey(service, prefix), encodeNumber(number));
  }

  /** Removes services from the program's tables, which may lack parts of them. */
  #unmake(services: readonly { readonly service: Service; readonly number: number }[]): void {
    if (services.length === 0) return;
    const addresses = new Set(this.all().map(({ service }) => addressName(keyPrefix(service.address))));
    for (const { service } of services) {
      const prefix = keyPrefix(service.address);
      if (prefix.whole) this.#slots.remove(prefix, serviceWord(service, prefix));
      else this.#prefixes.delete(servicePrefixKey(service, prefix));
      if (!addresses.has(addressName(prefix))) this.#addresses.delete(addressPrefixKey(prefix));
    }
    this.#setKinds();
    this.#programs.removeVips(services.map(({ number }) => number));
    for (const { service, number } of services) {
      this.#freeNumbers.push(number);
      this.#pending.delete(serviceName(service));
    }
  }

  #release(served: ServedService | undefined): void {
    for (const { real } of served?.members ?? []) this.#reals.release(real);
  }

  /** Sets the kinds of VIPs, so that the program does not search empty tables. */
  #setKinds(): void {
    const services = this.all().map(({ service }) => service);
    const hasPrefix = services.some(({ address }) => !keyPrefix(address).whole);
    const hasAnyPort = services.some(({ port }) => port === 0);
    const kinds = (hasPrefix ? VipKind.VIPS_WITH_PREFIX : 0) | (hasAnyPort ? VipKind.VIPS_WITH_ANY_PORT : 0);
    this.#globals.write('vip_kinds', kinds);
  }

  #takeNumber(): number {
    const number = this.#freeNumbers.shift();
    if (number !== undefined) return number;
    const { maxEntries } = this.#programs.collection.map('vips');
    if (this.#unused < maxEntries) return this.#unused++;
    throw new OptionError(`more than ${maxEntries} services`);
  }
}

/** The members with the weights that their ring has. */
function weightedMembers({ members, kept }: ServedService): readonly Member[] {
  return kept === undefined ? members : members.map((each, i) => ({ ...each, weight: kept[i]! }));
}

function addressName(prefix: KeyPrefix): string {
  return addressPrefixKey(prefix).join(' ');
}

/** Whether two states of a service give the same record, which takes milliseconds to make. */
function haveOneRecord(one: ServedService, other: ServedService): boolean {
  const parts = ({ spec, members, kept }: ServedService) => [
    flagsOf(spec),
    spec.ringVersion,
    members.map(({ real: { number, seed }, weight, down }) => [number, seed, weight, down]),
    kept,
  ];
  return isDeepStrictEqual(parts(one), parts(other));
}

/** @throws OptionError with the first problem. */
function refuse(...problems: readonly (readonly ServiceProblem[])[]): void {
  const [first] = problems.flat();
  if (first !== undefined) throw new OptionError(first.message);
}
