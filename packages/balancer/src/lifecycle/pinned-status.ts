/** What is pinned of a balancer, with or without a process. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openPinnedLink } from '@weir/ebpf';
import { deviceName } from '@weir/ebpf/sys';
import { defaultPinRoot } from './pin-folder.js';

/** A pinned attachment of a balancer's program. */
export interface PinnedAttachment {
  /** Undefined if the device is gone. */
  readonly interface: string | undefined;
  /** The kernel's id of the program. */
  readonly program: number;
}

/** A device's name; its number where another network namespace has the device. */
function nameOf(ifindex: number): string {
  const number = `device ${ifindex}`;
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
  return readdirSync(folder)
    .filter((entry) => entry.startsWith('link_'))
    .map((entry) => {
      using link = openPinnedLink(join(folder, entry));
      const { ifindex, programId } = link.info();
      const place = ifindex === 0 ? undefined : nameOf(ifindex);
      return { interface: place, program: programId };
    });
}
