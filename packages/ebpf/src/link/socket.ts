/** Programs that filter the packets a socket receives. */
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

function setOption(socketFd: number, option: number, value: number, name: string, tolerant = false): void {
  arena ??= createArena(4);
  arena.view.setUint32(0, value, true);
  const result = syscallRaw('setsockopt', socketFd, SOL_SOCKET, option, arena.address, 4);
  if (result < 0 && !tolerant) throw new SyscallError(`setsockopt(${name})`, -result);
}
