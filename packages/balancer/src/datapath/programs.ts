/** The balancer's kernel object, loaded for a set of options, with a flow table for each CPU. */
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import {
  type ArrayMap,
  type BpfMap,
  Collection,
  type CollectionSpec,
  createMap,
  type DescriptorMap,
  type MapSpec,
  OptionError,
  type Program,
  SyscallError,
  setGlobal,
} from '@weir/ebpf';
import { possibleCpus } from '@weir/ebpf/sys';
import { macBytes } from '../address.js';
import { globals, sizeofCpu } from '../generated/balancer.js';
import { isKept, isShared, type PreviousInstance } from '../lifecycle/previous-instance.js';
import type { SavedKnowledge, SavedState, SavedTables } from '../lifecycle/state.js';
import { hasSlotsOf } from '../nat/nat-options.js';
import { isNatTable, natMaxEntries } from '../nat/nat-table.js';
import type { RouterHop } from '../next-hop/router.js';
import type { BalancerSettings } from '../settings.js';
import { setConstants } from './constants.js';
import { counterLayout, cpuViews } from './counters.js';
import { CpuTables } from './cpu-tables.js';
import { readObject } from './objects.js';
import { recordFormat } from './vip-record.js';

/** Programs and maps. Disposing of it unloads those that nothing else holds. */
export class BalancerPrograms implements Disposable {
  /** The first device's programs and all maps. */
  readonly collection: Collection;
  readonly globals: SharedGlobals;
  /** Elements of `cpus`, without the element for runs that are not counted. */
  readonly cpuCount: number;
  readonly buckets: number;
  readonly secrets: Uint8Array;
  /** Names of the maps that the previous instance had, too. */
  readonly reused: ReadonlySet<string>;
  /** The flow tables. */
  readonly flowTables: CpuTables;
  /** Addresses of IPv6 flows; there are none until {@link keepAddresses}. */
  readonly flowAddresses: CpuTables;
  readonly #collections: Collection[] = [];
  #explain: Collection | undefined;
  readonly #spec: CollectionSpec;
  readonly #entry: string;
  readonly #vip: MapSpec;
  readonly #cpus: readonly number[];
  /** CPUs for which the addresses of IPv6 flows may be kept. */
  readonly #addressedCpus: readonly number[];
  readonly #owned: BpfMap[] = [];

