/**
 * Descriptors that wait in a socket. The kernel keeps what they stand for as long as any process has the socket's receiving end, whether
 * or not that process ever looks: so they outlive the process that had them. unix(7), SCM_RIGHTS.
 */
import { EbpfError, OptionError, SyscallError } from '../errors.js';
import { Fd } from './fd.js';
import {
  addressOf,
  MOST_BYTES,
  MOST_DESCRIPTORS,
  type QueuedDescriptors,
  receiveMessage,
  SocketMessage,
} from './socket-message.js';
import { syscall, syscallRaw } from './syscalls.js';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0x80000;
const SOCK_NONBLOCK = 0x800;
const MSG_PEEK = 2;
const MSG_NOSIGNAL = 0x4000;

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
    const message = new SocketMessage(bytes, descriptors.length);
    message.setDescriptors(descriptors);
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
    return receiveMessage(this.fd, flags);
  }

  /** Closes this end. What waits is gone once no process has one. */
  [Symbol.dispose](): void {
    this.#sender?.[Symbol.dispose]();
    this.#end[Symbol.dispose]();
  }
}
