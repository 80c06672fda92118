/** The causes behind an errno of bpf(2), as far as this process can find out. */
import { constants } from 'node:os';
import { Command, commandSince } from '../uapi/commands.js';
import type { CapabilityName } from './capabilities.js';
import { kernelAtLeast } from './kernel-version.js';
import { describeObstacle, privilegeObstacle, refusal } from './obstacle.js';
import { openFilesAdvice } from './open-files.js';
import { type Situation, situation } from './situation.js';

const { EINVAL, ENOMEM, ENOSYS, EPERM } = constants.errno;

/** Commands that create something and therefore counted against RLIMIT_MEMLOCK before 5.11. */
const charged: ReadonlySet<number> = new Set([Command.mapCreate, Command.progLoad]);

/** Commands that policies deny as such. Others are denied for what they are about, such as a frozen map. */
const guarded: ReadonlySet<number> = new Set([
  ...[Command.mapCreate, Command.progLoad, Command.btfLoad, Command.rawTracepointOpen, Command.linkCreate],
]);

/**
 * Advice for a failed command, or `undefined` if there is none.
 * @param needs The capabilities that it takes.
 */
export function explainBpfFailure(
  command: number,
  errno: number,
  needs: readonly CapabilityName[] = ['CAP_BPF'],
  here: Situation = situation,
): string | undefined {
  switch (errno) {
    case EPERM: {
      const counted = charged.has(command) ? here : { ...here, memlock: () => undefined };
      const obstacle = guarded.has(command) ? refusal(errno, needs, counted) : privilegeObstacle(needs, here);
      return obstacle && describeObstacle(obstacle);
    }
    case ENOMEM:
      return charged.has(command) && here.memlock() !== undefined ? memlockAdvice : undefined;
    case ENOSYS:
      return here.seccomp()
        ? 'a seccomp filter blocks bpf(2): run it outside of the container'
        : 'this kernel was built without CONFIG_BPF_SYSCALL';
    case EINVAL:
      // An unknown command is refused before its arguments are looked at; the table of commands says which versions know which.
      return explainUnknownCommand(command);
    default:
      return openFilesAdvice(errno);
  }
}

const memlockAdvice =
  'before Linux 5.11, maps and programs count against RLIMIT_MEMLOCK: raise it (ulimit -l unlimited), or add CAP_SYS_RESOURCE';

function explainUnknownCommand(command: number): string | undefined {
  const since = commandSince(command);
  if (since === undefined || kernelAtLeast(since)) return undefined;
  return `this command exists since Linux ${since}`;
}
