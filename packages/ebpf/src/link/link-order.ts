/** The place of a program among others on the same device or cgroup. */
import { constants } from 'node:os';
import { OptionError, SyscallError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { AttachFlag } from '../uapi/flags.js';
import { FdLink } from './link.js';

/** A program or link that is attached there already, or the kernel's number for one. */
export type LinkNeighbour =
  | FdLink
  | ProgramHandle
  | { readonly linkId: number }
  | { readonly programId: number };

/** Where a program runs among others: before or behind all, or right before or behind one of them. */
export type LinkPosition =
  | 'first'
  | 'last'
  | { readonly before: LinkNeighbour }
  | { readonly after: LinkNeighbour };

/** Options of attachments in an order. */
export interface LinkOrder {
  /** Default: the last. */
  readonly position?: LinkPosition;
  /** Fails with ESTALE if others have come or gone since the revision that {@link attachedPrograms} showed. */
  readonly expectedRevision?: bigint;
}

/** A member of BPF_LINK_CREATE about the order: of tcx, netkit and cgroup alike. */
interface OrderArguments {
  readonly flags: number;
  readonly relative: {
    readonly relativeFd?: number;
    readonly relativeId?: number;
    readonly expectedRevision?: bigint;
  };
}

/** BPF_F_LINK: the neighbour is a link. */
const BPF_F_LINK = 1 << 13;

/** Whether the options say anything. */
export function hasOrder({ position, expectedRevision }: LinkOrder): boolean {
  return position !== undefined || expectedRevision !== undefined;
}

/** The order as BPF_LINK_CREATE takes it. @throws OptionError */
export function orderArguments({ position, expectedRevision }: LinkOrder): OrderArguments {
  const revision = expectedRevision === undefined ? {} : { expectedRevision };
  if (position === undefined) return { flags: 0, relative: revision };
  if (position === 'first') return { flags: AttachFlag.before, relative: revision };
  if (position === 'last') return { flags: AttachFlag.after, relative: revision };
  const isBefore = 'before' in position;
  const neighbour = isBefore ? position.before : position.after;
  const { flags, ...relative } = neighbourArguments(neighbour);
  return {
    flags: flags | (isBefore ? AttachFlag.before : AttachFlag.after),
    relative: { ...relative, ...revision },
  };
}

function neighbourArguments(neighbour: LinkNeighbour) {
  if (neighbour instanceof FdLink) return { flags: BPF_F_LINK, relativeFd: neighbour.fd };
  if ('linkId' in neighbour) return { flags: BPF_F_LINK | AttachFlag.id, relativeId: neighbour.linkId };
  if ('programId' in neighbour) return { flags: AttachFlag.id, relativeId: neighbour.programId };
  if ('fd' in neighbour) return { flags: 0, relativeFd: neighbour.fd };
  throw new OptionError('the neighbour is a program, a bpf_link, or the id of one');
}

/** Says what the errno of a refused place means. */
export function explainOrder(errno: number): string | undefined {
  const { ENOENT, ERANGE, ESTALE } = constants.errno;
  if (errno === ENOENT) return 'the neighbour is not attached there';
  if (errno === ESTALE) return 'others have come or gone since the expected revision';
  return errno === ERANGE ? 'as many programs as possible are attached there' : undefined;
}

/** Whether an error is an errno of a system call. */
export function isErrno(error: unknown, errno: number): boolean {
  return error instanceof SyscallError && error.errno === errno;
}
