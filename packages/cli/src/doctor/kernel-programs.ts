/** BPF programs that the kernel has: those that explain each other's effects on a host. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openPinnedLink, Program, programIds, programTypeName } from '@weir/ebpf';
import { attachedXdp, NetlinkProtocol, NetlinkSocket } from '@weir/ebpf/sys';
import { attempt } from './read-text.js';

/** Id, type and name of each loaded program, whoever has loaded it. Needs CAP_SYS_ADMIN. @throws SyscallError */
export function loadedPrograms(): object[] {
  return [...programIds()].flatMap((id) => {
    const found = attempt(() => described(id));
    // One program that cannot be opened hides no other.
    return typeof found === 'string' ? [{ id, error: found }] : found;
  });
}

function described(id: number): object[] {
  using program = Program.fromId(id);
  return program === undefined ? [] : [{ id, type: programTypeName(program.type), name: program.name }];
}

/** Ids of the programs of pinned links. @throws SyscallError; errors of reading the folder */
export function pinnedPrograms(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('link_'))
    .map((name) => {
      using link = openPinnedLink(join(folder, name));
      return link.info().programId;
    });
}

/** Mode and id of a device's XDP program; undefined where it has none. @throws SyscallError */
export function xdpOf(device: string): object | undefined {
  using socket = new NetlinkSocket(NetlinkProtocol.route);
  return attachedXdp(socket, device);
}
