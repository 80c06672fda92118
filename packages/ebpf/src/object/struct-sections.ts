/** Structs of functions that the kernel calls, declared in C as variables in `.struct_ops` and `.struct_ops.link`. */
import type { Btf } from '../btf/parse.js';
import { isComposite, Kind } from '../btf/types.js';
import { SectionType, SymbolType } from '../elf/elf-constants.js';
import type { ElfFile, Section } from '../elf/file.js';
import { FormatError } from '../errors.js';
import { instructionSize } from '../insn/insn.js';
import { MapFlag } from '../uapi/flags.js';
import { MapType } from '../uapi/map-types.js';
import type { CodeSection } from './functions.js';
import type { MapSpec, ProgramSpec } from './spec.js';

/** A `?` stands before what is created only when its programs are named. */
const sectionName = /^(\?)?\.struct_ops(\.link)?$/;

/** One map a variable. @throws FormatError for a variable that is no struct, or holds the address of something other than a program. */
export function structOpsMaps(
  elf: ElfFile,
  btf: Btf | undefined,
  code: ReadonlyMap<number, CodeSection>,
): MapSpec[] {
  return elf.sections
    .filter(({ name, type, size }) => sectionName.test(name) && type === SectionType.progbits && size > 0)
    .flatMap((section) => mapsOfSection(elf, btf, code, section));
}

function mapsOfSection(
  elf: ElfFile,
  btf: Btf | undefined,
  code: ReadonlyMap<number, CodeSection>,
  section: Section,
): MapSpec[] {
  const [, optional, link] = sectionName.exec(section.name)!;
  const datasec = btf?.type(btf.find(section.name, Kind.datasec) ?? 0);
  if (btf === undefined || datasec?.kind !== Kind.datasec)
    throw new FormatError(`the object has no BTF for section ${section.name}: compile with -g`);
  const data = elf.data(section);
  const functions = functionsOf(elf, code, section);
  return datasec.variables.map(({ typeId, offset }) => {
    const variable = btf.type(typeId);
    if (variable.kind !== Kind.var)
      throw new FormatError(`${section.name} holds something that is no variable: BTF type ${typeId}`);
    const structId = btf.skipModifiers(variable.typeId);
    const struct = btf.type(structId);
    if (!isComposite(struct)) throw new FormatError(`${section.name}: ${variable.name} is no struct`);
    const end = offset + struct.size;
    if (end > data.length)
      throw new FormatError(`${section.name}: ${variable.name} reaches past the end of the section`);
    const own = [...functions].filter(([at]) => at >= offset && at < end);
    return {
      name: variable.name,
      type: MapType.structOps,
      keySize: 4,
      // The kernel's struct has this one and more.
      valueSize: struct.size,
      maxEntries: 1,
      flags: link === undefined ? 0 : MapFlag.link,
      structOps: {
        typeId: structId,
        contents: data.slice(offset, end),
        functions: new Map(own.map(([at, name]) => [at - offset, name])),
        autocreate: optional === undefined,
      },
    };
  });
}

/** The programs whose addresses stand in a section, by offset. */
function functionsOf(
  elf: ElfFile,
  code: ReadonlyMap<number, CodeSection>,
  section: Section,
): Map<number, string> {
  const functions = new Map<number, string>();
  const bytes = elf.data(section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const table of elf.sections) {
    if (table.type !== SectionType.rel || table.info !== section.index) continue;
    for (const { offset, symbol } of elf.relocations(table)) {
      if (offset + 8 > bytes.length)
        throw new FormatError(`a relocation at offset ${offset} of ${section.name}, past its end`);
      // References to static symbols go through their section's symbol, with the offset stored in place.
      const addend =
        symbol.type === SymbolType.section ? Number(view.getBigUint64(offset, elf.littleEndian)) : 0;
      const fn = code.get(symbol.section)?.byStart.get((symbol.value + addend) / instructionSize);
      if (fn?.isProgram !== true)
        throw new FormatError(
          `${section.name}: offset ${offset} holds the address of ${symbol.name || 'something'}, which is no program of this object`,
        );
      functions.set(offset, fn.name);
    }
  }
  return functions;
}

/** Notes which member of a struct each program is. @throws FormatError for one that is two different members. */
export function bindStructOps(
  maps: Iterable<MapSpec>,
  programs: ReadonlyMap<string, ProgramSpec>,
  btf: Btf | undefined,
): void {
  for (const { name, structOps } of maps) {
    if (structOps === undefined || btf === undefined) continue;
    const struct = btf.type(structOps.typeId);
    if (!isComposite(struct)) continue;
    for (const [offset, programName] of structOps.functions) {
      const member = struct.members.find(({ bitOffset }) => bitOffset === offset * 8);
      if (member === undefined)
        throw new FormatError(
          `${name}: program ${programName} is at offset ${offset}, where no member begins`,
        );
      const program = programs.get(programName);
      if (program === undefined) continue;
      const { structMember: before } = program;
      if (before !== undefined && (before.struct !== struct.name || before.member !== member.name))
        throw new FormatError(
          `program ${programName} is ${before.struct}.${before.member} and ${struct.name}.${member.name}`,
        );
      program.structMember = { struct: struct.name, member: member.name };
    }
  }
}
