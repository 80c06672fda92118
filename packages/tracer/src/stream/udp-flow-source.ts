/** UDP flows in the tracer's stream: counted in the kernel, emitted when they are over. */

import type { Btf } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import { inInitialPidNamespace } from '../enrich/pid-namespace.js';
import type { FilteredProcesses } from '../hooks/filtered-processes.js';
import type { TraceFilter, TracerOptions, UdpOptions } from '../options.js';
import type { UdpFlowRecord } from '../records/record.js';
import type { HookChoice } from '../report.js';
import type { UdpCounter, UdpFlow, UdpFlowEnd } from '../sockets/index.js';
import { startUdp } from '../sockets/start-udp.js';
import { UdpHolders } from '../sockets/udp-holders.js';
import type { WallClock } from './clock.js';
import { flowFilter } from './flow-filter.js';
import type { RecordSource } from './record-source.js';
import { udpFlowRecord } from './udp-record.js';

/** The longest interval between two readings of all flows: a reading takes a moment even if there are few. */
const INTERVAL_MS = 1_000;
/** The shortest interval, where flows are idle sooner. */
const SHORTEST_INTERVAL_MS = 50;
const IDLE_MS = 30_000;

export class UdpFlowSource implements RecordSource, Disposable {
  readonly choice: HookChoice;
  readonly #counter: UdpCounter;
  readonly #clock: WallClock;
  /** Undefined where the programs run in the process that sends or receives, or /proc shows other process ids than theirs. */
  readonly #holders: UdpHolders | undefined;
  readonly #passes: (flow: UdpFlow) => boolean;
  readonly #intervalNs: number;
  #collectedNs = 0;
  /** Flows that were emitted. */
  emitted = 0;
  lostDatagrams = 0;

  /**
   * Counts from now on.
   *
   * @throws OptionError for options that make no sense; UnsupportedError where the kernel has no way to count UDP; the errors
   * of loading and attaching.
   */
  constructor(
    btf: Btf,
    options: TracerOptions,
    filter: TraceFilter,
    clock: WallClock,
    filtered: FilteredProcesses,
  ) {
    const { idleMs = IDLE_MS }: UdpOptions = typeof options.udp === 'object' ? options.udp : {};
    if (!(idleMs > 0)) throw new OptionError(`idleMs is ${idleMs}: expected milliseconds above 0`);
    this.#passes = flowFilter(filter, (pid, atNs) => filtered.isMeant(pid, atNs));
    this.#clock = clock;
    this.#intervalNs = Math.max(SHORTEST_INTERVAL_MS, Math.min(INTERVAL_MS, idleMs / 2)) * 1e6;
    const { counter, choice } = startUdp(btf, {
      ...(options.features !== undefined && { features: options.features }),
      ...(options.maxConnections !== undefined && { maxFlows: options.maxConnections }),
      idleMs,
    });
    this.#counter = counter;
    this.choice = choice;
    this.#holders = counter.namesUsers || !inInitialPidNamespace() ? undefined : new UdpHolders();
  }

  /** Program runs that the kernel skipped. */
  get missedRuns(): number {
    return this.#counter.missedRuns;
  }

  /** Stops counting. */
  detach(): void {
    this.#counter.detach();
  }

  records(nowNs: number, last: boolean): readonly UdpFlowRecord[] {
    if (!last && nowNs - this.#collectedNs < this.#intervalNs) return [];
    this.#collectedNs = nowNs;
    const { live, ended, lost } = this.#counter.collect();
    this.lostDatagrams = lost.datagrams;
    const records = this.#withHolders(live, ended)
      .filter(({ flow }) => this.#passes(flow))
      .map((end) => udpFlowRecord(end, this.#clock, nowNs));
    this.emitted += records.length;
    return records;
  }

  #withHolders(live: readonly UdpFlow[], ended: readonly UdpFlowEnd[]): readonly UdpFlowEnd[] {
    const holders = this.#holders;
    if (holders === undefined) return ended;
    // As they are known so far: by now, their sockets are closed.
    const closed = ended.filter(({ closed_by }) => closed_by === 'local');
    const corrected = new Map(closed.map(({ flow }) => [flow, holders.correct(flow)]));
    const idle = ended.filter(({ closed_by }) => closed_by === 'idle');
    holders.update([...live, ...idle.map(({ flow }) => flow)]);
    return ended.map((end) => ({ ...end, flow: corrected.get(end.flow) ?? holders.correct(end.flow) }));
  }

  [Symbol.dispose](): void {
    this.#counter[Symbol.dispose]();
  }
}
