/** Reading perf event arrays: a ring for every CPU, for kernels without the ring buffer (4.4). */
import { constants } from 'node:os';
import { EbpfError, SyscallError } from '../errors.js';
import { DescriptorMap } from '../map/descriptor-map.js';
import type { BpfMap } from '../map/map.js';
import { onlineCpus } from '../sys/cpus.js';
import { Readiness, type WaitOptions } from '../sys/epoll.js';
import { Fd } from '../sys/fd.js';
import { Mapping, pageSize } from '../sys/memory.js';
import { PerfSample, PerfSoftware, PerfType, perfEventOpenRaw } from '../sys/perf-event-open.js';
import { MapType, mapTypeName } from '../uapi/map-types.js';
import { type OnSample, PerfRingWalker } from './perf-ring.js';

const { ENODEV } = constants.errno;
const defaultLimit = 65_536;

/** Options of {@link PerfBufferReader}. */
export interface PerfBufferOptions {
  /** Bytes of each CPU's ring, rounded up to a power of two of pages; 64 KiB by default. */
  readonly bytesPerCpu?: number;
  /** Wakes the reader after so many samples on one CPU; 1 by default. */
  readonly wakeupEvents?: number;
  /** Wakes the reader after so many bytes on one CPU, instead. */
  readonly wakeupBytes?: number;
}

/** Counts of a {@link PerfBufferReader}. */
export interface PerfStatistics {
  /** Samples delivered. */
  readonly records: number;
  /** Their bytes, padding included. */
  readonly bytes: number;
  /** Samples that the kernel dropped because a ring was full. */
  readonly lost: number;
}

/** One CPU's event and ring. */
class CpuRing implements Disposable {
  readonly walker: PerfRingWalker;
  readonly #event: Fd;
  readonly #mapping: Mapping;

  constructor(event: Fd, cpu: number, length: number) {
    this.#event = event;
    this.#mapping = new Mapping(event.fd, { length, writable: true, what: `the perf ring of CPU ${cpu}` });
    this.walker = new PerfRingWalker(this.#mapping.buffer, pageSize(), cpu);
  }

  get fd(): number {
    return this.#event.fd;
  }

  [Symbol.dispose](): void {
    this.walker.stop();
    this.#mapping[Symbol.dispose]();
    this.#event[Symbol.dispose]();
  }
}

/**
 * The consumer of a perf event array (4.4). Puts an event into the map's slot of every online CPU, and takes
 * them out again when disposed of. Samples of one CPU come in their order; across CPUs see
 * {@link TimeOrderer}.
 *
 * A CPU that goes offline keeps its ring until it is read. The kernel ends the event of such a CPU, so for CPUs that came
 * online since, call {@link addOnlineCpus}, also for those that were there before.
 *
 * `addOnlineCpus`, `drain`, `drainUntil` and `wait` throw EbpfError after disposal.
 */
export class PerfBufferReader implements Disposable {
  readonly #map: DescriptorMap;
  readonly #options: PerfBufferOptions;
  readonly #rings = new Map<number, CpuRing>();
  /** CPUs that have a ring and were offline when last looked at. */
  readonly #offline = new Set<number>();
  /** Rings of CPUs that went offline and came back, until they are read to their end. */
  readonly #retired: CpuRing[] = [];
  /** Counts of the rings that are gone, by CPU. */
  readonly #past = new Map<number, PerfStatistics>();
  readonly #readiness: Readiness;
  #nextRing = 0;
  #disposed = false;

