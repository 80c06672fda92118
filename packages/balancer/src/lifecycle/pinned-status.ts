/** What is pinned of a balancer, with or without a process. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openPinnedLink } from '@weir/ebpf';
import { deviceName } from '@weir/ebpf/sys';
import { isOfOtherNetns } from './own-netns.js';
import { defaultPinRoot, readPinnedState } from './pin-folder.js';

/** A pinned attachment of a balancer's program. */
export interface PinnedAttachment {
  /** Undefined if the device is gone. */
  readonly interface: string | undefined;
  /** The kernel's id of the program. */
  readonly program: number;
}

/** A device's name; its number where another network namespace has the device. */
function nameOf(ifindex: number, isElsewhere: boolean): string {
  const number = `device ${ifindex}`;
  if (isElsewhere) return `${number} of another network namespace`;
  try {
    return deviceName(ifindex) ?? number;
  } catch {
    return number;
  }
}

/** The folder of a balancer's pins. */
export function pinnedFolder(name: string, root: string = defaultPinRoot): string {
  return join(root, name);
}

/** The pinned attachments of a balancer; none for one in a chain. @throws SyscallError; errors of reading the folder */
export function pinnedAttachments(name: string, root: string = defaultPinRoot): PinnedAttachment[] {
  const folder = pinnedFolder(name, root);
  const isElsewhere = isOfOtherNetns(readPinnedState(folder));
  return readdirSync(folder)
    .filter((entry) => entry.startsWith('link_'))
    .map((entry) => {
      using link = openPinnedLink(join(folder, entry));
      const { ifindex, programId } = link.info();
      const place = ifindex === 0 ? undefined : nameOf(ifindex, isElsewhere);
      return { interface: place, program: programId };
    });
}
