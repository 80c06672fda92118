/** The bpf system call. */
import { SyscallError } from '../errors.js';
import { commandName } from '../uapi/commands.js';
import { type Arena, createArena } from './arena.js';
import type { CapabilityName } from './capabilities.js';
import { explainBpfFailure } from './explain.js';
import { ffi } from './ffi.js';
import { syscall3Raw, syscallOnThread } from './syscalls.js';

/** Room for every command's arguments. */
const MAX_ATTR_SIZE = 256;

/** The memory of a command's arguments, such as {@link attr} makes. */
export interface AttrBlock {
  readonly bytes: Uint8Array;
  /** How many of the bytes are handed to the kernel. */
  readonly used: number;
}

let arena: Arena | undefined;
/** Keeps the arguments of the call under way alive, and with them the buffers they point to. */
const underWay: { attr?: AttrBlock } = {};

/** Makes a bpf system call; returns its result, or the negative errno. */
export function bpfRaw(command: number, attr: AttrBlock): number {
  arena ??= createArena(MAX_ATTR_SIZE);
  underWay.attr = attr;
  const { bytes } = attr;
  arena.bytes.set(bytes);
  const result = syscall3Raw('bpf', command, arena.address, attr.used);
  // The kernel writes its answers wherever they belong, also behind the bytes that it was handed.
  bytes.set(arena.bytes.subarray(0, bytes.length));
  return result;
}

/**
 * Makes a bpf system call as {@link bpfRaw} does, without copying the arguments: for those whose memory stays where it is, and that the kernel
 * only reads.
 *
 * @param address Of the arguments' bytes, which the caller keeps alive.
 * @param size How many of them are handed to the kernel.
 */
export function bpfInPlace(command: number, address: number, size: number): number {
  return syscall3Raw('bpf', command, address, size);
}

/** Arguments of calls on other threads, with the memory that the kernel reads. */
const onThreads = new Map<Uint8Array, AttrBlock>();

/**
 * Makes a bpf system call on another thread. The kernel's answers do not get into `attr`.
 *
 * @returns its result; -1 is a failure whose reason is not known.
 */
export async function bpfOnThread(command: number, attr: AttrBlock): Promise<number> {
  const memory = new Uint8Array(MAX_ATTR_SIZE);
  memory.set(attr.bytes);
  onThreads.set(memory, attr);
  try {
    return await syscallOnThread('bpf', command, ffi().address(memory), attr.used);
  } finally {
    onThreads.delete(memory);
  }
}

/**
 * Makes a bpf system call that is expected to succeed. Never returns a negative number.
 *
 * @param command BPF_*, {@link Command}.
 * @param detail what the caller knows about the failure; asked only when there is one.
 * @throws SyscallError
 */
export function bpf(
  command: number,
  attr: AttrBlock,
  detail?: (errno: number) => string | undefined,
): number {
  const result = bpfRaw(command, attr);
  if (result < 0) throw bpfError(command, -result, detail?.(-result));
  return result;
}

/**
 * The error for a failed bpf command, with advice where the errno and this process's situation allow some.
 *
 * @param needs The capabilities that the command takes; default CAP_BPF.
 */
export function bpfError(
  command: number,
  errno: number,
  detail?: string,
  needs?: readonly CapabilityName[],
): SyscallError {
  const parts = [detail, explainBpfFailure(command, errno, needs)].filter((part) => part !== undefined);
  return new SyscallError(
    `bpf(${commandName(command)})`,
    errno,
    parts.length === 0 ? undefined : parts.join('; '),
  );
}
