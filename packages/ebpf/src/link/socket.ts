/** Programs that filter the packets a socket receives, and that choose among sockets of one port. */
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { type Arena, createArena } from '../sys/arena.js';
import { syscallRaw } from '../sys/syscalls.js';
import { ProgramType } from '../uapi/program-types.js';
import type { Link } from './link.js';
import { requireType } from './program-kind.js';

const SOL_SOCKET = 1;
const SO_DETACH_FILTER = 27;
const SO_ATTACH_BPF = 50;
const SO_ATTACH_REUSEPORT_EBPF = 52;
const SO_DETACH_REUSEPORT_BPF = 68;

let arena: Arena | undefined;

/**
 * Attaches to an open socket (SO_ATTACH_BPF, 3.19), in the place of any filter it has. The socket must still
 * be open when the link is disposed of, or be closed and its number unused.
 * @param socketFd The descriptor of the socket, which stays the caller's.
 * @throws SyscallError
 */
export function attachSocketFilter(program: ProgramHandle, socketFd: number): Link {
  requireType(program, 'attachSocketFilter', ProgramType.socketFilter);
  setOption(socketFd, SO_ATTACH_BPF, program.fd, 'SO_ATTACH_BPF');
  let attached = true;
  return {
    kind: 'socket_filter',
    update: (replacement) => setOption(socketFd, SO_ATTACH_BPF, replacement.fd, 'SO_ATTACH_BPF'),
    [Symbol.dispose]() {
      if (attached) setOption(socketFd, SO_DETACH_FILTER, 0, 'SO_DETACH_FILTER', true);
      attached = false;
    },
  };
}

/**
 * Attaches to the group of sockets that share an address by SO_REUSEPORT, of which it chooses one for each new connection or datagram: an
 * sk_reuseport program (4.19) by a map of sockets, a socket filter (4.5) by its index in the group. It replaces the group's program. Before 5.3 it
 * stays until the sockets are closed, since nothing detaches it.
 * @param socketFd The descriptor of any socket of the group, which stays the caller's. It must still be open when the link is disposed of, or be
 * closed and its number unused.
 * @throws SyscallError, such as EINVAL for a socket without SO_REUSEPORT.
 */
export function attachReuseport(program: ProgramHandle, socketFd: number): Link {
  requireType(program, 'attachReuseport', ProgramType.skReuseport, ProgramType.socketFilter);
  const attach = ({ fd }: ProgramHandle): void =>
    setOption(socketFd, SO_ATTACH_REUSEPORT_EBPF, fd, 'SO_ATTACH_REUSEPORT_EBPF');
  attach(program);
  let attached = true;
  return {
    kind: 'sk_reuseport',
    update: attach,
    [Symbol.dispose]() {
      if (attached) setOption(socketFd, SO_DETACH_REUSEPORT_BPF, 0, 'SO_DETACH_REUSEPORT_BPF', true);
      attached = false;
    },
  };
}

function setOption(socketFd: number, option: number, value: number, name: string, tolerant = false): void {
  arena ??= createArena(4);
  arena.view.setUint32(0, value, true);
  const result = syscallRaw('setsockopt', socketFd, SOL_SOCKET, option, arena.address, 4);
  if (result < 0 && !tolerant)
    throw new SyscallError(`setsockopt(${name})`, -result, advice(-result, option));
}

function advice(errno: number, option: number): string | undefined {
  const isGroup = option === SO_ATTACH_REUSEPORT_EBPF && errno === constants.errno.EINVAL;
  return isGroup
    ? 'the socket must have SO_REUSEPORT, set before it was bound, and be of TCP or UDP'
    : undefined;
}
