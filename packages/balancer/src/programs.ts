/** The balancer's kernel object: loaded for a set of options, with a flow table for each CPU. */
import {
  type ArrayMap,
  Collection,
  type CollectionSpec,
  createMap,
  type DescriptorMap,
  type MapSpec,
  possibleCpus,
} from '@weir/ebpf';
import { sizeofCpu } from './generated/balancer.js';
import { readObject } from './objects.js';
import {
  type BalancerOptions,
  bucketsPerCpu,
  forwardingCpus,
  serverIdSlots,
  setConstants,
  within,
} from './options.js';

/** What fits the bits that a flow table has for a real's number. */
const MAX_REALS = 16_384;

/** Programs and maps. Disposing unloads all that nothing else holds. */
export class BalancerPrograms implements Disposable {
  readonly collection: Collection;
  /** Elements of `cpus`, without the one for runs that are not counted. */
  readonly cpuCount: number;
  readonly #vip: MapSpec;

  /** @throws RangeError for options that make no sense; the errors of {@link Collection.load}. */
  constructor(options: BalancerOptions) {
    const spec = readObject('balancer.bpf.o');
    this.cpuCount = Math.max(...possibleCpus()) + 1;
    this.#vip = { ...innerMap(spec, 'vips'), name: 'vip' };
    const table: MapSpec = {
      ...innerMap(spec, 'flow_tables'),
      name: 'flows',
      maxEntries: bucketsPerCpu(options),
    };
    spec.maps.get('flow_tables')!.innerMap = table;
    setConstants(spec, options, this.cpuCount);
    this.collection = Collection.load(spec, {
      maxEntries: {
        cpus: this.cpuCount + 1,
        captures: this.cpuCount,
        flow_tables: this.cpuCount,
        fallback_flows: options.fallbackFlows ?? 1024,
        reals: within('maxReals', options.maxReals ?? MAX_REALS, 2, MAX_REALS),
        id_slots: serverIdSlots(options),
        source_routes: options.maxSourceRoutes ?? 65_536,
        global_flows: options.maxGlobalFlows ?? 65_536,
      },
    });
    try {
      const tables = this.collection.map('flow_tables') as DescriptorMap;
      for (const cpu of forwardingCpus(options)) {
        using flows = createMap(table);
        tables.setFd(cpu, flows.fd);
      }
    } catch (error) {
      this.collection[Symbol.dispose]();
      throw error;
    }
  }

  /** Each CPU's counters, in memory that the program writes to: one view an element of `cpus`. */
  cpuViews(): DataView[] {
    const memory = (this.collection.map('cpus') as ArrayMap).memory(true);
    return Array.from(
      { length: this.cpuCount },
      (_, cpu) => new DataView(memory.buffer, memory.byteOffset + cpu * sizeofCpu, sizeofCpu),
    );
  }

  /** Puts a record in a VIP's place: packets see the old one or the new one. */
  replaceVip(number: number, record: Uint8Array): void {
    using fresh = createMap(this.#vip) as ArrayMap;
    fresh.set(0, record);
    (this.collection.map('vips') as DescriptorMap).setFd(number, fresh.fd);
  }

  removeVip(number: number): void {
    (this.collection.map('vips') as DescriptorMap).clear(number);
  }

  [Symbol.dispose](): void {
    this.collection[Symbol.dispose]();
  }
}

function innerMap(spec: CollectionSpec, name: string): MapSpec {
  return spec.maps.get(name)!.innerMap!;
}
