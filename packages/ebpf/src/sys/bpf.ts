/** The bpf system call and its argument block, union bpf_attr of include/uapi/linux/bpf.h. */
import { OptionError, SyscallError } from '../errors.js';
import { type Arena, createArena } from './arena.js';
import { commandName } from './constants.js';
import { explainBpfFailure } from './explain.js';
import { ffi } from './ffi.js';
import { syscallRaw } from './syscalls.js';

/** Room for every command's arguments. A kernel that knows fewer bytes accepts the surplus as long as it is zero. */
const maxAttrSize = 256;
const defaultAttrSize = 168;

const encoder = new TextEncoder();

/**
 * One union bpf_attr. Offsets are those of the kernel's header. Buffers it points to stay alive as long as it does,
 * and what the kernel writes back can be read from it after the call.
 */
export class Attr {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #referenced = new Map<number, Uint8Array>();

  /** @param size bytes handed to the kernel, at most 256. */
  constructor(size = defaultAttrSize) {
    if (size > maxAttrSize) throw new OptionError(`a bpf_attr of ${size} bytes: at most ${maxAttrSize}`);
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  u64(offset: number, value: bigint | number): this {
    this.#view.setBigUint64(offset, BigInt(value), true);
    return this;
  }

  /** Stores a buffer's address, or a null pointer for `undefined` and for an empty buffer. */
  pointer(offset: number, buffer: Uint8Array | undefined): this {
    if (buffer === undefined || buffer.length === 0) {
      this.#referenced.delete(offset);
      return this.u64(offset, 0);
    }
    this.#referenced.set(offset, buffer);
    return this.u64(offset, ffi().address(buffer));
  }

  /** Stores a pointer to a NUL-terminated copy of `text`. */
  string(offset: number, text: string): this {
    return this.pointer(offset, encoder.encode(`${text}\0`));
  }

  /** Stores an object name, char[BPF_OBJ_NAME_LEN] (16 with its NUL); see {@link objectName}. */
  objectName(offset: number, name: string): this {
    this.bytes.fill(0, offset, offset + 16);
    this.bytes.set(encoder.encode(objectName(name)), offset);
    return this;
  }

  getU32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  getU64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  /** How many buffers the block points to. */
  get references(): number {
    return this.#referenced.size;
  }
}

/**
 * A name as the kernel takes it for a map or program: at most 15 bytes of letters, digits, `_` and `.`; any other
 * character becomes `_`. Dots are taken since 5.2; before, they must be replaced as well.
 */
export function objectName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, 15);
}

let arena: Arena | undefined;

/** Makes a bpf system call; returns its result, or the negative errno. */
export function bpfRaw(command: number, attr: Attr): number {
  arena ??= createArena(maxAttrSize);
  const { bytes } = attr;
  arena.bytes.set(bytes);
  const result = syscallRaw('bpf', command, arena.address, bytes.length);
  // The copy back also keeps `attr`, and with it the buffers it points to, alive until the call is done.
  bytes.set(arena.bytes.length === bytes.length ? arena.bytes : arena.bytes.subarray(0, bytes.length));
  return result;
}

/**
 * Makes a bpf system call that is expected to succeed. Never returns a negative number.
 *
 * @param detail what the caller knows about the failure; asked only when there is one.
 * @throws SyscallError
 */
export function bpf(command: number, attr: Attr, detail?: (errno: number) => string | undefined): number {
  const result = bpfRaw(command, attr);
  if (result < 0) throw bpfError(command, -result, detail?.(-result));
  return result;
}

/** The error for a failed bpf command, with advice where the errno and this process's situation allow some. */
export function bpfError(command: number, errno: number, detail?: string): SyscallError {
  const parts = [detail, explainBpfFailure(command, errno)].filter((part) => part !== undefined);
  return new SyscallError(
    `bpf(${commandName(command)})`,
    errno,
    parts.length === 0 ? undefined : parts.join('; '),
  );
}
