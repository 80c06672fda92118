/** TCP sockets for experiments, by direct system calls: synchronous, non-blocking, and counted. */
import { constants } from 'node:os';
import { SyscallError } from '@weir/ebpf';
import { type Arena, createArena, Fd, syscall, syscallRaw } from '@weir/ebpf/sys';

export const AddressFamily = { unspecified: 0, ipv4: 2, ipv6: 10 } as const;

/** A socket option, by its level and number (include/uapi/asm-generic/socket.h, include/uapi/linux/tcp.h, in6.h). */
export interface SocketOption {
  readonly level: number;
  readonly name: number;
}

const SOL_SOCKET = 1;
const SOL_TCP = 6;

export const SocketOption = {
  reuseAddress: { level: SOL_SOCKET, name: 2 },
  error: { level: SOL_SOCKET, name: 4 },
  broadcast: { level: SOL_SOCKET, name: 6 },
  keepAlive: { level: SOL_SOCKET, name: 9 },
  urgentInline: { level: SOL_SOCKET, name: 10 },
  linger: { level: SOL_SOCKET, name: 13 },
  bindToDevice: { level: SOL_SOCKET, name: 25 },
  attachFilter: { level: SOL_SOCKET, name: 26 },
  detachFilter: { level: SOL_SOCKET, name: 27 },
  noDelay: { level: SOL_TCP, name: 1 },
  maxSegment: { level: SOL_TCP, name: 2 },
  cork: { level: SOL_TCP, name: 3 },
  info: { level: SOL_TCP, name: 11 },
  quickAck: { level: SOL_TCP, name: 12 },
  repair: { level: SOL_TCP, name: 19 },
  repairQueue: { level: SOL_TCP, name: 20 },
  queueSequence: { level: SOL_TCP, name: 21 },
  ipv6Only: { level: 41, name: 26 },
} as const satisfies Record<string, SocketOption>;

/** An IPv4 end; for an AF_INET6 socket it is mapped (`::ffff:`). */
export interface Endpoint {
  /** The first octet is the highest. */
  readonly address: number;
  readonly port: number;
}

export const MessageFlag = { outOfBand: 1, noSignal: 0x4000 } as const;

const { EAGAIN, EINPROGRESS } = constants.errno;
const SOCK_STREAM = 1;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
/** The offset of payload that is sent and received. */
const payloadAt = 4096;
const ARENA_SIZE = 65_536;

let shared: Arena | undefined;

function arena(): Arena {
  shared ??= createArena(ARENA_SIZE);
  return shared;
}

/** Counts the sockets of one discovery, and closes them. */
export class SocketPool implements Disposable {
  readonly #sockets: TestSocket[] = [];

  /** The number of sockets so far. */
  get count(): number {
    return this.#sockets.length;
  }

  /** @throws SyscallError */
  tcp(family: number): TestSocket {
    return this.#add(syscall('socket', family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), family);
  }

  /** A raw socket that sends ICMP. Needs CAP_NET_RAW. @throws SyscallError */
  icmp(): TestSocket {
    const protocol = 1;
    const fd = syscall('socket', AddressFamily.ipv4, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    return this.#add(fd, AddressFamily.ipv4);
  }

  /** The next connection of a listening socket; undefined if there is none yet. @throws SyscallError */
  accept(listener: TestSocket): TestSocket | undefined {
    const fd = syscallRaw('accept4', listener.fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd === -EAGAIN) return undefined;
    if (fd < 0) throw new SyscallError('accept4', -fd);
    return this.#add(fd, listener.family);
  }

  #add(fd: number, family: number): TestSocket {
    const socket = new TestSocket(new Fd(fd), family);
    this.#sockets.push(socket);
    return socket;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket[Symbol.dispose]();
  }
}

/** A socket of a {@link SocketPool}. */
export class TestSocket implements Disposable {
  readonly family: number;
  readonly #fd: Fd;

  constructor(fd: Fd, family: number) {
    this.#fd = fd;
    this.family = family;
  }

  get fd(): number {
    return this.#fd.fd;
  }

  /** Gives up the descriptor: the caller closes it. */
  release(): number {
    return this.#fd.release();
  }

