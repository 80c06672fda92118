/** Unix sockets that Node.js does not have: datagrams, and listening sockets that another process is to use. */
import { constants } from 'node:os';
import { OptionError, SyscallError } from '../errors.js';
import { type Arena, createArena } from './arena.js';
import { Fd } from './fd.js';
import { type QueuedDescriptors, receiveMessage, SocketMessage } from './socket-message.js';
import { syscall, syscallRaw } from './syscalls.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const FAMILY_BYTES = 2;
/** Length of sun_path, with the byte 0 at its end. */
const PATH_BYTES = 108;
const ADDRESS_BYTES = 112;
const MAX_DATAGRAM_BYTES = 4096;

/** More than a datagram has by the kernel's default limit of what waits in a socket, net.core.wmem_default. */
const LARGE_BYTES = 256 * 1024;

let scratch: Arena | undefined;
let large: Arena | undefined;

/** Writes a struct sockaddr_un to the start of the scratch memory, and returns its length. A name with `@` is abstract. */
function putAddress({ bytes, view }: Arena, path: string): number {
  const name = Buffer.from(path);
  if (name.length === 0 || name.length >= PATH_BYTES || name.includes(0))
    throw new OptionError(`${path} cannot be the path of a socket: at most ${PATH_BYTES - 1} bytes`);
  bytes.fill(0, 0, ADDRESS_BYTES);
  view.setUint16(0, AF_UNIX, true);
  bytes.set(name, FAMILY_BYTES);
  const isAbstract = path.startsWith('@');
  if (isAbstract) bytes[FAMILY_BYTES] = 0;
  return FAMILY_BYTES + name.length + (isAbstract ? 0 : 1);
}

function scratchArena(): Arena {
  scratch ??= createArena(ADDRESS_BYTES + MAX_DATAGRAM_BYTES);
  return scratch;
}

function largeArena(): Arena {
  large ??= createArena(LARGE_BYTES);
  return large;
}

/**
 * Sends a datagram to a Unix socket, and never waits.
 *
 * @param path The path of the socket, or `@` and an abstract name.
 * @param descriptors The receiver gets duplicates of them.
 * @throws OptionError for a path or datagram that is too long; SyscallError, such as EAGAIN where the receiver does not keep up
 */
export function sendUnixDatagram(
  path: string,
  datagram: Uint8Array,
  descriptors: readonly number[] = [],
): void {
  if (datagram.length > MAX_DATAGRAM_BYTES)
    throw new OptionError(`a datagram of ${datagram.length} bytes: at most ${MAX_DATAGRAM_BYTES}`);
  const arena = scratchArena();
  const addressLength = putAddress(arena, path);
  using socket = new Fd(syscall('socket', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const message = new SocketMessage(new Uint8Array(datagram), descriptors.length);
  message.setReceiver(arena.address, addressLength);
  if (descriptors.length > 0) message.setDescriptors(descriptors);
  const result = syscallRaw('sendmsg', socket.fd, message.address, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (result < 0) throw new SyscallError('sendmsg', -result, path);
}

/** A Unix socket with an address, bound by a system call of our own: the runtime would remove its path when it closes it. */
function bound(path: string, type: number): Fd {
  const arena = scratchArena();
  const addressLength = putAddress(arena, path);
  const socket = new Fd(syscall('socket', AF_UNIX, type | SOCK_CLOEXEC, 0));
  try {
    syscall('bind', socket.fd, arena.address, addressLength);
    return socket;
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
}

/**
 * A listening socket for a child process: it can be passed on, and its path stays.
 *
 * @param mode Permissions from the beginning, such as 0o600.
 * @throws OptionError for a path that is too long; SyscallError, such as EADDRINUSE
 */
export function openUnixListener(path: string, mode: number): Fd {
  const umask = process.umask(0o777 & ~mode);
  try {
    const socket = bound(path, SOCK_STREAM);
    syscall('listen', socket.fd, 128);
    return socket;
  } finally {
    process.umask(umask);
  }
}

/** Sends datagrams to Unix sockets, and never waits. */
export class UnixDatagramSender implements Disposable {
  readonly #path: string;
  readonly #socket: Fd;

  /** @param path The path of the socket that receives, or `@` and an abstract name. @throws SyscallError */
  constructor(path: string) {
    this.#path = path;
    this.#socket = new Fd(syscall('socket', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }

  /**
   * Sends one, to whatever socket has the path now.
   *
   * @throws OptionError for a path or datagram that is too long; SyscallError: EAGAIN where the receiver does not keep up, ECONNREFUSED or
   * ENOENT where it is gone
   */
  send(datagram: Uint8Array): void {
    const { address, bytes } = largeArena();
    if (datagram.length > bytes.length)
      throw new OptionError(`a datagram of ${datagram.length} bytes: at most ${bytes.length}`);
    const receiver = scratchArena();
    const addressLength = putAddress(receiver, this.#path);
    bytes.set(datagram);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const to = [receiver.address, addressLength] as const;
    const result = syscallRaw('sendto', this.#socket.fd, address, datagram.length, flags, ...to);
    if (result < 0) throw new SyscallError('sendto', -result, this.#path);
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** A socket that receives datagrams. */
export class UnixDatagramReceiver implements Disposable {
  readonly #socket: Fd;

  /** Binds a socket to a path, or to `@` and an abstract name. @throws OptionError, SyscallError */
  constructor(path: string) {
    this.#socket = bound(path, SOCK_DGRAM);
  }

  /** The next datagram; undefined where none has arrived. @throws SyscallError */
  receive(): Buffer | undefined {
    const { address, bytes } = largeArena();
    const result = syscallRaw('recvfrom', this.#socket.fd, address, bytes.length, MSG_DONTWAIT, 0, 0);
    if (result === -constants.errno.EAGAIN) return undefined;
    if (result < 0) throw new SyscallError('recvfrom', -result);
    return Buffer.from(bytes.slice(0, result));
  }

  /** The next datagram, as text, with the descriptors that were sent with it. @throws SyscallError, FormatError */
  receiveDescriptors(): QueuedDescriptors | undefined {
    return receiveMessage(this.#socket.fd);
  }

  /** Closes the socket; its path stays. */
  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
