/** The program's tables of services and reals, and their restoration by the next process. */

import type { ArrayMap, BpfMap } from '@weir/ebpf';
import { keyPrefix } from '../address.js';
import { addressPrefixKey, prefixOfKey } from '../address-prefix.js';
import type { PreviousInstance } from '../lifecycle/previous-instance.js';
import type { SavedTables } from '../lifecycle/state.js';
import { MAX_SERVER_ID, within } from '../limits.js';
import type { NatSettings } from '../nat/nat-options.js';
import { NatTable } from '../nat/nat-table.js';
import type { ServerId, SourceRoute } from '../status.js';
import { CpuCounters } from './counters.js';
import { encodeNumber } from './encode.js';
import type { HandleTable } from './handle-table.js';
import { IdSlots } from './id-slots.js';
import type { BalancerPrograms } from './programs.js';
import { type KnownReal, RealRegistry } from './real-registry.js';
import { RealTable } from './real-table.js';
import { ServiceTable } from './service-table.js';
import { recordFormat } from './vip-record.js';

export class Tables {
  readonly counters: CpuCounters;
  readonly reals: RealRegistry;
  readonly services: ServiceTable;
  /** Undefined without translation of addresses. */
  readonly nat: NatTable | undefined;
  readonly #serverIds: RealTable;
  readonly #sourceRoutes: RealTable;
  readonly #idSlots: HandleTable;
  readonly #routes: BpfMap;
  readonly #save: () => void;

  /** @param save Saves the result of {@link saved}. Called before the program can act upon a change, and after it. */
  constructor(programs: BalancerPrograms, save: () => void, nat?: NatSettings) {
    const { collection } = programs;
    this.#save = save;
    this.counters = new CpuCounters(programs.cpuViews());
    this.reals = new RealRegistry(collection.map('reals') as ArrayMap, (number) =>
      this.counters.clearReal(number),
    );
    this.nat = nat && new NatTable(collection, nat);
    this.services = new ServiceTable(programs, this.counters, this.reals, this.nat, save);
    this.#idSlots = new IdSlots(collection.map('id_slots') as ArrayMap);
    this.#routes = collection.map('source_routes');
    const onHeld = () => this.#saveReals();
    this.#serverIds = new RealTable(this.#idSlots, this.reals, onHeld);
    this.#sourceRoutes = new RealTable(this.#routes, this.reals, onHeld);
  }

  /** The state for the next process. */
  saved(): SavedTables {
    return { reals: this.reals.save(), services: this.services.save() };
  }

  /**
   * Restores an earlier process's tables, and completes the changes that it may have left incomplete.
   *
   * @param reused Names of the maps that are that process's own.
   */
  restore(previous: PreviousInstance, reused: ReadonlySet<string>): void {
    const { state } = previous;
    this.reals.restore(state.reals, !reused.has('reals'));
    this.services.restore(state.services, {
      vips: !reused.has('vips') || state.recordFormat !== recordFormat,
      lookup: !['vip_slots', 'vip_prefixes', 'vip_addresses'].every((name) => reused.has(name)),
    });
    const slotsOf = (map: BpfMap) => new IdSlots(map as ArrayMap);
    previous.withTable('id_slots', reused, this.#idSlots, slotsOf, (table) => this.#serverIds.restore(table));
    previous.withTable(
      'source_routes',
      reused,
      this.#routes,
      (map) => map,
      (table) => this.#sourceRoutes.restore(table),
    );
    this.reals.releaseUnheld();
  }

  /** Reals to which packets may go directly: those of direct services, and those that ids and routes name for them. */
  directReals(): KnownReal[] {
    const services = this.services.all().filter(({ spec }) => spec.forwarding === 'direct');
    if (services.length === 0) return [];
    const members = services.flatMap((served) => served.members.map(({ real }) => real));
    const named = [...this.#serverIds.all(), ...this.#sourceRoutes.all()].flatMap(
      ({ address, port }) => this.reals.find(address, port) ?? [],
    );
    return [...new Set([...members, ...named])].filter(({ local }) => !local);
  }

  /** @throws OptionError */
  setServerId(id: number, address: string | undefined, port = 0): void {
    within('server id', id, 1, MAX_SERVER_ID);
    this.#serverIds.set(encodeNumber(id), address, port);
    this.#saveReals();
  }

  serverIds(): ServerId[] {
    const idOf = (key: Uint8Array) => new DataView(key.buffer, key.byteOffset).getUint32(0, true);
    return this.#serverIds.all().map(({ key, ...real }) => ({ id: idOf(key), ...real }));
  }

  /** @throws OptionError */
  setSourceRoute(prefix: string, address: string | undefined, port = 0): void {
    this.#sourceRoutes.set(addressPrefixKey(keyPrefix(prefix)), address, port);
    this.#saveReals();
  }

  sourceRoutes(): SourceRoute[] {
    return this.#sourceRoutes.all().map(({ key, ...real }) => ({ prefix: prefixOfKey(key), ...real }));
  }

  /** Saves if numbers of reals were assigned or released. */
  #saveReals(): void {
    if (this.reals.takeChanged()) this.#save();
  }
}
