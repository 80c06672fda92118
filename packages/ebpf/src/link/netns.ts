/** Programs on a network namespace: socket lookup (5.9) and flow dissection (5.8). */
import { closeSync, openSync } from 'node:fs';
import type { Program } from '../program/program.js';
import { AttachType } from '../uapi/attach-types.js';
import { createLink, UpdatableLink } from './link.js';

/**
 * Attaches to a network namespace by a bpf_link (5.8; socket lookup 5.9).
 * @param namespace A path such as `/run/netns/blue`; default: the calling thread's own.
 * @throws SyscallError; the file system's error if the path cannot be opened.
 */
export function attachNetns(program: Program, namespace = '/proc/thread-self/ns/net'): UpdatableLink {
  const target = openSync(namespace, 'r');
  try {
    const attachType = program.expectedAttachType ?? AttachType.skLookup;
    return new UpdatableLink('netns', createLink(program, target, attachType));
  } finally {
    closeSync(target);
  }
}
