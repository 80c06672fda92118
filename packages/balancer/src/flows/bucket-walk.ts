/** Walks through flow tables: some buckets at a time, and each flow in them. */
import type { ArrayMap, BpfMap } from '@weir/ebpf';
import {
  Limit,
  offsetsFallbackFlow,
  offsetsFlow,
  offsetsFlowBucket,
  offsetsFlowEnds,
  sizeofFallbackFlow,
  sizeofFlow,
  sizeofFlowAddresses,
  sizeofFlowBucket,
  sizeofFlowEnds,
} from '../generated/balancer.js';
import type { FlowHash } from './flow-hash.js';
import { kindShift, type RawFlow, setWords } from './raw-flow.js';

/** Buckets that are read at a time: 64 kB, and 96 kB of addresses. */
export const BUCKETS_AT_A_TIME = 512;

/** Where a visited flow lies. */
export interface BucketPlace {
  readonly table: ArrayMap;
  readonly index: number;
  readonly way: number;
  /** The word `real`, by which it is seen that the place still has this flow. */
  readonly word: number;
}

export interface BucketWalk {
  readonly cpu: number;
  readonly table: ArrayMap;
  /** The addresses of IPv6 flows, if the program keeps them. */
  readonly addresses: ArrayMap | undefined;
  readonly hash: FlowHash;
  /** The present tick. */
  now(): number;
}

/** Visits a CPU's flows. Yields the number of buckets of each step. */
export function* walkBuckets(
  { cpu, table, addresses, hash, now }: BucketWalk,
  flow: RawFlow,
  visit: (place: BucketPlace) => void,
): Generator<number, void, undefined> {
  const others = addresses?.lookupBatch(BUCKETS_AT_A_TIME);
  try {
    for (const { count, keys, values } of table.lookupBatch(BUCKETS_AT_A_TIME)) {
      const ends = others?.next().value ?? undefined;
      const indices = viewOf(keys);
      const buckets = viewOf(values);
      const known = ends && viewOf(ends.values);
      const tick = now();
      flow.cpu = cpu;
      for (let i = 0; i < count; i++) {
        visitBucket(i, indices.getUint32(i * 4, true), buckets, known, hash, tick, flow, table, visit);
      }
      yield count;
    }
  } finally {
    others?.return();
  }
}

function visitBucket(
  at: number,
  index: number,
  buckets: DataView,
  ends: DataView | undefined,
  hash: FlowHash,
  tick: number,
  flow: RawFlow,
  table: ArrayMap,
  visit: (place: BucketPlace) => void,
): void {
  const bucket = at * sizeofFlowBucket;
  for (let way = 0; way < Limit.FLOW_WAYS; way++) {
    const word = buckets.getUint32(bucket + offsetsFlowBucket.real + way * 4, true);
    if (word === 0) continue;
    const ports = buckets.getUint32(bucket + offsetsFlowBucket.ports + way * 4, true);
    const used = buckets.getUint32(bucket + offsetsFlowBucket.used + way * 4, true);
    setWords(flow, ports, word, tick - used, word >>> kindShift);
    const id = bucket + offsetsFlowBucket.id + way * 8;
    setEnds(flow, buckets.getUint32(id, true), buckets.getUint32(id + 4, true));
    if (flow.ipv6 && ends !== undefined) {
      const at6 = at * sizeofFlowAddresses + way * sizeofFlowEnds + offsetsFlowEnds.source;
      for (let i = 0; i < 8; i++) flow.ends[i] = ends.getUint32(at6 + i * 4, true);
      // The program writes both one after the other.
      flow.hasEnds =
        hash.low(flow.ends) === buckets.getUint32(id, true) &&
        hash.high(flow.ends) === buckets.getUint32(id + 4, true);
    }
    visit({ table, index, way, word });
  }
}

/** Sets the addresses of an IPv4 flow from its id. */
function setEnds(flow: RawFlow, low: number, high: number): void {
  flow.ends.fill(0);
  flow.hasEnds = !flow.ipv6;
  if (flow.ipv6) return;
  flow.ends[0] = low;
  flow.ends[4] = high;
}

/** Visits the flows of CPUs without a table. Yields the number of entries of each step. */
export function* walkFallback(
  map: BpfMap,
  now: () => number,
  flow: RawFlow,
  visit: (key: Uint8Array) => void,
): Generator<number, void, undefined> {
  for (const { count, keys, values } of map.lookupBatch(BUCKETS_AT_A_TIME)) {
    const flows = viewOf(keys);
    const places = viewOf(values);
    const tick = now();
    flow.cpu = undefined;
    for (let i = 0; i < count; i++) {
      const key = i * sizeofFlow;
      const value = i * sizeofFallbackFlow;
      const real = places.getUint32(value + offsetsFallbackFlow.real, true);
      const used = places.getUint32(value + offsetsFallbackFlow.used, true);
      const kind = flows.getUint32(key + offsetsFlow.kind, true) >>> kindShift;
      setWords(flow, flows.getUint32(key + offsetsFlow.ports, true), real, tick - used, kind);
      const id = key + offsetsFlow.id;
      setEnds(flow, flows.getUint32(id, true), flows.getUint32(id + 4, true));
      visit(keys.slice(key, key + sizeofFlow));
    }
    yield count;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
