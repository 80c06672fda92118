/** The services, in the program's tables. */
import type { ArrayMap, BpfMap, Globals } from '@weir/ebpf';
import { type Prefix, parsePrefix } from './address.js';
import type { CpuCounters, Traffic } from './counters.js';
import { encode, encodeNumber } from './encode.js';
import { sizeofAddressPrefix, VipKind, writeAddressPrefix } from './generated/balancer.js';
import type { BalancerPrograms } from './programs.js';
import type { KnownReal, RealRegistry } from './real-registry.js';
import { type Service, type ServiceSpec, serviceName, servicePrefixKey, serviceWord } from './service.js';
import { type Member, vipRecord } from './vip-record.js';
import { VipSlots } from './vip-slots.js';

/** A service as it is served now. */
export interface ServedService {
  readonly service: Service;
  readonly spec: ServiceSpec;
  readonly number: number;
  readonly members: readonly Member[];
}

/** A change of a service, ready to be made: nothing of it can be refused any more. */
interface Prepared {
  readonly served: ServedService;
  readonly before: ServedService | undefined;
  readonly record: Uint8Array;
}

/** The key of a prefix in `vip_addresses` and `source_routes`. */
export function addressPrefixKey({ words, ipv6, bits }: Prefix): Uint8Array {
  const value = { prefixBits: 32 + bits, ipv6: Number(ipv6), address: words };
  return encode(sizeofAddressPrefix, writeAddressPrefix, value);
}

export class ServiceTable {
  readonly #programs: BalancerPrograms;
  readonly #counters: CpuCounters;
  readonly #reals: RealRegistry;
  readonly #slots: VipSlots;
  readonly #prefixes: BpfMap;
  readonly #addresses: BpfMap;
  readonly #globals: Globals;
  readonly #served = new Map<string, ServedService>();
  readonly #freeNumbers: number[] = [];
  #unused = 0;

  constructor(programs: BalancerPrograms, counters: CpuCounters, reals: RealRegistry) {
    this.#programs = programs;
    this.#counters = counters;
    this.#reals = reals;
    this.#slots = new VipSlots(programs.collection.map('vip_slots') as ArrayMap);
    this.#prefixes = programs.collection.map('vip_prefixes');
    this.#addresses = programs.collection.map('vip_addresses');
    this.#globals = programs.collection.globals;
  }

  all(): ServedService[] {
    return [...this.#served.values()];
  }

  get(service: Service): ServedService | undefined {
    return this.#served.get(serviceName(service));
  }

  byNumber(number: number): ServedService | undefined {
    return this.all().find((served) => served.number === number);
  }

  traffic({ number }: ServedService): Traffic {
    return this.#counters.vip(number);
  }

  /**
   * Adds services, or puts others in their places. If one of them makes no sense, none is changed.
   *
   * @throws RangeError
   */
  set(changes: readonly (readonly [Service, ServiceSpec])[]): void {
    const prepared: Prepared[] = [];
    const names = changes.map(([service]) => serviceName(service));
    if (new Set(names).size < names.length) throw new RangeError('a service is there twice');
    try {
      for (const [service, spec] of changes) prepared.push(this.#prepare(service, spec));
    } catch (error) {
      for (const { served, before } of prepared) {
        for (const { real } of served.members) this.#reals.release(real);
        if (before === undefined) this.#freeNumbers.push(served.number);
      }
      throw error;
    }
    for (const change of prepared) this.#make(change);
  }

  remove(service: Service): boolean {
    const served = this.get(service);
    if (served === undefined) return false;
    this.#served.delete(serviceName(service));
    const prefix = parsePrefix(service.address);
    if (prefix.whole) this.#slots.remove(prefix, serviceWord(service, prefix));
    else this.#prefixes.delete(servicePrefixKey(service, prefix));
    if (!this.#hasAddress(prefix)) this.#addresses.delete(addressPrefixKey(prefix));
    this.#setKinds();
    this.#programs.removeVip(served.number);
    for (const { real } of served.members) this.#reals.release(real);
    this.#freeNumbers.push(served.number);
    return true;
  }

  #hasAddress(prefix: Prefix): boolean {
    const name = addressPrefixKey(prefix).join(' ');
    return this.all().some(
      ({ service }) => addressPrefixKey(parsePrefix(service.address)).join(' ') === name,
    );
  }

  #prepare(service: Service, spec: ServiceSpec): Prepared {
    const before = this.get(service);
    const prefix = parsePrefix(service.address);
    const members: Member[] = [];
    try {
      for (const { address, weight = 1, local = false, down = false } of spec.reals) {
        const real = this.#reals.hold(address, local);
        members.push({ real, weight, down });
        checkReal(real, prefix, members);
      }
      if (
        before === undefined &&
        prefix.whole &&
        !this.#slots.hasRoom(prefix, serviceWord(service, prefix))
      ) {
        throw new RangeError(`${service.address}: too many services whose addresses share a hash`);
      }
      const record = vipRecord(spec, members);
      const number = before?.number ?? this.#takeNumber();
      return { served: { service, spec, number, members }, before, record };
    } catch (error) {
      for (const { real } of members) this.#reals.release(real);
      throw error;
    }
  }

  #make({ served, before, record }: Prepared): void {
    const { service, number } = served;
    this.#programs.replaceVip(number, record);
    this.#served.set(serviceName(service), served);
    if (before !== undefined) {
      for (const { real } of before.members) this.#reals.release(real);
      return;
    }
    this.#counters.clearVip(number);
    const prefix = parsePrefix(service.address);
    this.#addresses.update(addressPrefixKey(prefix), encodeNumber(1));
    if (prefix.whole) this.#slots.add(prefix, serviceWord(service, prefix), number);
    else this.#prefixes.update(servicePrefixKey(service, prefix), encodeNumber(number));
    this.#setKinds();
  }

  /** Tells the program which tables hold anything. */
  #setKinds(): void {
    const services = this.all().map(({ service }) => service);
    const hasPrefix = services.some(({ address }) => !parsePrefix(address).whole);
    const hasAnyPort = services.some(({ port }) => port === 0);
    const kinds = (hasPrefix ? VipKind.VIPS_WITH_PREFIX : 0) | (hasAnyPort ? VipKind.VIPS_WITH_ANY_PORT : 0);
    this.#globals.write('vip_kinds', kinds);
  }

  #takeNumber(): number {
    const number = this.#freeNumbers.shift();
    if (number !== undefined) return number;
    const { maxEntries } = this.#programs.collection.map('vips');
    if (this.#unused < maxEntries) return this.#unused++;
    throw new RangeError(`more than ${maxEntries} services`);
  }
}

function checkReal(real: KnownReal, prefix: Prefix, members: readonly Member[]): void {
  if (prefix.ipv6 && !real.ipv6 && !real.local) {
    throw new RangeError(`real ${real.address}: IPv6 does not go through an IPv4 tunnel`);
  }
  if (members.filter((member) => member.real === real).length > 1) {
    throw new RangeError(`real ${real.address} is there twice`);
  }
}
