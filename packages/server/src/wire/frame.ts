/** Frames on the socket between collector and server: length of the payload (u32, little endian), type (u8), payload. Pure. */
import { FormatError } from '@weir/ebpf/errors';

/** The types of frames, by name. Numbers are never used again for another purpose. */
export const frameTypes = {
  /** Collector: its versions, and the epochs of which it has batches. JSON. */
  hello: 1,
  /** Server: it goes on, and has stored these batches already. JSON. */
  welcome: 2,
  /** Server: the versions do not fit. JSON. */
  refusal: 3,
  /** Collector: rows, as `batch-encoding.ts` lays them out. */
  batch: 4,
  /** Server: a batch is stored. JSON. */
  ack: 5,
  /** Server: a batch is damaged, and would be so again. JSON. */
  rejection: 6,
  /** Either: it closes the connection, in order. JSON. */
  goodbye: 7,
  /** Collector: the balancers of its host, from protocol 2 on. JSON. */
  balancers: 8,
  /** Server: asks a balancer about a flow, from protocol 2 on. JSON. */
  lookup: 9,
  /** Collector: the answer. JSON. */
  found: 10,
} as const;

/** The name of a type of frames. */
export type FrameName = keyof typeof frameTypes;

/** A frame as it arrived. */
export interface Frame {
  readonly name: FrameName;
  /** Aligned for every typed array. Memory of its own, unless the {@link FrameReader} uses its memory again. */
  readonly payload: Buffer;
}

/** The longest payload of a batch, bytes. */
export const MAX_BATCH_BYTES = 32 * 1024 * 1024;
/** The longest payload of a frame about balancers, bytes. */
export const MAX_BALANCERS_BYTES = 2 * 1024 * 1024;
/** The longest payload of any other frame, bytes. */
export const MAX_CONTROL_BYTES = 64 * 1024;

const HEADER_BYTES = 5;

const names = new Map<number, FrameName>(
  Object.entries(frameTypes).map(([name, number]) => [number, name as FrameName]),
);

function longest(name: FrameName): number {
  if (name === 'batch') return MAX_BATCH_BYTES;
  return name === 'balancers' ? MAX_BALANCERS_BYTES : MAX_CONTROL_BYTES;
}

/** The bytes before the payload of a frame. */
export function frameHeader(name: FrameName, payloadBytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(payloadBytes, 0);
  header.writeUInt8(frameTypes[name], 4);
  return header;
}

/** A frame whose payload is JSON. */
export function jsonFrame(name: FrameName, value: unknown): Buffer {
  const payload = Buffer.from(JSON.stringify(value));
  return Buffer.concat([frameHeader(name, payload.length), payload]);
}

/** Longer payloads have memory of their own. */
const REUSED_BYTES = 4 * 1024 * 1024;

/** How frames are read. */
export interface FrameReaderOptions {
  /**
   * A payload is overwritten by that of the next frame. Memory of its own for each batch would be freed by the collection of all garbage
   * only, which so much of it brings about each second. Default false.
   */
  readonly reuse?: boolean;
}

/** Puts frames together from the pieces in which they arrive. Holds one frame at most. */
export class FrameReader {
  readonly #reuse: boolean;
  /** What payloads lie in, where they share it. */
  #memory: Buffer = Buffer.alloc(0);
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #name: FrameName | undefined;
  #payload: Buffer = Buffer.alloc(0);
  #payloadBytes = 0;

  constructor({ reuse = false }: FrameReaderOptions = {}) {
    this.#reuse = reuse;
  }

  /** Whether nothing is missing of a frame that has begun. */
  get isBetweenFrames(): boolean {
    return this.#headerBytes === 0;
  }

  /**
   * The frames that a piece completes.
   *
   * @throws FormatError for an unknown type or a payload that is too long; nothing can be read after that.
   */
  *push(piece: Uint8Array): Generator<Frame, void> {
    let offset = 0;
    while (offset < piece.length || this.#isComplete()) {
      if (this.#name === undefined) offset += this.#readHeader(piece, offset);
      else if (!this.#isComplete()) offset += this.#readPayload(piece, offset);
      if (this.#isComplete()) yield this.#completed();
    }
  }

  #isComplete(): boolean {
    return this.#name !== undefined && this.#payloadBytes === this.#payload.length;
  }

  #completed(): Frame {
    const frame = { name: this.#name!, payload: this.#payload };
    this.#headerBytes = 0;
    this.#name = undefined;
    return frame;
  }

  #readHeader(piece: Uint8Array, offset: number): number {
    const part = piece.subarray(offset, offset + HEADER_BYTES - this.#headerBytes);
    this.#header.set(part, this.#headerBytes);
    this.#headerBytes += part.length;
    if (this.#headerBytes === HEADER_BYTES) this.#begin();
    return part.length;
  }

  #begin(): void {
    const type = this.#header.readUInt8(4);
    const name = names.get(type);
    if (name === undefined) throw new FormatError(`frame of the unknown type ${type}`);
    const length = this.#header.readUInt32LE(0);
    if (length > longest(name))
      throw new FormatError(`frame ${name} of ${length} bytes: at most ${longest(name)} are allowed`);
    this.#name = name;
    this.#payload = this.#allocate(length);
    this.#payloadBytes = 0;
  }

  #allocate(length: number): Buffer {
    if (!this.#reuse || length > REUSED_BYTES) return Buffer.allocUnsafeSlow(length);
    // Batches differ in length: with some to spare, a little longer one fits, too.
    if (length > this.#memory.length)
      this.#memory = Buffer.allocUnsafeSlow(Math.min(REUSED_BYTES, length + (length >> 1)));
    return this.#memory.subarray(0, length);
  }

  #readPayload(piece: Uint8Array, offset: number): number {
    const part = piece.subarray(offset, offset + this.#payload.length - this.#payloadBytes);
    this.#payload.set(part, this.#payloadBytes);
    this.#payloadBytes += part.length;
    return part.length;
  }
}
