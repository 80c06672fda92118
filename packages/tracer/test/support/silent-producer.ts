/**
 * Events in a perf buffer from a program that ignores what bpf_perf_event_output returns, as it has to where the kernel
 * returns 0 whatever happens.
 */
import { type BpfMap, createMap, MapType, PerCpuMap, ProgramType } from '@weir/ebpf';
import {
  assemble,
  attr,
  bpf,
  Command,
  Fd,
  insn,
  monotonicNs,
  possibleCpus,
  progLoadAttr,
} from '@weir/ebpf/sys';
import { offsetsTcpEvent, sizeofStatistics, sizeofTcpEvent } from '../../src/generated/tcp.js';
import { openEventRing } from '../../src/stream/event-ring.js';
import { EventStream } from '../../src/stream/event-stream.js';
import { FollowedClock } from '../../src/stream/followed-clock.js';
import { type LossCounters, Losses } from '../../src/stream/losses.js';

const helper = { mapLookup: 1, ktimeGetNs: 5, getSmpProcessorId: 8, perfEventOutput: 25 };
const BPF_F_TEST_RUN_ON_CPU = 1;

/** A raw tracepoint program: counts an event of kind 0 as produced, and outputs it. */
function loadProgram(statistics: BpfMap, events: BpfMap): Fd {
  const at = -sizeofTcpEvent;
  const words = Array.from({ length: sizeofTcpEvent / 8 }, (_, index) => insn.store64(10, at + 8 * index, 7));
  const instructions = assemble(
    insn.mov(6, 1),
    insn.movImmediate(7, 0),
    ...words,
    // The first word of the event is 0, which is the key.
    insn.loadMapFd(1, statistics.fd),
    insn.mov(2, 10),
    insn.addImmediate(2, at),
    insn.call(helper.mapLookup),
    insn.jumpIfZero(0, 13 + 2),
    insn.movImmediate(1, 1),
    insn.atomicAdd64(0, 0, 1),
    insn.call(helper.getSmpProcessorId),
    insn.store(4, 10, at + offsetsTcpEvent.cpu, 0),
    insn.call(helper.ktimeGetNs),
    insn.store64(10, at + offsetsTcpEvent.timeNs, 0),
    insn.mov(1, 6),
    insn.loadMapFd(2, events.fd),
    insn.mov32Immediate(3, -1 /* BPF_F_CURRENT_CPU */),
    insn.mov(4, 10),
    insn.addImmediate(4, at),
    insn.movImmediate(5, sizeofTcpEvent),
    insn.call(helper.perfEventOutput),
    insn.movImmediate(0, 0),
    insn.exit(),
  );
  const log = new Uint8Array(65_536);
  return new Fd(
    bpf(Command.progLoad, progLoadAttr({ progType: ProgramType.rawTracepoint, instructions, log })),
  );
}

/** A stream of such events. */
export class SilentProducer implements Disposable {
  readonly losses: Losses;
  readonly stream: EventStream;
  readonly #statistics: PerCpuMap;
  readonly #events: BpfMap;
  readonly #program: Fd;
  /** Events output so far. */
  produced = 0;

  /** @param bytesPerCpu Of each perf ring. */
  constructor(bytesPerCpu: number, cpus: number) {
    const common = { keySize: 4, flags: 0 };
    const statistics = createMap({
      ...{ name: 'statistics', type: MapType.percpuArray },
      ...{ ...common, valueSize: sizeofStatistics, maxEntries: 1 },
    });
    if (!(statistics instanceof PerCpuMap)) throw new Error('not a per-CPU map');
    this.#statistics = statistics;
    this.#events = createMap({
      ...{ name: 'events', type: MapType.perfEventArray },
      ...{ ...common, valueSize: 4, maxEntries: possibleCpus().length },
    });
    this.#program = loadProgram(statistics, this.#events);
    const collection = {
      map: () => statistics,
      programs: new Map(),
    } as unknown as LossCounters['collection'];
    const ring = openEventRing(this.#events, bytesPerCpu * cpus);
    const clock = new FollowedClock();
    this.losses = new Losses(
      { collection, fds: { missedRuns: 0 } },
      undefined,
      clock.wall,
      ring,
      Number(monotonicNs()),
    );
    this.stream = new EventStream(ring, clock, this.losses);
    this.stream.hasReader = true;
  }

  /** Outputs events on one CPU (5.10). */
  produce(cpu: number, count: number): void {
    const run = attr('progTestRun', { progFd: this.#program.fd, flags: BPF_F_TEST_RUN_ON_CPU, cpu });
    for (let index = 0; index < count; index++) bpf(Command.progTestRun, run);
    this.produced += count;
  }

  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]();
    this.#program[Symbol.dispose]();
    this.#events[Symbol.dispose]();
    this.#statistics[Symbol.dispose]();
  }
}
