/**
 * Fills in what a compiler leaves open in an object's BTF. Clang writes 0 for the size of a DATASEC and for the offsets
 * of its global variables: ELF sections and symbols have the right ones. Hidden symbols become static ones: the
 * verifier then checks a hidden function together with its callers rather than for any arguments.
 *
 * Only numbers are overwritten, so that type ids and string offsets, to which BTF.ext refers, stay as they are.
 */
import { kindLayouts, kindMask, kindShift, typeHeaderSize, vlenMask } from '../btf/layout.js';
import { Btf } from '../btf/parse.js';
import { Kind, Linkage } from '../btf/types.js';
import { SymbolBind, SymbolType, SymbolVisibility } from '../elf/elf-constants.js';
import type { ElfFile, ElfSymbol } from '../elf/file.js';
import { FormatError } from '../errors.js';
import { type Externs, kconfigSection, ksymsSection } from './externs.js';

/** Bytes of one `btf_var_secinfo`: type, offset, size. */
const entrySize = 12;

/**
 * @param bytes the object's `.BTF` section; not changed.
 * @param btf the same, parsed.
 * @throws FormatError if a DATASEC names a section or a variable that the file does not have.
 */
export function fixBtf(bytes: Uint8Array, btf: Btf, elf: ElfFile, externs: Externs): Btf {
  const fixed = bytes.slice();
  const view = new DataView(fixed.buffer);
  const littleEndian = btf.littleEndian;
  const symbols = globalSymbols(elf);
  const positions = typePositions(view, btf);
  const u32 = (at: number) => view.getUint32(at, littleEndian);
  const setU32 = (at: number, value: number) => view.setUint32(at, value, littleEndian);

  const fixSection = (id: number): void => {
    const at = positions[id]!;
    const type = btf.type(id);
    if (type.kind !== Kind.datasec || type.name === ksymsSection) return;
    const first = at + typeHeaderSize;
    if (type.name === kconfigSection) {
      setU32(at + 8, externs.kconfigSize);
    } else if (type.size === 0) {
      const section = elf.section(type.name);
      if (section === undefined || section.size === 0) {
        throw new FormatError(`BTF describes section ${type.name}, which the file does not have`);
      }
      setU32(at + 8, section.size);
    }
    type.variables.forEach((entry, i) => {
      const offset = first + i * entrySize + 4;
      const variable = btf.type(entry.typeId);
      if (variable.kind !== Kind.var) return;
      if (type.name === kconfigSection) {
        setU32(offset, externs.kconfig.get(variable.name)?.offset ?? 0);
      } else if (variable.linkage === Linkage.global) {
        const symbol = symbols.get(variable.name);
        if (symbol === undefined || symbol.type === SymbolType.func) {
          throw new FormatError(`BTF describes variable ${variable.name}, for which there is no symbol`);
        }
        if (type.size === 0) setU32(offset, symbol.value);
        if (isHidden(symbol)) setU32(positions[entry.typeId]! + typeHeaderSize, Linkage.static);
      }
    });
    sortEntries(fixed.subarray(first, first + type.variables.length * entrySize), littleEndian);
  };

  for (let id = 1; id < btf.length; id++) {
    const kind = btf.kind(id);
    if (kind === Kind.datasec) fixSection(id);
    if (kind !== Kind.func) continue;
    const at = positions[id]!;
    const info = u32(at + 4);
    if ((info & vlenMask) !== Linkage.global) continue;
    const symbol = symbols.get(btf.string(u32(at)));
    if (symbol?.type === SymbolType.func && isHidden(symbol)) setU32(at + 4, (info & ~vlenMask) >>> 0);
  }
  return Btf.parse(fixed);
}

function isHidden(symbol: ElfSymbol): boolean {
  return symbol.visibility === SymbolVisibility.hidden || symbol.visibility === SymbolVisibility.internal;
}

/** Defined functions and objects that are not local to the file. */
function globalSymbols(elf: ElfFile): Map<string, ElfSymbol> {
  const symbols = new Map<string, ElfSymbol>();
  for (const symbol of elf.symbols) {
    const defines = symbol.type === SymbolType.object || symbol.type === SymbolType.func;
    if (defines && symbol.section !== 0 && symbol.bind !== SymbolBind.local) symbols.set(symbol.name, symbol);
  }
  return symbols;
}

/** Where each type begins; `btf` vouches for the extents. */
function typePositions(view: DataView, btf: Btf): number[] {
  const u32 = (at: number) => view.getUint32(at, btf.littleEndian);
  const positions = [0];
  let position = u32(4) + u32(8);
  while (positions.length < btf.length) {
    positions.push(position);
    const info = u32(position + 4);
    const layout = kindLayouts[(info >>> kindShift) & kindMask];
    if (layout === undefined) {
      throw new FormatError(`BTF type ${positions.length - 1} is of a kind that no compiler for BPF emits`);
    }
    position += typeHeaderSize + layout.fixed + layout.element * (info & vlenMask);
  }
  return positions;
}

/** The kernel demands ascending offsets. */
function sortEntries(entries: Uint8Array, littleEndian: boolean): void {
  const copy = entries.slice();
  const view = new DataView(copy.buffer);
  const order = Array.from({ length: copy.length / entrySize }, (_, i) => i * entrySize);
  const offset = (at: number) => view.getUint32(at + 4, littleEndian);
  order.sort((a, b) => offset(a) - offset(b));
  order.forEach((from, i) => {
    entries.set(copy.subarray(from, from + entrySize), i * entrySize);
  });
}
