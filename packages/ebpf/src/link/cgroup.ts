/** Programs on a cgroup's sockets and packets. */
import { closeSync, constants as fileConstants, openSync } from 'node:fs';
import { constants } from 'node:os';
import { OptionError } from '../errors.js';
import { unsupported } from '../features/since.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import type { ProgramHandle } from '../program/program-handle.js';
import type { Fd } from '../sys/fd.js';
import { AttachType } from '../uapi/attach-types.js';
import { AttachFlag } from '../uapi/flags.js';
import { ProgramType } from '../uapi/program-types.js';
import { DetachableLink } from './detachable.js';
import { createLink, type Link, UpdatableLink } from './link.js';
import { explainOrder, hasOrder, type LinkOrder, orderArguments } from './link-order.js';
import { createSupportedLink } from './link-support.js';
import { requireType } from './program-kind.js';

/** Options of {@link attachCgroup}. */
export interface CgroupOptions extends LinkOrder {
  /** BPF_CGROUP_* attach type. Default: the one the program was loaded for. */
  readonly attachType?: number;
  /** BPF_F_ALLOW_* for kernels without links. Default BPF_F_ALLOW_MULTI (4.15), which is how links behave. */
  readonly flags?: number;
  /** Runs before the programs of cgroups below, which otherwise run first (6.15). */
  readonly preorder?: boolean;
  /** The features by which the way to attach is chosen. Default: those of the running kernel. */
  readonly features?: FeatureTable;
}

/**
 * Attaches to a cgroup and those below it, beside others that are there: by a bpf_link (5.7), else by BPF_PROG_ATTACH (4.10), which the
 * kernel keeps when this process dies. A place among the others can be chosen since 6.17, by their links.
 * @param cgroup The folder of a cgroup v2, or an open descriptor of it.
 * @throws OptionError where the program was not loaded for an attach type and none is given; SyscallError; UnsupportedError for an order
 * on an older kernel; UnknownFeatureError where it cannot be found out whether the kernel has links; the file system's error if the folder
 * cannot be opened.
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
    typeof cgroup === 'number'
      ? undefined
      : openSync(cgroup, fileConstants.O_RDONLY | fileConstants.O_DIRECTORY);
  const target = folder ?? (cgroup as number);
  try {
    if ((options.features ?? kernelFeatures).decide('cgroup_link')) {
      return new UpdatableLink('cgroup', createOrderedLink(program, target, attachType, options));
    }
    if (hasOrder(options)) throw unsupported(cgroupOrder.feature, cgroupOrder.since);
    if (options.preorder === true) throw unsupported(preorder.feature, preorder.since);
    return new DetachableLink('cgroup', program, target, attachType, {
      flags: options.flags ?? AttachFlag.allowMulti,
      replaces: 'by-flag',
    });
  } finally {
    if (folder !== undefined) closeSync(folder);
  }
}

const cgroupOrder = { feature: 'order of programs on a cgroup', since: '6.17' } as const;
const preorder = { feature: 'BPF_F_PREORDER', since: '6.15' } as const;

function createOrderedLink(
  program: ProgramHandle,
  target: number,
  attachType: number,
  options: CgroupOptions,
): Fd {
  const { flags, relative } = orderArguments(options);
  const first = options.preorder === true ? AttachFlag.preorder : 0;
  if (!hasOrder(options) && first === 0) return createLink(program, target, attachType);
  const support = hasOrder(options) ? cgroupOrder : preorder;
  const more = { flags: flags | first, ...(hasOrder(options) ? { cgroup: relative } : {}) };
  return createSupportedLink(support, program, target, attachType, more, (errno) =>
    errno === constants.errno.EINVAL && typeof options.position === 'object'
      ? 'neighbours on a cgroup are named by their links, not by their programs'
      : explainOrder(errno),
  );
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
