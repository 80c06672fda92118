/** Reads a compiled BPF object into a {@link CollectionSpec}. */
import { type BtfExt, parseBtfExt } from '../btf/ext.js';
import { Btf } from '../btf/parse.js';
import { SymbolBind } from '../elf/elf-constants.js';
import { ElfFile } from '../elf/file.js';
import { EbpfError, FormatError } from '../errors.js';
import { placeArenaVariables } from './arena-variables.js';
import { fixBtf } from './btf-fixups.js';
import { dataMaps, globalVariables } from './data-maps.js';
import { collectExterns } from './externs.js';
import { type CodeSection, codeSections, type ObjectFunction } from './functions.js';
import { readInitialSlots } from './initial-slots.js';
import { legacyMaps } from './legacy-maps.js';
import { Linker } from './linker.js';
import { mapDefinitions } from './map-definitions.js';
import { sectionMeaning } from './sections.js';
import type { CollectionSpec, MapSpec, ProgramSpec } from './spec.js';
import { bindStructOps, structOpsMaps } from './struct-sections.js';

/** Options of {@link parseObject}. */
export interface ParseOptions {
  /** Only these programs are linked, and are in the result: linking takes most of the time. Default: all. */
  readonly programs?: readonly string[];
}

/**
 * Reads an ELF object as clang emits it for `-target bpf`. Pure: no kernel is asked.
 *
 * The file may be damaged or hostile: what is allocated stays within a small multiple of its size, plus at most 1 GB
 * for zero-filled variables, which takes no memory until something is written there.
 * @param bytes the whole file; not changed, and not needed once this returns.
 * @throws FormatError if the file is damaged or uses something this library does not know; EbpfError for a program that it lacks.
 */
export function parseObject(bytes: Uint8Array, options: ParseOptions = {}): CollectionSpec {
  const elf = ElfFile.parse(bytes);
  const { btf: rawBtf, btfBytes, ext } = readBtf(elf);
  const externs = collectExterns(rawBtf, weakSymbols(elf));
  const btf = rawBtf === undefined ? undefined : fixBtf(btfBytes, rawBtf, elf, externs);

  const definitions = mapDefinitions(elf, btf);
  const legacy = legacyMaps(elf);
  const maps = new Map<string, MapSpec>();
  for (const { spec } of [
    ...definitions,
    ...legacy,
    ...dataMaps(elf, btf, externs).map((map) => ({ spec: map })),
  ]) {
    if (maps.has(spec.name)) throw new FormatError(`two maps are named ${spec.name}`);
    maps.set(spec.name, spec);
  }
  const arena = placeArenaVariables(elf, maps);
  const code = codeSections(elf);
  for (const spec of structOpsMaps(elf, btf, code)) {
    if (maps.has(spec.name)) throw new FormatError(`two maps are named ${spec.name}`);
    maps.set(spec.name, spec);
  }
  const mapsByOffset = new Map(definitions.map((definition) => [definition.offset, definition]));
  readInitialSlots(elf, definitions, mapsByOffset, code);

  const license = readLicense(elf);
  const context = {
    sectionName: (index: number) => elf.sections[index]?.name,
    code,
    mapsByOffset,
    legacyMaps: legacy,
    maps,
    arena,
    kernelSymbols: externs.kernelSymbols,
    kconfig: externs.kconfig,
  };
  const kernelVersion = readVersion(elf);
  const programs = linkPrograms(code, new Linker(context, ext, elf.littleEndian), license, options.programs);
  bindStructOps(maps.values(), programs, btf);
  return {
    license,
    ...(kernelVersion === undefined ? {} : { kernelVersion }),
    ...(btf === undefined ? {} : { btf }),
    littleEndian: elf.littleEndian,
    maps,
    programs,
    globals: globalVariables(elf, btf, maps, arena),
    kernelSymbols: externs.kernelSymbols,
    kconfig: externs.kconfig,
  };
}

interface ObjectBtf {
  readonly btf: Btf | undefined;
  readonly btfBytes: Uint8Array;
  readonly ext: BtfExt | undefined;
}

function readBtf(elf: ElfFile): ObjectBtf {
  const section = elf.section('.BTF');
  if (section === undefined) return { btf: undefined, btfBytes: new Uint8Array(0), ext: undefined };
  const btfBytes = elf.data(section);
  const btf = Btf.parse(btfBytes);
  if (btf.littleEndian !== elf.littleEndian)
    throw new FormatError('the BTF has another byte order than the file');
  const extSection = elf.section('.BTF.ext');
  return {
    btf,
    btfBytes,
    ext: extSection === undefined ? undefined : parseBtfExt(elf.data(extSection), btf),
  };
}

function weakSymbols(elf: ElfFile): (name: string) => boolean {
  const weak = new Set<string>();
  for (const symbol of elf.symbols) {
    if (symbol.section === 0 && symbol.bind === SymbolBind.weak) weak.add(symbol.name);
  }
  return (name) => weak.has(name);
}

/** Main functions in the file's order, each linked. @param wanted Their names; all, if there are none. */
function linkPrograms(
  code: ReadonlyMap<number, CodeSection>,
  linker: Linker,
  license: string,
  wanted?: readonly string[],
): Map<string, ProgramSpec> {
  const programs = new Map<string, ProgramSpec>();
  const names = new Set<string>();
  for (const { functions } of code.values()) {
    for (const fn of functions) {
      if (!fn.isProgram) continue;
      if (names.has(fn.name)) throw new FormatError(`two programs are named ${fn.name}`);
      names.add(fn.name);
      if (wanted?.includes(fn.name) ?? true) programs.set(fn.name, program(fn, linker, license));
    }
  }
  const missing = wanted?.find((name) => !names.has(name));
  if (missing !== undefined)
    throw new EbpfError(`the object has no program ${missing}; it has ${[...names].join(', ')}`);
  return programs;
}

function program(fn: ObjectFunction, linker: Linker, license: string): ProgramSpec {
  const { kind, attachTo, autoload } = sectionMeaning(fn.section.name);
  return {
    name: fn.name,
    section: fn.section.name,
    ...(kind === undefined ? {} : { kind: kind.name }),
    type: kind?.type ?? 0,
    ...(kind?.attachType === undefined ? {} : { expectedAttachType: kind.attachType }),
    ...(attachTo === undefined ? {} : { attachTo }),
    flags: kind?.flags ?? 0,
    autoload,
    license,
    ...linker.link(fn),
  };
}

/** The `license` section up to its NUL; '' if there is none. */
function readLicense(elf: ElfFile): string {
  const section = elf.section('license');
  if (section === undefined) return '';
  const bytes = elf.data(section);
  const end = bytes.indexOf(0);
  // The kernel reads at most 128 bytes, and only compares.
  return new TextDecoder('latin1').decode(bytes.subarray(0, Math.min(end === -1 ? bytes.length : end, 127)));
}

function readVersion(elf: ElfFile): number | undefined {
  const section = elf.section('version');
  if (section === undefined) return undefined;
  const bytes = elf.data(section);
  if (bytes.length !== 4) throw new FormatError(`section version has ${bytes.length} bytes, expected 4`);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, elf.littleEndian);
}
