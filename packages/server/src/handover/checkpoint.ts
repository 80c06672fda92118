/**
 * A file that says how far a collector has come, for the next one should it be killed. It outlives the process as the spool does, and is
 * of no use after the host's restart. Only the collector's user may read or write it.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { TracerPosition } from '@weir/tracer';
import { z } from 'zod';

/** What holds for a run of a collector, over all processes that go on with it. */
export interface RunDescription {
  /** Programs, options and versions: another collector goes on only if it has the same. */
  readonly fingerprint: string;
  /** Digest of the description of what the tracer holds in the kernel. */
  readonly held: string;
  readonly host_id: string;
  readonly epoch: string;
  readonly started: string;
  /** When it began: CLOCK_MONOTONIC, nanoseconds. */
  readonly beganNs: number;
}

/** What is in batches up to one. */
export interface BatchState {
  /** The number of the batch; 0: before the first. */
  readonly number: number;
  /** Its time, nanoseconds since 1970, and by CLOCK_MONOTONIC. */
  readonly time: string;
  readonly monotonicNs: number;
  readonly position: TracerPosition;
}

const count = z.number().min(0);
const stateSchema = z.object({
  number: z.int().min(0),
  time: z.string().regex(/^-?\d+$/),
  monotonicNs: count,
  position: z.object({
    ...{ ring: count, read: z.array(count), untilNs: count, atUntil: count, missedEnds: count },
    lost: z.object({ ring: count, map: count, probe: count, udp: count, missed: count }),
  }),
}) satisfies z.ZodType<BatchState>;
const text = z.string();
const runSchema = z.object({
  ...{ fingerprint: text, held: text, host_id: text, epoch: text, started: text },
  beganNs: count,
}) satisfies z.ZodType<RunDescription>;

/** Where the parts of the file are. No record comes near the next one's place. */
const USABLE_AT = 0;
const ACKNOWLEDGED_AT = 8;
const HOLDER_AT = 16;
const RUN_AT = 4096;
const STATES_AT = 1 << 20;
const STATE_BYTES = 1 << 20;
const DIGEST_BYTES = 16;
const HEADER_BYTES = 4 + DIGEST_BYTES;

/** The file of a run. */
export class Checkpoint implements Disposable {
  readonly run: RunDescription;
  readonly #path: string;
  readonly #fd: number;
  #isUsable: boolean;
  #isBegun = true;
  #acknowledged: number;

  private constructor(path: string, fd: number, run: RunDescription, isUsable: boolean) {
    this.#path = path;
    this.#fd = fd;
    this.run = run;
    this.#isUsable = isUsable;
    this.#acknowledged = readNumber(fd, ACKNOWLEDGED_AT);
  }

  /** Begins a run, in the place of any other. @throws Error of the system */
  static create(path: string, run: RunDescription, start: BatchState): Checkpoint {
    const { O_CREAT, O_TRUNC, O_RDWR, O_NOFOLLOW } = constants;
    const temporary = `${path}.new`;
    rmSync(temporary, { force: true });
    const fd = openSync(temporary, O_CREAT | O_TRUNC | O_RDWR | O_NOFOLLOW, 0o600);
    const checkpoint = new Checkpoint(path, fd, run, false);
    try {
      writeRecord(fd, RUN_AT, run);
      checkpoint.begin(start);
      checkpoint.end(true);
      renameSync(temporary, path);
      return checkpoint;
    } catch (error) {
      closeSync(fd);
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  /** Opens the file of a collector that was killed; undefined where there is none, or it is of no use. */
  static open(path: string): Checkpoint | undefined {
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
    } catch {
      return undefined;
    }
    const run = readRecord(fd, RUN_AT, runSchema);
    if (run !== undefined && readNumber(fd, USABLE_AT) === 1) return new Checkpoint(path, fd, run, true);
    closeSync(fd);
    return undefined;
  }

  /** The process that holds what the run has in the kernel; 0: none yet. */
  get holder(): number {
    return readNumber(this.#fd, HOLDER_AT);
  }

  set holder(pid: number) {
    this.#write(HOLDER_AT, pid);
  }

  /** The highest number of a batch that is known to be stored. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The state of a batch: of the last one, or of the one before. */
  state(number: number): BatchState | undefined {
    const state = readRecord(this.#fd, placeOf(number), stateSchema);
    return state?.number === number ? state : undefined;
  }

  /** A batch is about to be put where it outlives this process. Until it is there, the one before counts. */
  begin(state: BatchState): void {
    try {
      writeRecord(this.#fd, placeOf(state.number), state);
      this.#isBegun = true;
    } catch {
      // The disk may be full. Another collector then begins anew.
      this.#isBegun = false;
    }
  }

  /** The batch that was begun is where it belongs. @param isSafe Whether all that was collected outlives this process. */
  end(isSafe: boolean): void {
    const isUsable = this.#isBegun && isSafe;
    // Where it cannot be written, the next batch tries again. Another collector then finds that this state goes with none of the batches,
    // or that its events have left the ring.
    if (isUsable !== this.#isUsable && this.#write(USABLE_AT, isUsable ? 1 : 0)) this.#isUsable = isUsable;
  }

  /** A batch is stored, before it is removed from where it outlived this process. */
  acknowledge(number: number): void {
    if (number <= this.#acknowledged) return;
    this.#acknowledged = number;
    this.#write(ACKNOWLEDGED_AT, number);
  }

  /** False where the disk can only be read. */
  #write(at: number, value: number): boolean {
    try {
      writeNumber(this.#fd, at, value);
      return true;
    } catch {
      return false;
    }
  }

  /** Closes the file, and leaves it. */
  close(): void {
    closeSync(this.#fd);
  }

  /** The run has ended in order: removes the file. */
  [Symbol.dispose](): void {
    this.close();
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // The disk can only be read. The next collector finds nothing that belongs to it.
    }
  }
}

/** Two are kept: until a batch is kept, the state before it counts. */
function placeOf(number: number): number {
  return STATES_AT + (number % 2) * STATE_BYTES;
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, DIGEST_BYTES);
}

function writeRecord(fd: number, at: number, value: object): void {
  const content = Buffer.from(JSON.stringify(value));
  const header = Buffer.alloc(4);
  header.writeUInt32LE(content.length);
  const bytes = Buffer.concat([header, digest(content), content]);
  for (let written = 0; written < bytes.length; )
    written += writeSync(fd, bytes, written, bytes.length - written, at + written);
}

/** Undefined where it is damaged: a process was killed while it wrote. */
function readRecord<T>(fd: number, at: number, schema: z.ZodType<T>): T | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  if (readSync(fd, header, 0, HEADER_BYTES, at) < HEADER_BYTES) return undefined;
  const length = header.readUInt32LE();
  if (length === 0 || length > STATE_BYTES) return undefined;
  const content = Buffer.alloc(length);
  if (readSync(fd, content, 0, length, at + HEADER_BYTES) < length) return undefined;
  if (!digest(content).equals(header.subarray(4))) return undefined;
  return schema.safeParse(JSON.parse(content.toString())).data;
}

function writeNumber(fd: number, at: number, value: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  writeSync(fd, bytes, 0, bytes.length, at);
}

function readNumber(fd: number, at: number): number {
  const bytes = Buffer.alloc(8);
  return readSync(fd, bytes, 0, bytes.length, at) < bytes.length ? 0 : bytes.readDoubleLE();
}
