/** Programs on a cgroup's sockets and packets. */
import { closeSync, constants, openSync } from 'node:fs';
import { OptionError } from '../errors.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { AttachType } from '../uapi/attach-types.js';
import { Command } from '../uapi/commands.js';
import { AttachFlag } from '../uapi/flags.js';
import { ProgramType } from '../uapi/program-types.js';
import { createLink, type Link, UpdatableLink } from './link.js';
import { requireType } from './program-kind.js';

/** Options of {@link attachCgroup}. */
export interface CgroupOptions {
  /** BPF_CGROUP_* attach type. Default: the one the program was loaded for. */
  readonly attachType?: number;
  /** BPF_F_ALLOW_* for kernels without links. Default BPF_F_ALLOW_MULTI (4.15), which is how links behave. */
  readonly flags?: number;
  /** The features by which the way to attach is chosen. Default: those of the running kernel. */
  readonly features?: FeatureTable;
}

/**
 * Attaches to a cgroup and those below it: by a bpf_link (5.7), else by BPF_PROG_ATTACH (4.10), which the
 * kernel keeps when this process dies.
 * @param cgroup The folder of a cgroup v2, or an open descriptor of it.
 * @throws OptionError where the program was not loaded for an attach type and none is given; SyscallError; UnknownFeatureError where it
 * cannot be found out whether the kernel has links; the file system's error if the folder cannot be opened.
 */
export function attachCgroup(
  program: ProgramHandle,
  cgroup: string | number,
  options: CgroupOptions = {},
): Link {
  requireType(program, 'attachCgroup', ...cgroupTypes);
  const attachType = options.attachType ?? program.expectedAttachType ?? onlyAttachType.get(program.type);
  if (attachType === undefined)
    throw new OptionError(
      `program ${program.name}: nothing says for which of a cgroup's events it is (section ${program.kind ?? 'unknown'}): give the attachType`,
    );
  const folder =
    typeof cgroup === 'number' ? undefined : openSync(cgroup, constants.O_RDONLY | constants.O_DIRECTORY);
  const target = folder ?? (cgroup as number);
  try {
    if ((options.features ?? kernelFeatures).decide('cgroup_link')) {
      return new UpdatableLink('cgroup', createLink(program, target, attachType));
    }
    return new AttachedToCgroup(program, target, attachType, options.flags ?? AttachFlag.allowMulti);
  } finally {
    if (folder !== undefined) closeSync(folder);
  }
}

const cgroupTypes: readonly number[] = [
  ...[ProgramType.cgroupSkb, ProgramType.cgroupSock, ProgramType.cgroupSockAddr, ProgramType.cgroupSockopt],
  ...[ProgramType.cgroupSysctl, ProgramType.cgroupDevice, ProgramType.sockOps, ProgramType.lsm],
];

/** Program types with one attach type only, which their sections need not name. */
const onlyAttachType: ReadonlyMap<number, number> = new Map([
  [ProgramType.sockOps, AttachType.cgroupSockOps],
  [ProgramType.cgroupDevice, AttachType.cgroupDevice],
  [ProgramType.cgroupSock, AttachType.cgroupInetSockCreate],
  [ProgramType.cgroupSysctl, AttachType.cgroupSysctl],
]);

/** An attachment that is undone by naming the program, so descriptors of cgroup and program are held until then. */
class AttachedToCgroup implements Link {
  readonly kind = 'cgroup';
  readonly #attachType: number;
  #held: { readonly cgroup: number; readonly program: Disposable & { readonly fd: number } } | undefined;

  constructor(program: ProgramHandle, cgroup: number, attachType: number, flags: number) {
    this.#attachType = attachType;
    const values = { targetFd: cgroup, attachBpfFd: program.fd, attachType, attachFlags: flags };
    bpf(Command.progAttach, attr('progAttach', values));
    this.#held = { cgroup: reopen(cgroup), program: program.hold() };
  }

  [Symbol.dispose](): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    using program = held.program;
    try {
      const values = { targetFd: held.cgroup, attachBpfFd: program.fd, attachType: this.#attachType };
      bpf(Command.progDetach, attr('progAttach', values));
    } finally {
      closeSync(held.cgroup);
    }
  }
}

function reopen(fd: number): number {
  return openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_DIRECTORY);
}
