/**
 * The references of a function's instructions: relocations looked up in the symbol table and given a meaning, and calls
 * within a section, for which compilers leave no relocation.
 */
import { SymbolType } from '../elf/elf-constants.js';
import type { ElfSymbol, Relocation } from '../elf/file.js';
import { FormatError } from '../errors.js';
import { type Instructions, instructionSize, Opcode } from '../insn/insn.js';
import { arenaSection } from './arena-variables.js';
import { isDataSection } from './data-maps.js';
import { kconfigSection } from './externs.js';
import type { CodeSection, ObjectFunction } from './functions.js';
import { isLegacyMaps, type LegacyMap } from './legacy-maps.js';
import { type MapDefinition, mapsSection } from './map-definitions.js';
import type { KconfigVariable, KernelSymbol, MapSpec } from './spec.js';

/** `index` counts slots from the function's first. */
export type Reference = { readonly index: number } & (
  | { readonly kind: 'call' | 'function'; readonly target: ObjectFunction }
  | { readonly kind: 'fd' | 'value'; readonly map: string; readonly offset: number }
  | { readonly kind: 'ksym' | 'kfunc'; readonly name: string }
);

/** The things that symbols stand for. */
export interface ReferenceContext {
  readonly sectionName: (index: number) => string | undefined;
  readonly code: ReadonlyMap<number, CodeSection>;
  /** Maps of the `.maps` section by offset. */
  readonly mapsByOffset: ReadonlyMap<number, MapDefinition>;
  /** Maps of `maps` sections. */
  readonly legacyMaps: readonly LegacyMap[];
  readonly maps: ReadonlyMap<string, MapSpec>;
  /** The map that holds the variables of address space 1. */
  readonly arena?: string | undefined;
  readonly kernelSymbols: ReadonlyMap<string, KernelSymbol>;
  readonly kconfig: ReadonlyMap<string, KconfigVariable>;
}

/** A function's references in ascending order. @throws FormatError for one that leads nowhere. */
export function functionReferences(fn: ObjectFunction, context: ReferenceContext): Reference[] {
  return new ReferenceReader(fn, context).read();
}

class ReferenceReader {
  readonly #fn: ObjectFunction;
  readonly #context: ReferenceContext;
  readonly #home: CodeSection;
  readonly #code: Instructions;

  constructor(fn: ObjectFunction, context: ReferenceContext) {
    this.#fn = fn;
    this.#context = context;
    this.#home = context.code.get(fn.section.index)!;
    this.#code = this.#home.instructions;
  }

  read(): Reference[] {
    const { start, count, relocations } = this.#fn;
    const references: Reference[] = [];
    let next = 0;
    const { bytes } = this.#code;
    for (let index = 0; index < count; index++) {
      const slot = start + index;
      const relocation = relocations[next];
      const opcode = bytes[slot * instructionSize];
      // Most are neither, and have no relocation.
      if (
        opcode !== Opcode.loadImm64 &&
        opcode !== Opcode.call &&
        relocation?.offset !== slot * instructionSize
      )
        continue;
      const wide = index + 1 < count && this.#code.isLoadImm64(slot);
      if (relocation !== undefined && relocation.offset === slot * instructionSize) {
        next++;
        references.push(this.#relocated(index, wide, relocation));
      } else if (this.#code.isSubprogramCall(slot)) {
        const target = slot + this.#code.immediate(slot) + 1;
        references.push({ index, kind: 'call', target: this.#function(this.#home, target, index) });
      }
      if (wide) index++;
    }
    const left = relocations[next];
    if (left !== undefined) {
      throw new FormatError(`section ${this.#fn.section.name}: stray relocation at offset ${left.offset}`);
    }
    return references;
  }

  #relocated(index: number, wide: boolean, { symbol }: Relocation): Reference {
    const slot = this.#fn.start + index;
    const isCall = this.#code.isCall(slot);
    if (!isCall && !wide) throw this.#error(index, 'a relocation of neither a call nor an ld_imm64');
    if (symbol.section === 0) return this.#extern(index, isCall, symbol);
    const code = this.#context.code.get(symbol.section);
    if (isCall) {
      if (code === undefined)
        throw this.#error(index, `a call to ${this.#describe(symbol)}, which is no function`);
      if (!this.#code.isSubprogramCall(slot)) throw this.#error(index, 'a relocation of a call to a helper');
      // The immediate is relative to the symbol: -1 for a function's own, more for that of its section.
      const target = symbol.value / instructionSize + this.#code.immediate(slot) + 1;
      return { index, kind: 'call', target: this.#function(code, target, index) };
    }
    const offset = symbol.value + this.#code.immediate(slot);
    if (code !== undefined) {
      return { index, kind: 'function', target: this.#function(code, offset / instructionSize, index) };
    }
    return this.#data(index, offset, symbol);
  }

  #data(index: number, offset: number, symbol: ElfSymbol): Reference {
    const section = this.#context.sectionName(symbol.section);
    if (section === mapsSection) {
      const map = this.#context.mapsByOffset.get(symbol.type === SymbolType.section ? offset : symbol.value);
      if (map === undefined) throw this.#error(index, `${this.#describe(symbol)}, where no map begins`);
      return { index, kind: 'fd', map: map.spec.name, offset: 0 };
    }
    if (section !== undefined && isLegacyMaps(section)) {
      const place = symbol.type === SymbolType.section ? offset : symbol.value;
      const map = this.#context.legacyMaps.find(
        (legacy) => legacy.section === symbol.section && legacy.offset === place,
      );
      if (map === undefined) throw this.#error(index, `${this.#describe(symbol)}, where no map begins`);
      return { index, kind: 'fd', map: map.spec.name, offset: 0 };
    }
    const { arena } = this.#context;
    if (section === arenaSection && arena !== undefined)
      return { index, kind: 'value', map: arena, offset: offset | 0 };
    if (section === undefined || !isDataSection(section) || !this.#context.maps.has(section)) {
      throw this.#error(index, `${this.#describe(symbol)}, which is neither code, data nor a map`);
    }
    return { index, kind: 'value', map: section, offset: offset | 0 };
  }

  #extern(index: number, isCall: boolean, { name }: ElfSymbol): Reference {
    const option = this.#context.kconfig.get(name);
    if (option !== undefined && !isCall) {
      return { index, kind: 'value', map: kconfigSection, offset: option.offset };
    }
    const symbol = this.#context.kernelSymbols.get(name);
    if (symbol === undefined) {
      throw this.#error(
        index,
        `${name || 'a nameless symbol'}, which is neither defined nor declared as extern in BTF`,
      );
    }
    if (isCall && symbol.kind !== 'kfunc') throw this.#error(index, `${name}, a variable that is called`);
    // A weak function's address may be taken, to ask whether the kernel has it.
    return { index, kind: isCall ? 'kfunc' : 'ksym', name };
  }

  #function(code: CodeSection, slot: number, index: number): ObjectFunction {
    const target = code.byStart.get(slot);
    if (target === undefined) {
      throw this.#error(
        index,
        `instruction ${slot} of section ${code.section.name}, where no function begins`,
      );
    }
    return target;
  }

  #describe(symbol: ElfSymbol): string {
    return symbol.name || `section ${this.#context.sectionName(symbol.section) ?? symbol.section}`;
  }

  #error(index: number, what: string): FormatError {
    return new FormatError(`function ${this.#fn.name}, instruction ${index} refers to ${what}`);
  }
}
