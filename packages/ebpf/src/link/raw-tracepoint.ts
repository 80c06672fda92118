/** Raw tracepoints (4.17): the tracepoint's own arguments, not formatted by the kernel. */
import { constants } from 'node:os';
import type { ProgramHandle } from '../program/program-handle.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';
import { ProgramType } from '../uapi/program-types.js';
import { FdLink } from './link.js';
import { requireType } from './program-kind.js';

/**
 * Attaches a raw tracepoint program by BPF_RAW_TRACEPOINT_OPEN (4.17).
 * @param name Without a group: `inet_sock_set_state`. Default: what the program's section names.
 * @throws SyscallError, such as ENOENT where there is no such tracepoint.
 */
export function attachRawTracepoint(program: ProgramHandle, name: string = program.attachTo ?? ''): FdLink {
  requireType(program, 'attachRawTracepoint', ProgramType.rawTracepoint, ProgramType.rawTracepointWritable);
  // Sections name raw tracepoints alone; one with a group is meant all the same.
  const tracepoint = name.slice(name.lastIndexOf('/') + 1);
  const values = { name: tracepoint, progFd: program.fd };
  const fd = bpf(Command.rawTracepointOpen, attr('rawTracepoint', values), (errno) =>
    errno === constants.errno.ENOENT ? `this kernel has no tracepoint ${tracepoint}` : undefined,
  );
  return new FdLink('raw_tracepoint', new Fd(fd));
}
