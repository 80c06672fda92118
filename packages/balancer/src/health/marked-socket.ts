/** Connections whose packets carry a socket mark, the first one included. */
import { Socket } from 'node:net';
import { type Arena, createArena, Fd, syscall } from '@weir/ebpf/sys';

const AF_INET = 2;
const AF_INET6 = 10;
/** SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC */
const STREAM = 1 | 0x800 | 0x80000;
const SOL_SOCKET = 1;
const SO_MARK = 36;

let arena: Arena | undefined;

/**
 * Creates an unconnected TCP socket with a mark. Needs CAP_NET_ADMIN.
 *
 * @param mark Not 0, which means no mark.
 * @throws SyscallError
 */
export function markedSocket(ipv6: boolean, mark: number): Socket {
  arena ??= createArena(4);
  const fd = new Fd(syscall('socket', ipv6 ? AF_INET6 : AF_INET, STREAM, 0));
  try {
    arena.view.setUint32(0, mark, true);
    syscall('setsockopt', fd.fd, SOL_SOCKET, SO_MARK, arena.address, 4);
    const socket = new Socket({ fd: fd.fd, readable: true, writable: true });
    fd.release();
    return socket;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}
