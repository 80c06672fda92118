/** The attach type of a program that was opened rather than loaded: the kernel's account of a program does not have it. */
import { constants } from 'node:os';
import { sectionKinds } from '../object/sections.js';
import { attr } from '../sys/attr.js';
import { bpfRaw } from '../sys/bpf.js';
import { Command } from '../uapi/commands.js';
import { ProgramType } from '../uapi/program-types.js';

const { EBADF } = constants.errno;

/** Program types that are attached to control groups, and of which the kernel refuses an attach type other than the expected. */
const cgroupTypes: ReadonlySet<number> = new Set([
  ProgramType.cgroupSkb,
  ProgramType.cgroupSock,
  ProgramType.cgroupSockAddr,
  ProgramType.cgroupSockopt,
  ProgramType.cgroupSysctl,
  ProgramType.cgroupDevice,
  ProgramType.sockOps,
]);

/**
 * The only attach type with which the kernel would attach the program to a control group; undefined where there are several, as for most
 * programs on packets, or for other types. Asked with a control group that does not exist, so nothing is attached.
 */
export function enforcedAttachType(fd: number, type: number): number | undefined {
  if (!cgroupTypes.has(type)) return undefined;
  const possible = new Set<number>();
  for (const kind of sectionKinds)
    if (kind.type === type && kind.attachType !== undefined) possible.add(kind.attachType);
  const taken = [...possible].filter((attachType) => {
    const values = { targetFd: 0xffff_ffff, attachBpfFd: fd, attachType };
    return bpfRaw(Command.progAttach, attr('progAttach', values)) === -EBADF;
  });
  return taken.length === 1 ? taken[0] : undefined;
}
