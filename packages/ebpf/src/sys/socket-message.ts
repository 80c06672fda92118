/** A message of a socket with descriptors: sendmsg(2), unix(7). */
import { constants } from 'node:os';
import { FormatError, SyscallError } from '../errors.js';
import { Fd } from './fd.js';
import { ffi } from './ffi.js';
import { syscallRaw } from './syscalls.js';

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 8;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
/** SCM_MAX_FD of the kernel. */
export const MOST_DESCRIPTORS = 253;
export const MOST_BYTES = 65_536;
/** struct cmsghdr on 64 bits. */
const CONTROL_HEADER_BYTES = 16;

/** Descriptors with what is said about them. */
export interface QueuedDescriptors {
  readonly description: string;
  /** Duplicates, which are the caller's to close. */
  readonly descriptors: readonly Fd[];
}

/** A short array lies in the garbage collector's memory, where it is moved about, until its buffer is asked for. */
export function addressOf(bytes: Uint8Array): number {
  return bytes.buffer.byteLength === 0 ? 0 : ffi().address(bytes);
}

/** A struct msghdr with room for data and descriptors. The buffers stay as long as it does. */
export class SocketMessage {
  readonly data: Uint8Array;
  readonly control: Uint8Array;
  readonly #part = new BigUint64Array(2);
  readonly #header = new Uint8Array(56);

  constructor(data: Uint8Array, descriptors: number) {
    this.data = data;
    this.control = new Uint8Array((CONTROL_HEADER_BYTES + 4 * descriptors + 7) & ~7);
    this.#part.set([BigInt(addressOf(data)), BigInt(data.length)]);
    const view = this.#view;
    view.setBigUint64(16, BigInt(addressOf(new Uint8Array(this.#part.buffer))), true);
    view.setBigUint64(24, 1n, true);
    if (descriptors === 0) return;
    view.setBigUint64(32, BigInt(addressOf(this.control)), true);
    view.setBigUint64(40, BigInt(CONTROL_HEADER_BYTES + 4 * descriptors), true);
  }

  /** Sends these descriptors with it, as many as there is room for. */
  setDescriptors(descriptors: readonly number[]): void {
    const control = new DataView(this.control.buffer);
    control.setBigUint64(0, BigInt(CONTROL_HEADER_BYTES + 4 * descriptors.length), true);
    control.setInt32(8, SOL_SOCKET, true);
    control.setInt32(12, SCM_RIGHTS, true);
    for (const [index, fd] of descriptors.entries())
      control.setInt32(CONTROL_HEADER_BYTES + 4 * index, fd, true);
  }

  /** Sends it to an address, which stays where it is as long as the message is used. */
  setReceiver(address: bigint | number, length: number): void {
    this.#view.setBigUint64(0, BigInt(address), true);
    this.#view.setUint32(8, length, true);
  }

  get #view(): DataView {
    return new DataView(this.#header.buffer);
  }

  get address(): number {
    return addressOf(this.#header);
  }

  get controlBytes(): number {
    return Number(this.#view.getBigUint64(40, true));
  }

  get flags(): number {
    return this.#view.getInt32(48, true);
  }
}

function descriptorsOf({ control, controlBytes }: SocketMessage): Fd[] {
  if (controlBytes < CONTROL_HEADER_BYTES) return [];
  const view = new DataView(control.buffer);
  const length = Number(view.getBigUint64(0, true));
  if (view.getInt32(8, true) !== SOL_SOCKET || view.getInt32(12, true) !== SCM_RIGHTS) return [];
  const count = Math.floor((Math.min(length, controlBytes) - CONTROL_HEADER_BYTES) / 4);
  return Array.from({ length: count }, (_, index) => {
    return new Fd(view.getInt32(CONTROL_HEADER_BYTES + 4 * index, true));
  });
}

/**
 * The next message of a socket; undefined where none is there. It never waits.
 *
 * @param flags Such as MSG_PEEK.
 * @throws SyscallError; FormatError where there is no room for all descriptors, of which none is open then
 */
export function receiveMessage(fd: number, flags = 0): QueuedDescriptors | undefined {
  const message = new SocketMessage(new Uint8Array(MOST_BYTES), MOST_DESCRIPTORS);
  const length = syscallRaw('recvmsg', fd, message.address, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  // At the end there is nothing, now and later: nobody has the other end.
  if (length === 0 || length === -constants.errno.EAGAIN) return undefined;
  if (length < 0) throw new SyscallError('recvmsg', -length);
  const descriptors = descriptorsOf(message);
  if ((message.flags & (MSG_TRUNC | MSG_CTRUNC)) === 0)
    return { description: Buffer.from(message.data.subarray(0, length)).toString(), descriptors };
  for (const each of descriptors) each[Symbol.dispose]();
  throw new FormatError('not all descriptors could be received: the limit of open files may be reached');
}
