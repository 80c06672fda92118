/** Resumes an earlier process's balancer: its counters, services, reals and flows. */
import type { ArrayMap } from '@weir/ebpf';
import { type CpuCounters, cpuViews } from '../datapath/counters.js';
import type { BalancerPrograms } from '../datapath/programs.js';
import type { Tables } from '../datapath/tables.js';
import type { PreviousInstance } from './previous-instance.js';

/** Resumes an earlier process's balancer. @throws OptionError if the tables have no room for its entries. */
export function resume(previous: PreviousInstance, programs: BalancerPrograms, tables: Tables): void {
  copyCounters(previous, programs, tables.counters);
  tables.restore(previous, programs.reused);
  copyEntries(previous, programs);
}

/** Copies the earlier program's counters, if the map of counters is a new one. */
function copyCounters(previous: PreviousInstance, programs: BalancerPrograms, counters: CpuCounters): void {
  if (programs.reused.has('cpus')) return;
  using old = previous.openMap('cpus') as ArrayMap | undefined;
  if (old === undefined) return;
  const layout = previous.state.counters;
  counters.copyFrom(cpuViews(old, old.maxEntries - 1, layout.size), layout);
}

/** Copies the entries of tables that nobody else restores, if their maps are new ones. */
function copyEntries(previous: PreviousInstance, { reused, collection }: BalancerPrograms): void {
  for (const name of ['fallback_flows', 'global_flows', 'tunnel_ends']) {
    if (reused.has(name)) continue;
    const map = collection.map(name);
    using old = previous.openMap(name);
    if (old === undefined || old.keySize !== map.keySize || old.valueSize !== map.valueSize) continue;
    for (const [key, value] of old.entries()) map.update(key, value);
  }
}
