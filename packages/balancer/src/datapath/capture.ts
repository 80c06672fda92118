/** Samples of packets, with the reason why each went where it went. */
import { type BpfMap, OptionError, PerfBufferReader, type WaitOptions } from '@weir/ebpf';
import { readCaptured, sizeofCaptured } from '../generated/balancer.js';
import type { Service } from '../service.js';
import { type ReasonName, reasonName, reasonNumber, type Verdict, verdictName } from './outcome.js';
import type { SharedGlobals } from './programs.js';

export interface CaptureOptions {
  /** One packet in so many on each CPU. Default 1. */
  readonly every?: number;
  /** Default: all. */
  readonly reasons?: readonly ReasonName[];
  /** Of each packet, at most 256. Default 128. */
  readonly bytes?: number;
}

/** A packet as it left the program. */
export interface CapturedPacket {
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly timeNs: number;
  readonly verdict: Verdict;
  readonly reason: ReasonName;
  /** The service that it is for, unless that was removed meanwhile. */
  readonly service: Service | undefined;
  /** The address of its real, unless that was removed meanwhile. */
  readonly real: string | undefined;
  /** The real's port, where it is not the service's. */
  readonly realPort?: number;
  /** Bytes of the whole frame. */
  readonly length: number;
  /** Its first bytes. */
  readonly head: Uint8Array;
}

/** What the program's numbers for a packet's service and real mean. */
export type Named = (outcome: { readonly vip: number; readonly real: number }) => {
  readonly service: Service | undefined;
  readonly real: string | undefined;
  readonly realPort?: number;
};

const ALL_REASONS = 2n ** 64n - 1n;

/** A capture that is on until it is disposed of. */
export class Capture implements Disposable {
  readonly #globals: SharedGlobals;
  readonly #reader: PerfBufferReader;
  readonly #named: Named;

  /** @throws OptionError, SyscallError */
  constructor(
    buffers: BpfMap,
    globals: SharedGlobals,
    named: Named,
    { every = 1, reasons, bytes = 128 }: CaptureOptions,
  ) {
    if (!Number.isInteger(every) || every < 1) throw new OptionError(`one packet in ${every}`);
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > 256)
      throw new OptionError(`${bytes} bytes of a packet`);
    this.#globals = globals;
    this.#named = named;
    this.#reader = new PerfBufferReader(buffers);
    const bits = reasons?.reduce((sum, name) => sum | (1n << BigInt(reasonNumber(name))), 0n);
    globals.write('capture_reasons', bits ?? ALL_REASONS);
    globals.write('capture_bytes', bytes);
    globals.write('capture_every', every);
  }

  /** Packets that the kernel's buffers had no room for. */
  get lost(): number {
    return this.#reader.statistics.lost;
  }

  /** Takes what is there. */
  read(): CapturedPacket[] {
    const packets: CapturedPacket[] = [];
    this.#reader.drain((view, offset) => {
      const { timeNs, outcome, verdict, frame, bytes } = readCaptured(view, offset);
      const head = new Uint8Array(view.buffer, view.byteOffset + offset + sizeofCaptured, bytes).slice();
      packets.push({
        timeNs,
        verdict: verdictName(verdict),
        reason: reasonName(outcome.reason),
        ...this.#named(outcome),
        length: frame,
        head,
      });
    });
    return packets;
  }

  /** Waits until there are packets; false if the time was over before. */
  wait(options: WaitOptions): Promise<boolean> {
    return this.#reader.wait(options);
  }

  [Symbol.dispose](): void {
    this.#globals.write('capture_every', 0);
    this.#reader[Symbol.dispose]();
  }
}
