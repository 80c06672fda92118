/** What Node.js does not offer of its sockets. */
import type { Server, Socket } from 'node:net';
import { createArena, syscall } from '@weir/ebpf/sys';

const arena = createArena(256);

/** A socket's descriptor, as long as it is open. */
export function descriptor(socket: Server | Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

/** Reads an option of at most 248 bytes, getsockopt(2). The bytes are valid until the next call. */
export function getOption(fd: number, level: number, option: number): DataView {
  arena.bytes.fill(0);
  arena.view.setUint32(248, 248, true);
  syscall('getsockopt', fd, level, option, arena.address, arena.address + 248);
  return arena.view;
}

/** Sets an option that is an integer, setsockopt(2). */
export function setOption(fd: number, level: number, option: number, value: number): void {
  arena.view.setUint32(0, value, true);
  syscall('setsockopt', fd, level, option, arena.address, 4);
}
