/** Functions of loaded programs as targets: of freplace, and of fentry and fexit. */
import { Btf } from '../btf/parse.js';
import { Kind } from '../btf/types.js';
import { EbpfError } from '../errors.js';
import type { ProgramSpec } from '../object/spec.js';
import { programInfo } from '../program/program-info.js';
import { attr, infoAttr, kernelStruct } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';

/** A program that others attach to: loaded by this library, or an open descriptor. */
export type TargetProgram = number | { readonly fd: number; readonly name: string };

/**
 * The members of BPF_PROG_LOAD that name a function of a program (5.5; to be replaced 5.6).
 * @param program The one that attaches. Its section names the function; without a name, it is the program itself.
 * @throws EbpfError where the target has no types, or no such function; SyscallError
 */
export function functionOfProgram(program: ProgramSpec, target: TargetProgram) {
  const fd = typeof target === 'number' ? target : target.fd;
  const { btfId, name: shortName } = programInfo(fd);
  const name = typeof target === 'number' ? shortName : target.name;
  if (btfId === 0)
    throw new EbpfError(
      `program ${program.name}: its target, program ${name}, was loaded without types (compile with -g), so its functions have no names`,
    );
  const btf = loadedBtf(btfId);
  const wanted = program.attachTo ?? name;
  const attachBtfId =
    btf.find(wanted, Kind.func) ?? (program.attachTo === undefined ? byPrefix(btf, wanted) : undefined);
  if (attachBtfId !== undefined) return { attachBtfId, attachProgFd: fd };
  const functions = functionNames(btf).join(', ');
  throw new EbpfError(
    `program ${program.name}: program ${name} has no function ${wanted}; it has ${functions}`,
  );
}

/** The kernel keeps 15 bytes of a program's name. */
function byPrefix(btf: Btf, name: string): number | undefined {
  const found = functionNames(btf).filter((full) => full.startsWith(name));
  return found.length === 1 ? btf.find(found[0]!, Kind.func) : undefined;
}

function functionNames(btf: Btf): string[] {
  const names: string[] = [];
  for (let id = 1; id < btf.length; id++) if (btf.kind(id) === Kind.func) names.push(btf.type(id).name);
  return names;
}

/** The types that a program was loaded with. */
function loadedBtf(id: number): Btf {
  using fd = new Fd(
    bpf(Command.btfGetFdById, attr('getId', { btfId: id }), () => 'the types of the target program'),
  );
  const sized = kernelStruct('btfInfo');
  bpf(Command.objGetInfoByFd, infoAttr(fd.fd, sized));
  const bytes = new Uint8Array(sized.get('btfSize'));
  const info = kernelStruct('btfInfo', { btf: bytes, btfSize: bytes.length });
  bpf(Command.objGetInfoByFd, infoAttr(fd.fd, info));
  return Btf.parse(bytes);
}
