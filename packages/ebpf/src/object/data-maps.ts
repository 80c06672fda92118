/** Maps that hold an object's global variables: one array element for each of `.rodata`, `.data`, `.bss` and their kin. */
import type { Btf } from '../btf/parse.js';
import { Kind } from '../btf/types.js';
import { SectionType, SymbolType } from '../elf/elf-constants.js';
import type { ElfFile, ElfSymbol, Section } from '../elf/file.js';
import { FormatError } from '../errors.js';
import { MapFlag, objectNameLength } from '../uapi/flags.js';
import { MapType } from '../uapi/map-types.js';
import { arenaSection } from './arena-variables.js';
import { type Externs, kconfigSection } from './externs.js';
import type { GlobalVariable, MapSpec } from './spec.js';

/**
 * Zero-filled sections take no room in the file, so nothing but this bounds them. In bytes, all together. Memory that is only zeros costs
 * nothing until something is written there.
 */
const MAX_BSS_SIZE = 1024 * 1024 * 1024;

/** Whether a section of that name holds variables: `.data` and `.data.name`, `.rodata`, `.bss` likewise. */
export function isDataSection(name: string): boolean {
  return /^\.(data|rodata|bss)(\.|$)/.test(name);
}

/** One map a section that is not empty. `contents` are copies, free to be changed. */
export function dataMaps(elf: ElfFile, btf: Btf | undefined, externs: Externs): MapSpec[] {
  const maps: MapSpec[] = [];
  let bss = 0;
  for (const section of elf.sections) {
    if (!isDataSection(section.name) || section.size === 0) continue;
    const zeros = section.type === SectionType.nobits;
    if (!zeros && section.type !== SectionType.progbits) continue;
    if (zeros) bss += section.size;
    if (bss > MAX_BSS_SIZE) {
      throw new FormatError(
        `section ${section.name}: more than ${MAX_BSS_SIZE} bytes of zero-filled variables`,
      );
    }
    const contents = zeros ? new Uint8Array(section.size) : elf.data(section).slice();
    maps.push(dataMap(section.name, contents, section.name.startsWith('.rodata'), btf));
  }
  if (externs.kconfigSize > 0) {
    maps.push(dataMap(kconfigSection, new Uint8Array(externs.kconfigSize), true, btf));
  }
  return maps;
}

function dataMap(name: string, contents: Uint8Array, readOnly: boolean, btf: Btf | undefined): MapSpec {
  const valueTypeId = btf?.find(name, Kind.datasec);
  return {
    name,
    type: MapType.array,
    keySize: 4,
    valueSize: contents.length,
    maxEntries: 1,
    flags: readOnly ? MapFlag.rdonlyProg : 0,
    ...(valueTypeId === undefined ? {} : { valueTypeId }),
    contents,
    readOnly,
  };
}

/**
 * Variables by name. Where static variables of several source files share a name, a global one or the first wins.
 *
 * @param arena The map that holds those of address space 1.
 */
export function globalVariables(
  elf: ElfFile,
  btf: Btf | undefined,
  maps: ReadonlyMap<string, MapSpec>,
  arena: string | undefined,
): Map<string, GlobalVariable> {
  const globals = new Map<string, GlobalVariable>();
  const global = new Set<string>();
  const types = new Map<string, Map<string, number>>();
  for (const symbol of elf.symbols) {
    const section = variableSection(elf, symbol);
    if (section === undefined) continue;
    const map = section.name === arenaSection ? arena : section.name;
    if (map === undefined || !maps.has(map)) continue;
    if (globals.has(symbol.name) && (symbol.bind === 0 || global.has(symbol.name))) continue;
    if (symbol.value + symbol.size > section.size) {
      throw new FormatError(`variable ${symbol.name} reaches past the end of section ${section.name}`);
    }
    let sectionTypes = types.get(section.name);
    if (sectionTypes === undefined) {
      sectionTypes = variableTypes(btf, section.name);
      types.set(section.name, sectionTypes);
    }
    const typeId = sectionTypes.get(symbol.name);
    if (symbol.bind !== 0) global.add(symbol.name);
    globals.set(symbol.name, {
      map,
      offset: symbol.value,
      size: symbol.size,
      ...(typeId === undefined ? {} : { typeId }),
    });
  }
  return globals;
}

function variableSection(elf: ElfFile, symbol: ElfSymbol): Section | undefined {
  if (symbol.type !== SymbolType.object || symbol.name === '' || symbol.section === 0) return undefined;
  const section = elf.sections[symbol.section];
  return section !== undefined && (isDataSection(section.name) || section.name === arenaSection)
    ? section
    : undefined;
}

function variableTypes(btf: Btf | undefined, section: string): Map<string, number> {
  const types = new Map<string, number>();
  const id = btf?.find(section, Kind.datasec);
  if (btf === undefined || id === undefined) return types;
  const datasec = btf.type(id);
  if (datasec.kind !== Kind.datasec) return types;
  for (const entry of datasec.variables) {
    const variable = btf.type(entry.typeId);
    if (variable.kind === Kind.var) types.set(variable.name, variable.typeId);
  }
  return types;
}

/**
 * The name under which libbpf shows a data map to the kernel: as much of the object's name as fits before the
 * section's name, for which at least 7 characters are set aside. Sections with a name of their own
 * (`.data.name`) go without the object's.
 * @param objectName the file's name without directory and `.o`.
 */
export function dataMapKernelName(objectName: string, section: string): string {
  const limit = objectNameLength - 1;
  const custom = section.indexOf('.', 1) !== -1;
  const room = Math.max(0, limit - Math.max(7, section.length));
  const name = custom ? section : objectName.slice(0, room) + section;
  return name.slice(0, limit).replace(/[^A-Za-z0-9_.]/g, '_');
}
