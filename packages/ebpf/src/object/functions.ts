/** Finds an object's functions, and what the instructions of each refer to. */
import { SectionFlag, SectionType, SymbolBind, SymbolType } from '../elf/elf-constants.js';
import type { ElfFile, Relocation, Section } from '../elf/file.js';
import { FormatError } from '../errors.js';
import { Instructions, instructionSize } from '../insn/insn.js';

/** A function as the compiler made it, before linking. */
export interface ObjectFunction {
  readonly name: string;
  readonly section: Section;
  /** First slot's index in the section. */
  readonly start: number;
  /** Number of instruction slots. */
  readonly count: number;
  /** A program of its own, rather than a subprogram. */
  readonly isProgram: boolean;
  /** Relocations within the function, in ascending order. */
  readonly relocations: readonly Relocation[];
}

/** Functions of one executable section, for lookup by place. */
export interface CodeSection {
  readonly section: Section;
  readonly instructions: Instructions;
  readonly functions: readonly ObjectFunction[];
  /** By first slot. */
  readonly byStart: ReadonlyMap<number, ObjectFunction>;
}

/** Subprograms lie here, unless they are static functions placed elsewhere. */
const textSection = '.text';

/** All executable sections that are not empty, by section index. @throws FormatError */
export function codeSections(elf: ElfFile): Map<number, CodeSection> {
  const relocations = relocationsByTarget(elf);
  const symbols = functionSymbols(elf);
  const sections = new Map<number, CodeSection>();
  for (const section of elf.sections) {
    if (!isCode(section)) continue;
    if (section.size % instructionSize !== 0) {
      throw new FormatError(
        `section ${section.name} of ${section.size} bytes does not hold whole instructions`,
      );
    }
    const functions = sectionFunctions(
      section,
      symbols.get(section.index) ?? [],
      relocations.get(section.index) ?? [],
    );
    sections.set(section.index, {
      section,
      instructions: new Instructions(elf.data(section), elf.littleEndian),
      functions,
      byStart: new Map(functions.map((fn) => [fn.start, fn])),
    });
  }
  return sections;
}

function isCode(section: Section): boolean {
  return (
    section.type === SectionType.progbits &&
    (section.flags & SectionFlag.execInstr) !== 0n &&
    section.size > 0
  );
}

type FunctionSymbol = ElfFile['symbols'][number];

function functionSymbols(elf: ElfFile): Map<number, FunctionSymbol[]> {
  const symbols = new Map<number, FunctionSymbol[]>();
  for (const symbol of elf.symbols) {
    if (symbol.type !== SymbolType.func || symbol.section === 0) continue;
    const list = symbols.get(symbol.section);
    if (list === undefined) symbols.set(symbol.section, [symbol]);
    else list.push(symbol);
  }
  return symbols;
}

function relocationsByTarget(elf: ElfFile): Map<number, Relocation[]> {
  const targets = new Map<number, Relocation[]>();
  for (const section of elf.sections) {
    if (section.type !== SectionType.rel && section.type !== SectionType.rela) continue;
    const target = elf.sections[section.info];
    if (target === undefined) {
      throw new FormatError(
        `section ${section.name} relocates section ${section.info} of ${elf.sections.length}`,
      );
    }
    if (!isCode(target)) continue;
    if (section.type === SectionType.rela) {
      throw new FormatError(
        `section ${section.name}: relocations of BPF code have their addends in place (SHT_REL)`,
      );
    }
    if (targets.has(target.index))
      throw new FormatError(`two sections of relocations for section ${target.name}`);
    targets.set(
      target.index,
      elf.relocations(section).sort((a, b) => a.offset - b.offset),
    );
  }
  return targets;
}

function sectionFunctions(
  section: Section,
  symbols: readonly FunctionSymbol[],
  relocations: readonly Relocation[],
): ObjectFunction[] {
  const functions: ObjectFunction[] = [];
  let end = 0;
  let next = 0;
  for (const symbol of [...symbols].sort((a, b) => a.value - b.value)) {
    const last = symbol.value + symbol.size;
    if (symbol.value % instructionSize !== 0 || symbol.size % instructionSize !== 0 || symbol.size === 0) {
      throw new FormatError(
        `function ${symbol.name}: ${symbol.size} bytes at ${symbol.value} in ${section.name}`,
      );
    }
    if (last > section.size)
      throw new FormatError(`function ${symbol.name} reaches past the end of ${section.name}`);
    if (symbol.value < end)
      throw new FormatError(`function ${symbol.name} overlaps another in ${section.name}`);
    end = last;
    while (next < relocations.length && relocations[next]!.offset < symbol.value) next++;
    const first = next;
    while (next < relocations.length && relocations[next]!.offset < last) next++;
    functions.push({
      name: symbol.name,
      section,
      start: symbol.value / instructionSize,
      count: symbol.size / instructionSize,
      isProgram: section.name !== textSection && symbol.bind !== SymbolBind.local,
      relocations: relocations.slice(first, next),
    });
  }
  return functions;
}
