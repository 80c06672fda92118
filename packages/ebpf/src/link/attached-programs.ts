/** The programs that are attached to a place, in the order in which they run. */
import { closeSync, constants as fileConstants, openSync } from 'node:fs';
import type { BpfMap } from '../map/map.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { AttachType } from '../uapi/attach-types.js';
import { Command } from '../uapi/commands.js';
import { deviceIndex } from './device.js';

/** A place where programs attach. */
export type AttachPlace =
  /** For `BPF_TCX_*` and `BPF_NETKIT_*`; its name or number in the calling thread's network namespace. */
  | { readonly device: string | number }
  /** For `BPF_CGROUP_*`; the folder of a cgroup v2, or an open descriptor of it. */
  | { readonly cgroup: string | number }
  /** For `BPF_FLOW_DISSECTOR` and `BPF_SK_LOOKUP`; the path of a network namespace. */
  | { readonly namespace: string }
  /** For `BPF_SK_*`: a sockmap or sockhash. */
  | { readonly map: BpfMap };

/** What is attached to a place. */
export interface AttachedPrograms {
  /** In the order in which they run. `linkId` is there where a bpf_link holds the program, and the kernel says so (tcx, netkit). */
  readonly programs: readonly { readonly programId: number; readonly linkId?: number }[];
  /** Changes whenever one comes or goes; absent before 6.6, and for places without an order. */
  readonly revision?: bigint;
}

/** More than a place can hold. */
const MOST = 1024;

/**
 * Lists the programs of a place (cgroup 4.15, network namespace 4.20, sockmap 5.18, tcx 6.6, netkit 6.7).
 * @param attachType Which of the place's kinds of attachments, {@link AttachType}.
 * @throws SyscallError; the file system's error if the place cannot be opened.
 */
export function attachedPrograms(place: AttachPlace, attachType: number): AttachedPrograms {
  const { target, close } = openPlace(place);
  try {
    const ordered = orderedTypes.has(attachType);
    const [programs, links] = [new Uint8Array(4 * MOST), new Uint8Array(4 * MOST)];
    const query = attr('query', {
      ...{ targetFd: target, attachType, progIds: programs, progCnt: MOST },
      // Older kernels ignore a member that they do not know, as long as it is 0.
      revision: 0,
      ...(ordered ? { linkIds: links } : {}),
    });
    bpf(Command.progQuery, query);
    const count = query.get('progCnt');
    const revision = query.get('revision');
    return {
      programs: ids(programs, count).map((programId, i) => ({
        programId,
        ...linkOf(ids(links, count)[i]),
      })),
      ...(revision === 0n ? {} : { revision }),
    };
  } finally {
    close();
  }
}

const orderedTypes: ReadonlySet<number> = new Set([
  ...[AttachType.tcxIngress, AttachType.tcxEgress, AttachType.netkitPrimary, AttachType.netkitPeer],
]);

function linkOf(linkId: number | undefined) {
  return linkId === undefined || linkId === 0 ? {} : { linkId };
}

function ids(bytes: Uint8Array, count: number): number[] {
  return [...new Uint32Array(bytes.buffer, 0, count)];
}

function openPlace(place: AttachPlace): { readonly target: number; close(): void } {
  const nothing = () => {};
  if ('device' in place) {
    const { device } = place;
    return { target: typeof device === 'number' ? device : deviceIndex(device), close: nothing };
  }
  if ('map' in place) return { target: place.map.fd, close: nothing };
  if ('cgroup' in place && typeof place.cgroup === 'number') return { target: place.cgroup, close: nothing };
  const path = 'cgroup' in place ? (place.cgroup as string) : place.namespace;
  const folder = 'cgroup' in place ? fileConstants.O_DIRECTORY : 0;
  const fd = openSync(path, fileConstants.O_RDONLY | folder);
  return { target: fd, close: () => closeSync(fd) };
}
