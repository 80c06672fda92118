/** tracefs where nobody has mounted it: a mount in no namespace, seen by this process only, gone with it. Linux 5.2. */
import { existsSync } from 'node:fs';
import { SyscallError } from '../errors.js';
import { type Arena, createArena } from './arena.js';
import { Fd } from './fd.js';
import { openFilesAdvice } from './open-files.js';
import { syscallRaw } from './syscalls.js';

/** Numbers of include/uapi/linux/mount.h. */
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;
const MOUNT_ATTR_NOSUID = 2;
const MOUNT_ATTR_NODEV = 4;
const MOUNT_ATTR_NOEXEC = 8;

let mounted: Fd | undefined;
let name: Arena | undefined;

/**
 * Its folder; undefined where it cannot be mounted: without CAP_SYS_ADMIN, before Linux 5.2, or without CONFIG_TRACING; and without
 * procfs, through which alone it has a path.
 *
 * @throws SyscallError where a limit on open files is reached, which says nothing of tracefs.
 */
export function privateTracefs(): string | undefined {
  if (!existsSync('/proc/self/fd')) return undefined;
  mounted ??= mount();
  return mounted && `/proc/self/fd/${mounted.fd}`;
}

function mount(): Fd | undefined {
  name ??= createArena(16);
  name.bytes.set(Buffer.from('tracefs\0'));
  const context = syscallRaw('fsopen', name.address, FSOPEN_CLOEXEC);
  if (context < 0) return unlessFull('fsopen', context);
  using _context = new Fd(context);
  if (syscallRaw('fsconfig', context, FSCONFIG_CMD_CREATE, 0, 0, 0) < 0) return undefined;
  const attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const mount = syscallRaw('fsmount', context, FSMOUNT_CLOEXEC, attributes);
  return mount < 0 ? unlessFull('fsmount', mount) : new Fd(mount);
}

function unlessFull(call: string, result: number): undefined {
  const advice = openFilesAdvice(-result);
  if (advice !== undefined) throw new SyscallError(`${call}(tracefs)`, -result, advice);
  return undefined;
}
