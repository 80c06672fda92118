/**
 * Descriptors that wait in a socket. The kernel keeps what they stand for as long as any process has the socket's receiving end, whether
 * or not that process ever looks: so they outlive the process that had them. unix(7), SCM_RIGHTS.
 */
import { constants } from 'node:os';
import { EbpfError, FormatError, OptionError, SyscallError } from '../errors.js';
import { Fd } from './fd.js';
import { ffi } from './ffi.js';
import { syscall, syscallRaw } from './syscalls.js';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0x80000;
const SOCK_NONBLOCK = 0x800;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_PEEK = 2;
const MSG_CTRUNC = 8;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
/** SCM_MAX_FD of the kernel. */
const MOST_DESCRIPTORS = 253;
const MOST_BYTES = 65_536;
/** struct cmsghdr on 64 bits. */
const CONTROL_HEADER_BYTES = 16;

/** Descriptors with what is said about them. */
export interface QueuedDescriptors {
  readonly description: string;
  /** Duplicates, which are the caller's to close. */
  readonly descriptors: readonly Fd[];
}

/** A short array lies in the garbage collector's memory, where it is moved about, until its buffer is asked for. */
function addressOf(bytes: Uint8Array): number {
  return bytes.buffer.byteLength === 0 ? 0 : ffi().address(bytes);
}

/** A struct msghdr with room for data and descriptors. The buffers stay as long as it does. */
class Message {
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
    view.setBigUint64(32, BigInt(addressOf(this.control)), true);
    view.setBigUint64(40, BigInt(CONTROL_HEADER_BYTES + 4 * descriptors), true);
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

/** A socket in which descriptors wait. */
export class DescriptorQueue implements Disposable {
  readonly #end: Fd;
  #sender: Fd | undefined;

  /** Takes ownership of a receiving end, and of the other one where something is to be sent. */
  constructor(end: Fd, sender?: Fd) {
    this.#end = end;
    this.#sender = sender;
  }

  /** Makes an empty queue. @throws SyscallError */
  static create(): DescriptorQueue {
    const pair = new Int32Array(2);
    const type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
    syscall('socketpair', AF_UNIX, type, 0, addressOf(new Uint8Array(pair.buffer)));
    return new DescriptorQueue(new Fd(pair[1]!), new Fd(pair[0]!));
  }

  /**
   * Puts descriptors into a queue that was created here, once. They are held until its last receiving end is closed, or {@link clear}.
   *
   * @throws OptionError for too many of them, or too long a description; SyscallError
   */
  put(description: string, descriptors: readonly number[]): void {
    using sender = this.#sender;
    if (sender === undefined) throw new EbpfError('only who has made a queue puts descriptors into it, once');
    this.#sender = undefined;
    const bytes = new Uint8Array(Buffer.from(description));
    if (descriptors.length > MOST_DESCRIPTORS || bytes.length > MOST_BYTES)
      throw new OptionError(
        `${descriptors.length} descriptors, ${bytes.length} bytes: too many for a message`,
      );
    const message = new Message(bytes, descriptors.length);
    const control = new DataView(message.control.buffer);
    control.setBigUint64(0, BigInt(CONTROL_HEADER_BYTES + 4 * descriptors.length), true);
    control.setInt32(8, SOL_SOCKET, true);
    control.setInt32(12, SCM_RIGHTS, true);
    for (const [index, fd] of descriptors.entries())
      control.setInt32(CONTROL_HEADER_BYTES + 4 * index, fd, true);
    const result = syscallRaw('sendmsg', sender.fd, message.address, MSG_NOSIGNAL);
    if (result < 0) throw new SyscallError('sendmsg', -result, `${descriptors.length} descriptors`);
  }

  /**
   * Takes a duplicate of a queue that another process has (5.6). Needs CAP_SYS_PTRACE where that is another user's.
   *
   * @param fd Its number there.
   * @throws SyscallError
   */
  static ofProcess(pid: number, fd: number): DescriptorQueue {
    using process = new Fd(syscall('pidfd_open', pid, 0));
    return new DescriptorQueue(new Fd(syscall('pidfd_getfd', process.fd, fd, 0)));
  }

  /** The receiving end, for a process that is to inherit it. */
  get fd(): number {
    return this.#end.fd;
  }

  /** What waits, which goes on waiting; undefined where nothing does. @throws SyscallError; FormatError */
  peek(): QueuedDescriptors | undefined {
    return this.#receive(MSG_PEEK);
  }

  /** Lets go of what waits, also for all other processes that have the queue. */
  clear(): void {
    for (let next = this.#receive(0); next !== undefined; next = this.#receive(0))
      for (const fd of next.descriptors) fd[Symbol.dispose]();
  }

  #receive(flags: number): QueuedDescriptors | undefined {
    const message = new Message(new Uint8Array(MOST_BYTES), MOST_DESCRIPTORS);
    const how = flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
    const length = syscallRaw('recvmsg', this.fd, message.address, how);
    // At the end there is nothing, now and later: nobody has the other end.
    if (length === 0 || length === -constants.errno.EAGAIN) return undefined;
    if (length < 0) throw new SyscallError('recvmsg', -length);
    const descriptors = descriptorsOf(message);
    if ((message.flags & (MSG_TRUNC | MSG_CTRUNC)) === 0)
      return { description: Buffer.from(message.data.subarray(0, length)).toString(), descriptors };
    for (const fd of descriptors) fd[Symbol.dispose]();
    throw new FormatError('not all descriptors could be received: the limit of open files may be reached');
  }

  /** Closes this end. What waits is gone once no process has one. */
  [Symbol.dispose](): void {
    this.#sender?.[Symbol.dispose]();
    this.#end[Symbol.dispose]();
  }
}

function descriptorsOf({ control, controlBytes }: Message): Fd[] {
  if (controlBytes < CONTROL_HEADER_BYTES) return [];
  const view = new DataView(control.buffer);
  const length = Number(view.getBigUint64(0, true));
  if (view.getInt32(8, true) !== SOL_SOCKET || view.getInt32(12, true) !== SCM_RIGHTS) return [];
  const count = Math.floor((Math.min(length, controlBytes) - CONTROL_HEADER_BYTES) / 4);
  return Array.from({ length: count }, (_, index) => {
    return new Fd(view.getInt32(CONTROL_HEADER_BYTES + 4 * index, true));
  });
}
