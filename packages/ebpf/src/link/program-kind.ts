/** Attachments refuse programs of other types, before the kernel says no more than EINVAL. */
import { OptionError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { programTypeName } from '../uapi/program-types.js';

/** @throws OptionError for a program of none of these types. @param what That which takes such programs. */
export function requireType(program: ProgramHandle, what: string, ...types: readonly number[]): void {
  if (types.includes(program.type)) return;
  const names = types.map(programTypeName).join(' or ');
  throw new OptionError(
    `program ${program.name} is a ${programTypeName(program.type)}: ${what} takes a ${names}`,
  );
}
