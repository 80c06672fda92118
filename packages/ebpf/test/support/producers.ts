/** Programs that fill a ring buffer or perf event array with numbered, time-stamped records. */

import { type Instruction, insn } from '../../src/insn/assembler.js';
import type { ArrayMap } from '../../src/map/array.js';
import type { BpfMap } from '../../src/map/map.js';
import { createMap } from '../../src/map/open.js';
import type { Fd } from '../../src/sys/fd.js';
import { Helper } from '../../src/uapi/helper-functions.js';
import { MapType } from '../../src/uapi/map-types.js';
import { ProgramType } from '../../src/uapi/program-types.js';
import { loadProgram, runOnCpu, runSocketFilter } from './assemble.js';

const counterMap = {
  name: 'counters',
  type: MapType.array,
  keySize: 4,
  valueSize: 16,
  maxEntries: 1,
  flags: 0,
};

/** Every record starts with its number from 1 and its time, 8 bytes each. */
abstract class Producer implements Disposable {
  protected readonly counters: ArrayMap = createMap(counterMap) as ArrayMap;
  protected abstract readonly program: Fd;

  #counter(offset: number): number {
    const value = this.counters.get(0);
    return Number(new DataView(value.buffer).getBigUint64(offset, true));
  }

  /** How often the program ran. */
  get produced(): number {
    return this.#counter(0);
  }

  /** How often it found no room. */
  get dropped(): number {
    return this.#counter(8);
  }

  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
    this.counters[Symbol.dispose]();
  }
}

/** r7 = address of the counters; r8 = the record's number. */
function takeNumber(countersFd: number): Instruction[] {
  return [
    insn.loadMapValue(7, countersFd, 0),
    insn.load64(8, 7, 0),
    insn.addImmediate(8, 1),
    insn.store64(7, 0, 8),
  ];
}

/** A socket filter (one CPU at a time) that reserves, stamps, and submits or discards. */
export class RingProducer extends Producer {
  protected readonly program: Fd;

  constructor(ring: BpfMap, recordSize: number, options: { discard?: boolean; flags?: number } = {}) {
    super();
    this.program = loadProgram(ProgramType.socketFilter, [
      ...takeNumber(this.counters.fd),
      insn.loadMapFd(1, ring.fd),
      insn.movImmediate(2, recordSize),
      insn.movImmediate(3, 0),
      insn.call(Helper.ringbufReserve),
      insn.jumpIfZero(0, 9),
      insn.mov(6, 0),
      insn.store64(6, 0, 8),
      insn.call(Helper.ktimeGetNs),
      insn.store64(6, 8, 0),
      insn.mov(1, 6),
      insn.movImmediate(2, options.flags ?? 0),
      insn.call(options.discard === true ? Helper.ringbufDiscard : Helper.ringbufSubmit),
      insn.movImmediate(0, 0),
      insn.exit(),
      insn.movImmediate(1, 1),
      insn.atomicAdd64(7, 8, 1),
      insn.movImmediate(0, 0),
      insn.exit(),
    ]);
  }

  /** The program's descriptor, for running it on another thread. */
  get fd(): Fd {
    return this.program;
  }

  produce(count: number): void {
    runSocketFilter(this.program, count);
  }
}

/** A raw tracepoint program that outputs 16 bytes into the running CPU's perf ring. */
export class PerfProducer extends Producer {
  protected readonly program: Fd;

  constructor(array: BpfMap) {
    super();
    this.program = loadProgram(ProgramType.rawTracepoint, [
      insn.mov(6, 1),
      ...takeNumber(this.counters.fd),
      insn.store64(10, -16, 8),
      insn.call(Helper.ktimeGetNs),
      insn.store64(10, -8, 0),
      insn.mov(1, 6),
      insn.loadMapFd(2, array.fd),
      insn.mov32Immediate(3, -1 /* BPF_F_CURRENT_CPU */),
      insn.mov(4, 10),
      insn.addImmediate(4, -16),
      insn.movImmediate(5, 16),
      insn.call(Helper.perfEventOutput),
      insn.jumpIfZero(0, 2),
      insn.movImmediate(1, 1),
      insn.atomicAdd64(7, 8, 1),
      insn.movImmediate(0, 0),
      insn.exit(),
    ]);
  }

  produce(cpu: number, count: number): void {
    for (let index = 0; index < count; index++) runOnCpu(this.program, cpu);
  }
}