  /**
   * @param previous The earlier process's balancer, whose maps are reused.
   * @throws OptionError for settings that would lose flows; errors of {@link Collection.load}.
   */
  constructor(settings: BalancerSettings, previous: PreviousInstance | undefined) {
    const spec = readObject('balancer.bpf.o');
    this.#spec = spec;
    this.#entry = settings.callsNext ? 'balance_then_next' : 'balance';
    this.cpuCount = Math.max(...possibleCpus()) + 1;
    this.#vip = { ...spec.maps.get('vips')!.innerMap!, name: 'vip' };
    const old = previous?.state;
    const asBefore = old !== undefined && old.flows === settings.flows;
    this.buckets = asBefore ? old.buckets : settings.bucketsPerCpu;
    const maxEntries = this.#maxEntries(settings);
    if (old !== undefined) checkKept(old, this.buckets, settings);
    this.secrets =
      old === undefined
        ? randomFillSync(new Uint8Array(globals.flowSecrets.size))
        : Buffer.from(old.secrets, 'hex');
    this.#cpus = settings.cpus;
    const flows = sizeTables(spec, 'flow_tables', 'flows', this.buckets);
    const addresses = sizeTables(spec, 'flow_addresses', 'addresses', this.buckets);
    setConstants(spec, settings, {
      buckets: this.buckets,
      secrets: this.secrets,
      uncountedCpu: this.cpuCount,
    });
    try {
      const replaceMaps = previous === undefined ? {} : this.#reuseMaps(previous, settings, maxEntries);
      this.reused = new Set(Object.keys(replaceMaps));
      this.#load(settings, maxEntries, replaceMaps);
      this.collection = this.#collections[0]!;
      this.globals = new SharedGlobals(this.#collections);
      this.flowTables = this.#openTables('flow_tables', flows, this.#cpus);
      this.flowTables.fill(this.#cpus);
      this.#addressedCpus = settings.flowAddresses ? this.#cpus : [];
      this.flowAddresses = this.#openTables('flow_addresses', addresses, this.#addressedCpus);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The program for a device, by the device's index. */
  program(device: number): Program {
    return this.#collections[device]!.program(this.#entry);
  }

  /** The program that only explains. It is loaded at the first use. */
  get explain(): Program {
    this.#explain ??= Collection.load(this.#spec, {
      programs: ['explain'],
      replaceMaps: Object.fromEntries(this.collection.maps),
    });
    return this.#explain.program('explain');
  }

  /** The state that the next process needs to load programs for the same maps. */
  saved({ flows, nat }: BalancerSettings): Omit<SavedKnowledge, 'routerMacs' | keyof SavedTables> {
    const outer = [...this.#spec.maps.values()].filter(({ innerMap }) => innerMap !== undefined);
    return {
      flows,
      nat: nat?.name,
      buckets: this.buckets,
      counters: counterLayout,
      recordFormat,
      secrets: Buffer.from(this.secrets).toString('hex'),
      innerSizes: Object.fromEntries(outer.map(({ name, innerMap }) => [name, innerMap!.valueSize])),
    };
  }

  /** Sets the next hop of a device, by the device's index. */
  setRouter({ mac, exit }: RouterHop, device: number): void {
    const to = macBytes(mac);
    this.globals.write('router_mac_front', to.subarray(0, 4), device);
    this.globals.write('router_mac_back', to.subarray(4), device);
    if (exit === undefined) return;
    const from = macBytes(exit.mac);
    this.globals.write('router_source_front', from.subarray(0, 2), device);
    this.globals.write('router_source_back', from.subarray(2), device);
    this.globals.write('router_interface', exit.ifindex, device);
  }

  /** Each CPU's counters, in memory to which the program writes. */
  cpuViews(): DataView[] {
    return cpuViews(this.collection.map('cpus') as ArrayMap, this.cpuCount, sizeofCpu);
  }

  /**
   * Replaces VIPs' records: packets see the old one or the new one. At each change of such a table the kernel waits for all
   * programs that run, once for all changes of a batch since 6.8.
   *
   * @param records Each is used before the next one is asked for, so that they may share their memory.
   */
  replaceVips(records: Iterable<readonly [number: number, record: Uint8Array]>): void {
    const numbers: number[] = [];
    const fresh: ArrayMap[] = [];
    try {
      for (const [number, record] of records) {
        const map = createMap(this.#vip) as ArrayMap;
        fresh.push(map);
        map.set(0, record);
        numbers.push(number);
      }
      this.#putVips(numbers, fresh);
    } finally {
      for (const map of fresh) map[Symbol.dispose]();
    }
  }

  /**
   * Removes VIPs' records. The kernel waits at each removal, and it removes one at a time; so several get one record without
   * reals instead, until their numbers are assigned again.
   */
  removeVips(numbers: readonly number[]): void {
    const [only] = numbers;
    if (only !== undefined && numbers.length === 1) {
      (this.collection.map('vips') as DescriptorMap).clear(only);
      return;
    }
    const none = createMap(this.#vip);
    try {
      this.#putVips(
        numbers,
        numbers.map(() => none),
      );
    } finally {
      none[Symbol.dispose]();
    }
  }

  /** Pins the programs, and all maps that outlive this process, in an empty folder. */
  pin(folder: string): void {
    for (const spec of this.#spec.maps.values()) {
      if (isKept(spec)) this.collection.map(spec.name).pin(join(folder, spec.name));
    }
    for (const [i, collection] of this.#collections.entries()) {
      collection.program(this.#entry).pin(join(folder, `program_${i}`));
    }
  }

  /** Has the program keep the addresses of IPv6 flows, for those who list flows, as far as there is memory for them. */
  keepAddresses(): void {
    try {
      this.flowAddresses.fill(this.#addressedCpus);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.flowTables?.[Symbol.dispose]();
    this.flowAddresses?.[Symbol.dispose]();
    this.#explain?.[Symbol.dispose]();
    for (const collection of this.#collections.splice(0).reverse()) collection[Symbol.dispose]();
    for (const map of this.#owned.splice(0)) map[Symbol.dispose]();
  }

  #putVips(numbers: readonly number[], records: readonly BpfMap[]): void {
    const keys = Uint32Array.from(numbers);
    const descriptors = Uint32Array.from(records, ({ fd }) => fd);
    this.collection.map('vips').updateBatch(new Uint8Array(keys.buffer), new Uint8Array(descriptors.buffer));
  }

  #maxEntries(settings: BalancerSettings): Record<string, number> {
    const { nat, maxReals } = settings;
    return {
      ...(nat && natMaxEntries(nat, maxReals, this.cpuCount)),
      cpus: this.cpuCount + 1,
      captures: this.cpuCount,
      new_flows: this.cpuCount,
      peer_flows: Math.max(1, settings.syncFlows),
      flow_tables: this.cpuCount,
      flow_addresses: this.cpuCount,
      fallback_flows: settings.fallbackFlows,
      reals: maxReals,
      direct_hops: maxReals,
      id_slots: settings.serverIdSlots,
      source_routes: settings.maxSourceRoutes,
      global_flows: settings.maxGlobalFlows,
    };
  }

  #reuseMaps(
    previous: PreviousInstance,
    { nat }: BalancerSettings,
    maxEntries: Record<string, number>,
  ): Record<string, BpfMap> {
    const reused: Record<string, BpfMap> = {};
    for (const spec of this.#spec.maps.values()) {
      if (!isKept(spec)) continue;
      const isOfOtherFlows = isFlowTable(spec.name) && previous.state.buckets !== this.buckets;
      const isOfOtherNat = isNatTable(spec.name) && !hasSlotsOf(previous.state.nat, nat);
      const map =
        isOfOtherFlows || isOfOtherNat
          ? undefined
          : previous.openFitting(spec, maxEntries[spec.name] ?? spec.maxEntries);
      if (map === undefined) continue;
      this.#owned.push(map);
      reused[spec.name] = map;
    }
    return reused;
  }

  #load(
    { devices, nextHop }: BalancerSettings,
    maxEntries: Record<string, number>,
    reused: Record<string, BpfMap>,
  ): void {
    const places = devices.length > 0 ? devices : [nextHop];
    const setPlace = (place: number) =>
      setGlobal(this.#spec, 'use_router_device', places[place]!.routerInterface !== undefined);
    setPlace(0);
    for (const name of ['balance', 'balance_then_next', 'explain']) {
      this.#spec.programs.get(name)!.autoload = name === this.#entry;
    }
    const first = Collection.load(this.#spec, { maxEntries, replaceMaps: reused });
    this.#collections.push(first);
    const shared = [...first.maps].filter(([name]) => isShared(this.#spec.maps.get(name)!));
    const replaceMaps = Object.fromEntries(shared);
    for (let i = 1; i < places.length; i++) {
      setPlace(i);
      this.#collections.push(Collection.load(this.#spec, { programs: [this.#entry], replaceMaps }));
    }
  }

  /** The tables of an array of maps, with those that an earlier process has left. */
  #openTables(name: string, spec: MapSpec, cpus: readonly number[]): CpuTables {
    const tables = new CpuTables(this.collection.map(name), spec);
    if (this.reused.has(name)) tables.resume(cpus, this.cpuCount);
    return tables;
  }
}

function isFlowTable(name: string): boolean {
  return name === 'flow_tables' || name === 'flow_addresses';
}

/** Sets the size of the tables in an array of maps; returns their shape. */
function sizeTables(spec: CollectionSpec, outer: string, name: string, maxEntries: number): MapSpec {
  const inner = { ...spec.maps.get(outer)!.innerMap!, name, maxEntries };
  spec.maps.get(outer)!.innerMap = inner;
  return inner;
}

/** Refuses settings that would lose flows. @throws OptionError */
function checkKept(old: SavedState, buckets: number, settings: BalancerSettings): void {
  const { forgetFlows, flows, nat, maxReals } = settings;
  if (old.buckets !== buckets && !forgetFlows) {
    throw new OptionError(
      `flows ${flows ?? 'by default'}: the flow tables in use are for ${old.flows ?? 'the default'}; ` +
        'new tables would forget all known flows (forgetFlows allows it)',
    );
  }
  if (old.nat !== undefined && !hasSlotsOf(old.nat, nat) && !forgetFlows) {
    throw new OptionError(
      `nat: the translated flows in use have the sources and ports ${old.nat}; others would end them ` +
        '(forgetFlows allows it)',
    );
  }
  const highest = Math.max(0, ...old.reals.held.map(({ number }) => number));
  if (highest >= maxReals) throw new OptionError(`maxReals ${maxReals}: real number ${highest} is in use`);
}

/** Global variables of all devices' programs. */
export class SharedGlobals {
  readonly #collections: readonly Collection[];

  constructor(collections: readonly Collection[]) {
    this.#collections = collections;
  }

  /** Sets a variable for all devices, or for one. */
  write(name: string, value: number | bigint | Uint8Array, device?: number): void {
    const meant = device === undefined ? this.#collections : [this.#collections[device]!];
    for (const { globals } of meant) globals.write(name, value);
  }

  /** Reads a variable of the first device's programs. */
  read(name: string): Uint8Array {
    return this.#collections[0]!.globals.read(name);
  }
}
