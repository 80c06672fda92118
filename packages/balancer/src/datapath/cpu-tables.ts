/** Tables of which each CPU has its own. */
import {
  type ArrayMap,
  type BpfMap,
  createMap,
  type DescriptorMap,
  type MapSpec,
  mapFromId,
} from '@weir/ebpf';

/** The tables in an array of maps, by CPU number, and their descriptors. */
export class CpuTables implements Disposable {
  readonly #outer: DescriptorMap;
  readonly #spec: MapSpec;
  readonly #tables = new Map<number, ArrayMap>();

  /** @param spec The shape of a table. */
  constructor(outer: BpfMap, spec: MapSpec) {
    this.#outer = outer as DescriptorMap;
    this.#spec = spec;
  }

  /** The CPUs that have a table, and their tables. */
  get all(): ReadonlyMap<number, ArrayMap> {
    return this.#tables;
  }

  /**
   * Keeps the tables of these CPUs that an earlier process has left, if they have the right size. Others are removed.
   *
   * @param count Elements of the outer array.
   */
  resume(cpus: readonly number[], count: number): void {
    for (let cpu = 0; cpu < count; cpu++) {
      const id = this.#outer.lookupId(cpu);
      if (id === undefined) continue;
      const table = cpus.includes(cpu) ? mapFromId(id) : undefined;
      if (table?.maxEntries === this.#spec.maxEntries) {
        this.#tables.set(cpu, table as ArrayMap);
        continue;
      }
      table?.[Symbol.dispose]();
      this.#outer.clear(cpu);
    }
  }

  /** Gives a table to each of these CPUs that has none. @throws SyscallError if there is no memory. */
  fill(cpus: readonly number[]): void {
    for (const cpu of cpus) {
      if (this.#tables.has(cpu)) continue;
      const table = createMap(this.#spec) as ArrayMap;
      this.#tables.set(cpu, table);
      this.#outer.setFd(cpu, table.fd);
    }
  }

  /** Removes a CPU's table; returns whether it had one. */
  clear(cpu: number): boolean {
    this.#tables.get(cpu)?.[Symbol.dispose]();
    this.#tables.delete(cpu);
    return this.#outer.clear(cpu);
  }

  /** Closes the descriptors; the program keeps the tables. */
  [Symbol.dispose](): void {
    for (const table of this.#tables.values()) table[Symbol.dispose]();
    this.#tables.clear();
  }
}
