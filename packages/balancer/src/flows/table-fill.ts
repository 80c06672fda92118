/** How full the program's tables are. Large ones are estimated from a sample. */
import type { ArrayMap, BpfMap } from '@weir/ebpf';
import type { BalancerPrograms } from '../datapath/programs.js';
import type { Tables } from '../datapath/tables.js';
import { Limit, offsetsFlowBucket } from '../generated/balancer.js';
import type { TableName, TableStatus } from '../status.js';

/** Buckets of all flow tables, and slots of translated flows, that are looked at. */
const SAMPLES = 1024;
/** A table is counted as a whole up to this size. */
const MOST_COUNTED = 65_536;

export function tableStatuses(programs: BalancerPrograms, tables: Tables): TableStatus[] {
  const map = (name: string) => programs.collection.map(name);
  const exact = (name: TableName, used: number, size: number) => ({ name, used, size, estimated: false });
  return [
    exact('vips', tables.services.all().length, map('vips').maxEntries),
    // Number 0 means none.
    exact('reals', tables.reals.all().length, map('reals').maxEntries - 1),
    exact('server-ids', tables.serverIds().length, map('id_slots').maxEntries),
    exact('source-routes', tables.sourceRoutes().length, map('source_routes').maxEntries),
    flowTables(programs),
    ...counted('fallback-flows', map('fallback_flows')),
    ...counted('global-flows', map('global_flows')),
    ...translated(tables),
  ];
}

/** A table whose entries the kernel evicts; none if it is too large to be counted each time. */
function counted(name: TableName, map: BpfMap): TableStatus[] {
  if (map.maxEntries > MOST_COUNTED) return [];
  let used = 0;
  for (const { count } of map.lookupBatch()) used += count;
  return [{ name, used, size: map.maxEntries, estimated: false }];
}

function flowTables({ flowTables: { all }, buckets }: BalancerPrograms): TableStatus {
  const looks = Math.min(buckets, Math.max(16, Math.ceil(SAMPLES / Math.max(1, all.size))));
  const places = buckets * Limit.FLOW_WAYS;
  let used = 0;
  for (const table of all.values()) used += sampledShare(table, buckets, looks) * places;
  return { name: 'flows', used: Math.round(used), size: all.size * places, estimated: looks < buckets };
}

/** Share of a flow table's places that are in use, 0 to 1. */
function sampledShare(table: ArrayMap, buckets: number, looks: number): number {
  let used = 0;
  for (let i = 0; i < looks; i++) {
    const bytes = table.get(looks === buckets ? i : Math.floor(Math.random() * buckets));
    const bucket = new DataView(bytes.buffer, bytes.byteOffset);
    for (let way = 0; way < Limit.FLOW_WAYS; way++) {
      if (bucket.getUint32(offsetsFlowBucket.real + way * 4, true) !== 0) used++;
    }
  }
  return used / (looks * Limit.FLOW_WAYS);
}

function translated({ nat }: Tables): TableStatus[] {
  if (nat === undefined) return [];
  const used = Math.round(nat.sampledShare(SAMPLES) * nat.slots);
  return [{ name: 'nat', used, size: nat.slots, estimated: nat.slots > SAMPLES }];
}
