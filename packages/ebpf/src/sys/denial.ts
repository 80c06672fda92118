/** Whether the kernel lets this process use bpf(2) at all. */
import { constants } from 'node:os';
import { errnoName } from '../errors.js';
import { Command } from '../uapi/commands.js';
import { MapType } from '../uapi/map-types.js';
import { mapCreateAttr } from './attr.js';
import { bpfRaw } from './bpf.js';
import { Fd } from './fd.js';
import { raiseMemlock } from './memlock.js';
import { bareReason, filtered, type Obstacle, refusal } from './obstacle.js';
import { type Situation, situation } from './situation.js';

/** The obstacle to bpf(2) itself, whatever it is used for; undefined where there is none. Tries to make a small map. */
export function bpfDenial(): Obstacle | undefined {
  raiseMemlock();
  const attr = mapCreateAttr({ type: MapType.array, keySize: 4, valueSize: 4, maxEntries: 1 });
  const result = bpfRaw(Command.mapCreate, attr);
  if (result < 0) return denialOf(-result);
  new Fd(result)[Symbol.dispose]();
  return undefined;
}

/** The obstacle in an errno of that attempt. @param errno Positive. */
export function denialOf(errno: number, here: Situation = situation): Obstacle {
  const { EACCES, ENOSYS, EPERM } = constants.errno;
  const obstacle =
    errno === EPERM || errno === EACCES
      ? refusal(errno, ['CAP_BPF'], here)
      : errno === ENOSYS && here.seccomp()
        ? filtered(errno)
        : { reason: errno === ENOSYS ? 'this kernel was built without CONFIG_BPF_SYSCALL' : '', missing: [] };
  const reason = bareReason(obstacle);
  return {
    ...obstacle,
    reason: `bpf(2) fails with ${errnoName(errno)}${reason === '' ? '' : `: ${reason}`}`,
  };
}
