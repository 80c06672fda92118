/** Links of kinds that older kernels refuse with no more than EINVAL: the refusal names the version, or the option that is lacking. */
import { constants } from 'node:os';
import { SyscallError, UnsupportedError } from '../errors.js';
import { unsupported } from '../features/since.js';
import type { ProgramHandle } from '../program/program-handle.js';
import type { AttrValues } from '../sys/attr.js';
import type { Fd } from '../sys/fd.js';
import { kernelAtLeast } from '../sys/kernel-version.js';
import { createLink } from './link.js';

/** The errno ENOTSUPP, which is the kernel's own. */
const ENOTSUPP = 524;

/** What a kernel needs for a kind of link. */
export interface LinkSupport {
  /** In the kernel's own terms. */
  readonly feature: string;
  /** The first mainline version that has it. */
  readonly since: string;
  /** The option with which the kernel is built that has it: `CONFIG_NETKIT`. */
  readonly option?: string;
}

/** Answers of kernels that do not know a kind of link, or an argument of it. */
const unknownKind: ReadonlySet<number> = new Set([
  ...[constants.errno.EINVAL, constants.errno.E2BIG, constants.errno.ENOSYS],
  ...[constants.errno.EOPNOTSUPP, ENOTSUPP],
]);

/**
 * Creates a link of a kind that not every kernel has.
 * @throws UnsupportedError where the kernel is too old, or built without it; else SyscallError.
 */
export function createSupportedLink(
  support: LinkSupport,
  program: ProgramHandle,
  target: number,
  attachType: number,
  more: AttrValues<'linkCreate'> = {},
  advice?: (errno: number) => string | undefined,
): Fd {
  try {
    return createLink(program, target, attachType, more, advice);
  } catch (error) {
    throw explained(error, support);
  }
}

/** The error that says what the kernel lacks, where that is the reason. */
export function explained(error: unknown, { feature, since, option }: LinkSupport): unknown {
  if (!(error instanceof SyscallError) || !unknownKind.has(error.errno)) return error;
  if (!kernelAtLeast(since)) return unsupported(feature, since);
  const isLeftOut = error.errno === constants.errno.EOPNOTSUPP || error.errno === ENOTSUPP;
  if (!isLeftOut || option === undefined) return error;
  return new UnsupportedError(feature, undefined, `it was built without ${option}`);
}
