/** Programs whose target is chosen when they are loaded: fentry, fexit, BTF-typed raw tracepoints, LSM hooks. */
import { constants } from 'node:os';
import type { ProgramHandle } from '../program/program-handle.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { AttachType } from '../uapi/attach-types.js';
import { Command } from '../uapi/commands.js';
import { ProgramType } from '../uapi/program-types.js';
import { FdLink } from './link.js';
import { requireType } from './program-kind.js';

const kinds: ReadonlyMap<number, string> = new Map([
  [AttachType.traceRawTp, 'tp_btf'],
  [AttachType.traceFentry, 'fentry'],
  [AttachType.traceFexit, 'fexit'],
  [AttachType.modifyReturn, 'fmod_ret'],
  [AttachType.lsmMac, 'lsm'],
]);

/**
 * Attaches a program to the target it was loaded for, by BPF_RAW_TRACEPOINT_OPEN without a name (5.5; LSM 5.7).
 * @throws SyscallError
 */
export function attachTracing(program: ProgramHandle): FdLink {
  requireType(program, 'attachTracing', ProgramType.tracing, ProgramType.lsm, ProgramType.ext);
  const kind =
    program.type === ProgramType.ext
      ? 'freplace'
      : (kinds.get(program.expectedAttachType ?? -1) ?? 'tracing');
  const fd = bpf(Command.rawTracepointOpen, attr('rawTracepoint', { progFd: program.fd }), (errno) => {
    const { EBUSY, ENOENT, EPERM } = constants.errno;
    const target = program.attachTo ?? program.name;
    if (errno === EBUSY) return `another ftrace user, such as a live patch, holds ${target}`;
    if (errno === ENOENT || errno === EPERM) return `${target} cannot be traced by ${kind} on this kernel`;
    return undefined;
  });
  return new FdLink(kind, new Fd(fd));
}
