/** Goes on where an earlier process stopped: with its counters, services, reals and flows. */
import type { ArrayMap } from '@weir/ebpf';
import { type CpuCounters, cpuViews } from '../datapath/counters.js';
import type { BalancerPrograms } from '../datapath/programs.js';
import type { Tables } from '../datapath/tables.js';
import type { PreviousInstance } from './previous-instance.js';

/** Goes on where the earlier process stopped. @throws OptionError if there is no room for what it had */
export function resume(previous: PreviousInstance, programs: BalancerPrograms, tables: Tables): void {
  resumeCounters(previous, programs, tables.counters);
  tables.restore(previous, programs.reused);
  moveEntries(previous, programs);
}

/** Goes on counting where the earlier process's program stopped, if that counted in another map. */
function resumeCounters(previous: PreviousInstance, programs: BalancerPrograms, counters: CpuCounters): void {
  if (programs.reused.has('cpus')) return;
  using old = previous.openMap('cpus') as ArrayMap | undefined;
  if (old === undefined) return;
  const layout = previous.state.counters;
  counters.copyFrom(cpuViews(old, old.maxEntries - 1, layout.size), layout);
}

/** Moves the entries of tables that belong to nobody else, where they are other maps than they were. */
function moveEntries(previous: PreviousInstance, { reused, collection }: BalancerPrograms): void {
  for (const name of ['fallback_flows', 'global_flows', 'tunnel_ends']) {
    if (reused.has(name)) continue;
    const map = collection.map(name);
    using old = previous.openMap(name);
    if (old === undefined || old.keySize !== map.keySize || old.valueSize !== map.valueSize) continue;
    for (const [key, value] of old.entries()) map.update(key, value);
  }
}
