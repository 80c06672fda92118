/**
 * Nanoseconds that an XDP program takes for a packet. BPF_PROG_TEST_RUN hands a program its own output in the second round, so
 * a prologue puts the packet back and varies the flow, and then tail-calls. What that costs is subtracted: where the measured
 * program adds a header or removes one, its own part is the adding or removing, not the putting back.
 */
import { readFileSync } from 'node:fs';
import { type ArrayMap, Collection, type DescriptorMap, type Program, parseObject } from '@weir/ebpf';

const OBJECT = new URL('../../../../packages/balancer/bpf/measure.bpf.o', import.meta.url);
/** Bytes of each frame. */
export const FRAME = 128;

/** Packets of a measurement: one frame with other sources. */
export interface PacketSample {
  readonly frame: Uint8Array;
  /** A power of two, to 2^32. */
  readonly flows: number;
  /** Odd; decides the order of flows. */
  readonly order: number;
  /** Where in the frame the 32 bits are to which a flow's number is added. */
  readonly sourceOffset: number;
}

export class ProgramMeasure implements Disposable {
  readonly #collection = Collection.load(parseObject(readFileSync(OBJECT)));

  /** Average nanoseconds of a round, without the prologue's own. */
  run(program: Program, repeat: number): number {
    const { durationNs, data } = this.#start(program).testRun({ data: new Uint8Array(FRAME), repeat });
    if (data.length === FRAME) return durationNs - this.#own('nothing', repeat);
    const change = data.length > FRAME ? 'add' : 'remove';
    // They differ by one change of the length, so that this leaves the prologue with its putting back.
    return durationNs - (2 * this.#own(`${change}_once`, repeat) - this.#own(`${change}_twice`, repeat));
  }

  /** Sets the packets of the next runs. */
  set({ frame, flows, order, sourceOffset }: PacketSample): void {
    const bytes = new Uint8Array(24 + FRAME);
    const view = new DataView(bytes.buffer);
    view.setUint32(8, order, true);
    view.setUint32(12, flows - 1, true);
    view.setUint32(16, sourceOffset, true);
    bytes.set(frame, 24);
    (this.#collection.map('samples') as ArrayMap).set(0, bytes);
  }

  #own(name: string, repeat: number): number {
    const program = this.#start(this.#collection.program(name));
    return program.testRun({ data: new Uint8Array(FRAME), repeat }).durationNs;
  }

  #start(program: Program): Program {
    (this.#collection.map('measured') as DescriptorMap).setFd(0, program.fd);
    return this.#collection.program('prologue');
  }

  [Symbol.dispose](): void {
    this.#collection[Symbol.dispose]();
  }
}
