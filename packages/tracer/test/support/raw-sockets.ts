/** Sockets that work at once, in the network namespace that the calling thread is in: see withNetns(). */

import { closeSync } from 'node:fs';
import { parseMappedPrefix } from '@weir/ebpf/address';
import { createArena, syscall, syscallRaw } from '@weir/ebpf/sys';

const SIZE = 1 << 17;
const arena = createArena(SIZE);

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
export const MSG_PEEK = 2;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

/** A sockaddr in the arena; returns its length. `::ffff:a.b.c.d` is an IPv6 one; `fe80::1%3` is on the interface number 3. */
function putAddress(text: string, port: number): number {
  const [address = text, scope = '0'] = text.split('%');
  const { view, bytes } = arena;
  view.setUint16(2, port);
  if (!address.includes(':')) {
    view.setUint16(0, AF_INET, true);
    bytes.set(parseMappedPrefix(address).address.subarray(12), 4);
    return 16;
  }
  view.setUint16(0, AF_INET6, true);
  view.setUint32(4, 0);
  bytes.set(parseMappedPrefix(address).address, 8);
  view.setUint32(24, Number(scope), true);
  return 28;
}

/** A blocking socket. */
export class RawSocket implements Disposable {
  readonly fd: number;
  #isOpen = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  static tcp(ipv6 = false, flags = 0): RawSocket {
    return new RawSocket(syscall('socket', ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  }

  static udp(ipv6 = false): RawSocket {
    return new RawSocket(syscall('socket', ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }

  bind(address: string, port = 0): this {
    syscall('bind', this.fd, arena.address, putAddress(address, port));
    return this;
  }

  listen(backlog = 128): this {
    syscall('listen', this.fd, backlog);
    return this;
  }

  connect(address: string, port: number): this {
    syscall('connect', this.fd, arena.address, putAddress(address, port));
    return this;
  }

  accept(): RawSocket {
    return new RawSocket(syscall('accept4', this.fd, 0, 0, SOCK_CLOEXEC));
  }

  /** This side's port. */
  get port(): number {
    arena.view.setUint32(64, 28, true);
    syscall('getsockname', this.fd, arena.address, arena.address + 64);
    return arena.view.getUint16(2);
  }

  /** @param value A number of 32 bits, or bytes. */
  setOption(level: number, name: number, value: number | readonly number[]): this {
    const bytes =
      typeof value === 'number' ? Buffer.from(Uint32Array.of(value).buffer) : Uint8Array.from(value);
    arena.bytes.set(bytes);
    syscall('setsockopt', this.fd, level, name, arena.address, bytes.length);
    return this;
  }

  /** Bytes sent, or the negative errno. */
  send(length: number, flags = 0, to?: { readonly address: string; readonly port: number }): number {
    const size = to === undefined ? 0 : putAddress(to.address, to.port);
    return syscallRaw(
      'sendto',
      this.fd,
      arena.address + 64,
      length,
      flags,
      size === 0 ? 0 : arena.address,
      size,
    );
  }

  /** The result of recvfrom(), or the negative errno. */
  receive(length: number, flags = 0): number {
    return syscallRaw('recvfrom', this.fd, arena.address + 64, length, flags, 0, 0);
  }

  /** @param how 0 reading, 1 writing, 2 both. */
  shutdown(how: number): this {
    syscall('shutdown', this.fd, how);
    return this;
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.fd);
  }
}
