/** Samples of packets, each with the reason for its verdict. */
import { type BpfMap, OptionError, PerfBufferReader, type WaitOptions } from '@weir/ebpf';
import { Limit, readCaptured, sizeofCaptured } from '../generated/balancer.js';
import type { Service } from '../service.js';
import { type ReasonName, reasonName, reasonNumber, type Verdict, verdictName } from './outcome.js';
import type { SharedGlobals } from './programs.js';

/** Options of {@link Balancer.capture}. */
export interface CaptureOptions {
  /** Captures one packet in this many, 1 or more, on each CPU. Default 1. */
  readonly every?: number;
  /** Captures only packets with these reasons. Default: all. */
  readonly reasons?: readonly ReasonName[];
  /** Captures only packets whose flow was unknown, other than SYNs. Default false. */
  readonly misses?: boolean;
  /** Bytes of each packet, 0 to 256. Default 128. */
  readonly bytes?: number;
}

/** A packet as it left the program. */
export interface CapturedPacket {
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly timeNs: number;
  readonly verdict: Verdict;
  readonly reason: ReasonName;
  /** The packet's service, unless that was removed meanwhile. */
  readonly service: Service | undefined;
  /** The address of the packet's real, unless that was removed meanwhile. */
  readonly real: string | undefined;
  /** The real's port, where it is not the service's. */
  readonly realPort?: number;
  /** Bytes of the whole frame. */
  readonly length: number;
  /** The first bytes of the frame, from the Ethernet header on: at most {@link CaptureOptions.bytes}. */
  readonly head: Uint8Array;
}

/** Translates the program's numbers of service and real to their names. */
export type Named = (outcome: { readonly vip: number; readonly real: number }) => {
  readonly service: Service | undefined;
  readonly real: string | undefined;
  readonly realPort?: number;
};

const allReasons = 2n ** 64n - 1n;

/** A capture that runs until it is disposed of. */
export class Capture implements Disposable {
  readonly #globals: SharedGlobals;
  readonly #reader: PerfBufferReader;
  readonly #named: Named;

  /** @throws OptionError for an option outside its range; SyscallError */
  constructor(
    buffers: BpfMap,
    globals: SharedGlobals,
    named: Named,
    { every = 1, reasons, misses = false, bytes = 128 }: CaptureOptions,
  ) {
    if (!Number.isInteger(every) || every < 1)
      throw new OptionError(`every ${every}: expected a whole number from 1`);
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > Limit.CAPTURE_BYTES)
      throw new OptionError(`bytes ${bytes}: expected 0 to ${Limit.CAPTURE_BYTES}`);
    this.#globals = globals;
    this.#named = named;
    this.#reader = new PerfBufferReader(buffers);
    const bits = reasons?.reduce((sum, name) => sum | (1n << BigInt(reasonNumber(name))), 0n);
    globals.write('capture_reasons', bits ?? allReasons);
    globals.write('capture_misses', Number(misses));
    globals.write('capture_bytes', bytes);
    globals.write('capture_every', every);
  }

  /** Packets for which the kernel's buffers had no room. */
  get lost(): number {
    return this.#reader.statistics.lost;
  }

  /** Takes the captured packets out of the buffers. */
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

  /** Waits for packets; returns false if the time ends first. */
  wait(options: WaitOptions): Promise<boolean> {
    return this.#reader.wait(options);
  }

  /** Ends the capture. */
  [Symbol.dispose](): void {
    this.#globals.write('capture_every', 0);
    this.#reader[Symbol.dispose]();
  }
}
