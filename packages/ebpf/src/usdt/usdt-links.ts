/** How programs on static probes are attached: to all places of a probe by one link, where the kernel has such links. */
import type { FeatureTable } from '../features/table.js';
import type { ProgramSpec } from '../object/spec.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';

/** The program, loaded for one link to all places, if it is of a static probe and does not say otherwise. */
export function loadedForUsdt(program: ProgramSpec, features: FeatureTable): ProgramSpec {
  const isUsdt = program.kind === 'usdt' || program.kind === 'usdt.s';
  if (!isUsdt || program.type !== ProgramType.kprobe || program.expectedAttachType !== undefined)
    return program;
  // Programs distinguish places by cookies.
  if (!features.has('attach_cookie') || !features.has('uprobe_multi')) return program;
  return { ...program, expectedAttachType: AttachType.traceUprobeMulti };
}

/** Whether a program was loaded for one link to all places: then it is attached in no other way. */
export function takesAllPlaces(program: ProgramHandle): boolean {
  return program.expectedAttachType === AttachType.traceUprobeMulti;
}