  /** @throws SyscallError */
  bind(local: Endpoint): void {
    syscall('bind', this.fd, ...this.#address(local));
  }

  /** @param backlog Connections that may wait to be accepted, less one. @throws SyscallError */
  listen(backlog = 16): void {
    syscall('listen', this.fd, backlog);
  }

  /** Begins to connect, and may already be connected, or refused, when this returns. @throws SyscallError */
  connect(peer: Endpoint): void {
    const result = syscallRaw('connect', this.fd, ...this.#address(peer));
    if (result < 0 && result !== -EINPROGRESS && result !== -constants.errno.ECONNREFUSED)
      throw new SyscallError('connect', -result);
  }

  /** Back to a socket that is neither connected nor listening, by connect() to nobody. @throws SyscallError */
  disconnect(): void {
    const { view, address } = arena();
    view.setBigUint64(0, 0n);
    view.setBigUint64(8, 0n);
    syscall('connect', this.fd, address, 16);
  }

  /** Sends random bytes. @throws SyscallError, also where there is no room. */
  send(length: number, flags = 0): void {
    const { address } = arena();
    for (let sent = 0; sent < length; ) {
      const size = Math.min(length - sent, ARENA_SIZE - payloadAt);
      const all = flags | MessageFlag.noSignal;
      sent += syscall('sendto', this.fd, address + payloadAt, size, all, 0, 0);
    }
  }

  /** Sends a datagram. @throws SyscallError */
  sendTo(peer: Endpoint, bytes: Uint8Array): void {
    arena().bytes.set(bytes, payloadAt);
    const [address, size] = this.#address(peer);
    syscall('sendto', this.fd, address + payloadAt, bytes.length, 0, address, size);
  }

  /** Discards received data. */
  drain(): void {
    const { address } = arena();
    while (syscallRaw('recvfrom', this.fd, address + payloadAt, ARENA_SIZE - payloadAt, 0, 0, 0) > 0) {
      // Until nothing is left, or the stream has ended.
    }
  }

  /**
   * Ends directions; the end of the sending one sends a FIN.
   *
   * @param directions Bits of `sk_shutdown`: 1 receiving, 2 sending.
   * @throws SyscallError
   */
  shutdown(directions: number): void {
    // SHUT_RD, SHUT_WR and SHUT_RDWR (shutdown(2)) are one less.
    syscall('shutdown', this.fd, directions - 1);
  }

  /** @param values Each four bytes: an int, or the members of a struct. @throws SyscallError */
  set({ level, name }: SocketOption, ...values: number[]): void {
    const { view, address } = arena();
    values.forEach((value, index) => {
      view.setInt32(index * 4, value | 0, true);
    });
    syscall('setsockopt', this.fd, level, name, address, values.length * 4);
  }

  /** Binds to a network device, or with an empty name to none. @throws SyscallError */
  bindToDevice(device: string): void {
    const { bytes, address } = arena();
    const name = Buffer.from(`${device}\0`);
    bytes.set(name);
    const { level, name: option } = SocketOption.bindToDevice;
    syscall('setsockopt', this.fd, level, option, address, name.length);
  }

  /** The name of the device of an index; undefined if there is none. */
  deviceName(index: number): string | undefined {
    const getName = 0x8910;
    const { view, bytes, address } = arena();
    const nameSize = 16;
    view.setInt32(nameSize, index, true);
    if (syscallRaw('ioctl', this.fd, getName, address) < 0) return undefined;
    return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString();
  }

  /** As many bytes of an option as the kernel has, at most `size`. @throws SyscallError */
  get({ level, name }: SocketOption, size: number): Uint8Array {
    const { view, bytes, address } = arena();
    const lengthAt = 1024;
    view.setInt32(lengthAt, size, true);
    syscall('getsockopt', this.fd, level, name, address, address + lengthAt);
    return bytes.slice(0, view.getInt32(lengthAt, true));
  }

  /** Fetches the pending error and clears it. @throws SyscallError */
  takeError(): number {
    return new DataView(this.get(SocketOption.error, 4).buffer).getInt32(0, true);
  }

  /** Bytes that were written and not yet acknowledged. @throws SyscallError */
  unacked(): number {
    const outputQueue = 0x5411;
    const { view, address } = arena();
    syscall('ioctl', this.fd, outputQueue, address);
    return view.getInt32(0, true);
  }

  /**
   * Drops all segments that arrive, until {@link TestSocket.hearAgain}.
   *
   * @throws SyscallError, EPERM without CAP_NET_ADMIN on newer kernels (seen on 6.18.44 and 7.3).
   */
  playDeaf(): void {
    const { view, address } = arena();
    const programAt = 512;
    const returnConstant = 0x06;
    // struct sock_filter: `return 0`, that is, keep no byte. struct sock_fprog: one instruction, at that address.
    view.setUint32(programAt, returnConstant, true);
    view.setUint32(programAt + 4, 0, true);
    view.setBigUint64(0, 1n, true);
    view.setBigUint64(8, BigInt(address + programAt), true);
    const { level, name } = SocketOption.attachFilter;
    syscall('setsockopt', this.fd, level, name, address, 16);
  }

  /** @throws SyscallError */
  hearAgain(): void {
    this.set(SocketOption.detachFilter, 0);
  }

  #address({ address, port }: Endpoint): [number, number] {
    const memory = arena();
    memory.bytes.fill(0, 0, 28);
    memory.view.setUint16(0, this.family, true);
    memory.view.setUint16(2, port);
    if (this.family === AddressFamily.ipv4) {
      memory.view.setUint32(4, address);
      return [memory.address, 16];
    }
    memory.bytes.set(mapped(address), 8);
    return [memory.address, 28];
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** The sixteen bytes of `::ffff:` and an IPv4 address. */
export function mapped(address: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.fill(0xff, 10, 12);
  new DataView(bytes.buffer).setUint32(12, address);
  return bytes;
}
