/** Programs on a network namespace: socket lookup (5.9) and flow dissection (5.8). */
import { closeSync, openSync } from 'node:fs';
import type { ProgramHandle } from '../program/program-handle.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { createLink, UpdatableLink } from './link.js';
import { requireType } from './program-kind.js';

/**
 * Attaches to a network namespace by a bpf_link (5.8; socket lookup 5.9).
 * @param namespace A path such as `/run/netns/blue`; default: the calling thread's own.
 * @throws SyscallError; the file system's error if the path cannot be opened.
 */
export function attachNetns(program: ProgramHandle, namespace = '/proc/thread-self/ns/net'): UpdatableLink {
  requireType(program, 'attachNetns', ProgramType.skLookup, ProgramType.flowDissector);
  const target = openSync(namespace, 'r');
  try {
    const onlyType =
      program.type === ProgramType.flowDissector ? AttachType.flowDissector : AttachType.skLookup;
    const attachType = program.expectedAttachType ?? onlyType;
    return new UpdatableLink('netns', createLink(program, target, attachType));
  } finally {
    closeSync(target);
  }
}
