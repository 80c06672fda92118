/** Goes on where an earlier process stopped: with its counters, services, reals and flows. */
import type { ArrayMap } from '@weir/ebpf';
import { type CpuCounters, cpuViews } from '../datapath/counters.js';
import type { BalancerPrograms } from '../datapath/programs.js';
import type { Tables } from '../datapath/tables.js';
import type { Heritage } from './previous-instance.js';

/** Goes on where the earlier process stopped. @throws OptionError if there is no room for what it had */
export function takeOver(heritage: Heritage, programs: BalancerPrograms, tables: Tables): void {
  takeOverCounters(heritage, programs, tables.counters);
  tables.restore(heritage, programs.taken);
  takeOverEntries(heritage, programs);
}

/** Goes on counting where the earlier process's program stopped, if that counted in another map. */
function takeOverCounters(heritage: Heritage, programs: BalancerPrograms, counters: CpuCounters): void {
  if (programs.taken.has('cpus')) return;
  using old = heritage.openMap('cpus') as ArrayMap | undefined;
  if (old === undefined) return;
  const layout = heritage.state.counters;
  counters.copyFrom(cpuViews(old, old.maxEntries - 1, layout.size), layout);
}

/** Moves the entries of tables that belong to nobody else, where they are other maps than they were. */
function takeOverEntries(heritage: Heritage, { taken, collection }: BalancerPrograms): void {
  for (const name of ['fallback_flows', 'global_flows', 'tunnel_ends']) {
    if (taken.has(name)) continue;
    const map = collection.map(name);
    using old = heritage.openMap(name);
    if (old === undefined || old.keySize !== map.keySize || old.valueSize !== map.valueSize) continue;
    for (const [key, value] of old.entries()) map.update(key, value);
  }
}