  /**
   * @param map must stay open until the reader is disposed of.
   * @throws SyscallError; EbpfError for a map of another kind.
   */
  constructor(map: BpfMap, options: PerfBufferOptions = {}) {
    if (map.type !== MapType.perfEventArray || !(map instanceof DescriptorMap)) {
      const wanted = mapTypeName(MapType.perfEventArray);
      throw new EbpfError(`map ${map.name} is a ${mapTypeName(map.type)}, not a ${wanted}`);
    }
    this.#map = map;
    this.#options = options;
    this.#readiness = new Readiness();
    try {
      this.addOnlineCpus();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** An epoll descriptor that becomes readable, edge-triggered, when a ring wakes the reader. */
  get epollFd(): number {
    return this.#readiness.fd;
  }

  /** The CPUs that have a ring. */
  get cpus(): number[] {
    return [...this.#rings.keys()];
  }

  /**
   * Opens rings for CPUs that are online and have none, or that were offline at an earlier call; returns how many.
   *
   * @throws SyscallError
   */
  addOnlineCpus(): number {
    this.#check();
    let added = 0;
    const online = new Set(onlineCpus());
    for (const cpu of this.#rings.keys()) if (!online.has(cpu)) this.#offline.add(cpu);
    for (const cpu of online) {
      if (cpu >= this.#map.maxEntries || (this.#rings.has(cpu) && !this.#offline.has(cpu))) continue;
      if (this.#addCpu(cpu)) added++;
    }
    return added;
  }

  #addCpu(cpu: number): boolean {
    const { wakeupBytes, wakeupEvents, bytesPerCpu } = this.#options;
    const wakeup =
      wakeupBytes === undefined ? { wakeupEvents: wakeupEvents ?? 1 } : { wakeupWatermark: wakeupBytes };
    const result = perfEventOpenRaw({
      type: PerfType.software,
      config: PerfSoftware.bpfOutput,
      sampleType: PerfSample.raw,
      samplePeriod: 1,
      cpu,
      ...wakeup,
    });
    // The CPU went offline since the list was read.
    if (result === -ENODEV) return false;
    if (result < 0) throw new SyscallError(`perf_event_open of the output of CPU ${cpu}`, -result);
    const event = new Fd(result);
    let ring: CpuRing;
    try {
      ring = new CpuRing(event, cpu, pageSize() + ringBytes(bytesPerCpu ?? 65_536));
    } catch (error) {
      event[Symbol.dispose]();
      throw error;
    }
    const previous = this.#rings.get(cpu);
    if (previous !== undefined) this.#retired.push(previous);
    this.#offline.delete(cpu);
    this.#rings.set(cpu, ring);
    this.#readiness.add(ring.fd);
    this.#map.setFd(cpu, ring.fd);
    return true;
  }

  /** Samples that the kernel dropped because a ring was full: on one CPU or on all. */
  lost(cpu?: number): number {
    if (cpu === undefined) return this.statistics.lost;
    let lost = this.#past.get(cpu)?.lost ?? 0;
    for (const { walker } of this.#all()) if (walker.cpu === cpu) lost += walker.lost;
    return lost;
  }

  *#all(): Iterable<CpuRing> {
    yield* this.#retired;
    yield* this.#rings.values();
  }

  /** Counts since the reader was made. */
  get statistics(): PerfStatistics {
    let sum: PerfStatistics = { records: 0, bytes: 0, lost: 0 };
    for (const past of this.#past.values()) sum = add(sum, past);
    for (const { walker } of this.#all()) sum = add(sum, countsOf(walker));
    return sum;
  }

  /** Bytes written and not yet consumed, on all CPUs. */
  available(): number {
    let bytes = 0;
    for (const { walker } of this.#all()) bytes += walker.head() - walker.tail;
    return bytes;
  }

  /**
   * Hands out the samples that are there, at most `limit`, ring by ring. Does not wait. The ring it starts with changes
   * from call to call, so that a busy CPU does not shut out the others.
   *
   * @returns how many samples were handed out.
   */
  drain(onSample: OnSample, limit: number = defaultLimit): number {
    this.#check();
    const rings = [...this.#all()];
    const first = this.#nextRing++;
    let delivered = 0;
    for (let index = 0; index < rings.length && delivered < limit; index++) {
      const { walker } = rings[(first + index) % rings.length]!;
      delivered += walker.drain(onSample, limit - delivered, Number.POSITIVE_INFINITY);
    }
    this.#endRetired();
    return delivered;
  }

  /** Where each CPU's ring stands, for {@link drainUntil}: what is written later does not count. */
  positions(): ReadonlyMap<number, number> {
    return new Map([...this.#rings].map(([cpu, ring]) => [cpu, ring.walker.head()]));
  }

  /**
   * Hands out the samples before the given positions, at most `limit`.
   *
   * @returns whether they were all handed out. If not, call again.
   */
  drainUntil(
    positions: ReadonlyMap<number, number>,
    onSample: OnSample,
    limit: number = defaultLimit,
  ): boolean {
    this.#check();
    let left = limit;
    let complete = true;
    for (const { walker } of this.#retired) {
      left -= walker.drain(onSample, left, Number.POSITIVE_INFINITY);
      if (walker.ready()) complete = false;
    }
    this.#endRetired();
    for (const [cpu, { walker }] of this.#rings) {
      const end = positions.get(cpu) ?? 0;
      left -= walker.drain(onSample, left, end);
      if (walker.tail < end) complete = false;
    }
    return complete;
  }

  /** Closes the rings of the past that are read to their end. */
  #endRetired(): void {
    for (let index = this.#retired.length - 1; index >= 0; index--) {
      const ring = this.#retired[index]!;
      const { walker } = ring;
      // The callback of a drain may have disposed of the reader.
      if (this.#disposed || walker.ready()) continue;
      this.#retired.splice(index, 1);
      const past = this.#past.get(walker.cpu) ?? { records: 0, bytes: 0, lost: 0 };
      this.#past.set(walker.cpu, add(past, countsOf(walker)));
      ring[Symbol.dispose]();
    }
  }

  /**
   * Resolves to true once a sample can be drained, to false at the timeout, at the abort or when the reader is disposed
   * of, if there is none. At least one turn of the event loop passes.
   */
  wait(options: WaitOptions = {}): Promise<boolean> {
    this.#check();
    return this.#readiness.wait(() => this.#ready(), options);
  }

  #ready(): boolean {
    if (this.#disposed) return false;
    for (const { walker } of this.#all()) if (walker.ready()) return true;
    return false;
  }

  #check(): void {
    if (this.#disposed) throw new EbpfError('the perf buffer reader was already disposed of');
  }

  /** Empties the map's slots, ends a wait under way and closes the rings. Records that were not drained are dropped. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#readiness[Symbol.dispose]();
    for (const cpu of this.#rings.keys()) this.#map.clear(cpu);
    for (const ring of this.#all()) ring[Symbol.dispose]();
  }
}

function countsOf({ samples, sampleBytes, lost }: PerfRingWalker): PerfStatistics {
  return { records: samples, bytes: sampleBytes, lost };
}

function add(a: PerfStatistics, b: PerfStatistics): PerfStatistics {
  return { records: a.records + b.records, bytes: a.bytes + b.bytes, lost: a.lost + b.lost };
}

/** A ring's size: a power of two of pages. */
function ringBytes(wanted: number): number {
  let size = pageSize();
  while (size < wanted && size < 2 ** 30) size *= 2;
  return size;
}
