/** Static initialisers of maps of maps and of program arrays: `.values = {&inner, [2] = &other}`. */
import { SectionType, SymbolType } from '../elf/elf-constants.js';
import type { ElfFile, ElfSymbol, Section } from '../elf/file.js';
import { FormatError } from '../errors.js';
import { instructionSize } from '../insn/insn.js';
import { MapType } from '../uapi/map-types.js';
import type { CodeSection } from './functions.js';
import { type MapDefinition, mapsSection } from './map-definitions.js';

/** Bytes of a pointer in the object. */
const pointerSize = 8;

/** Fills in `initialSlots` from the relocations of the `.maps` section. @throws FormatError */
export function readInitialSlots(
  elf: ElfFile,
  definitions: readonly MapDefinition[],
  mapsByOffset: ReadonlyMap<number, MapDefinition>,
  code: ReadonlyMap<number, CodeSection>,
): void {
  const section = elf.section(mapsSection);
  if (section === undefined) return;
  const view = elf.data(section);
  for (const table of elf.sections) {
    if (table.type !== SectionType.rel || table.info !== section.index) continue;
    for (const { offset, symbol } of elf.relocations(table)) {
      const map = mapAt(definitions, offset);
      if (map?.valuesOffset === undefined) {
        throw new FormatError(
          `the initialiser at offset ${offset} of ${mapsSection} belongs to no map's values`,
        );
      }
      const inValues = offset - map.offset - map.valuesOffset;
      if (inValues < 0 || inValues % pointerSize !== 0) {
        throw new FormatError(`map ${map.spec.name}: an initialiser outside the slots of values`);
      }
      map.spec.initialSlots ??= new Map();
      const place = symbol.value + inPlaceAddend(elf, section, view, offset, symbol);
      const name =
        map.spec.type === MapType.progArray
          ? programAt(code, symbol, place)
          : mapName(mapsByOffset, section, symbol, place);
      if (name === undefined) {
        throw new FormatError(
          `map ${map.spec.name}: slot ${inValues / pointerSize} is initialised with ${symbol.name || 'something'}, ` +
            `which is not a ${map.spec.type === MapType.progArray ? 'program' : 'map'} of this object`,
        );
      }
      map.spec.initialSlots.set(inValues / pointerSize, name);
    }
  }
}

/** References to static symbols go through their section's symbol, with the offset stored in place. */
function inPlaceAddend(
  elf: ElfFile,
  section: Section,
  bytes: Uint8Array,
  offset: number,
  symbol: ElfSymbol,
): number {
  if (symbol.type !== SymbolType.section) return 0;
  if (offset + pointerSize > bytes.length) {
    throw new FormatError(`a relocation at offset ${offset} of ${section.name}, past its end`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Number(view.getBigUint64(offset, elf.littleEndian));
}

function programAt(
  code: ReadonlyMap<number, CodeSection>,
  symbol: ElfSymbol,
  place: number,
): string | undefined {
  const fn = code.get(symbol.section)?.byStart.get(place / instructionSize);
  return fn?.isProgram ? fn.name : undefined;
}

function mapName(
  mapsByOffset: ReadonlyMap<number, MapDefinition>,
  section: Section,
  symbol: ElfSymbol,
  place: number,
): string | undefined {
  return symbol.section === section.index ? mapsByOffset.get(place)?.spec.name : undefined;
}

/** The definition whose variable covers the offset. */
function mapAt(definitions: readonly MapDefinition[], offset: number): MapDefinition | undefined {
  let low = 0;
  let high = definitions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (definitions[middle]!.offset <= offset) low = middle + 1;
    else high = middle;
  }
  const map = definitions[low - 1];
  return map !== undefined && offset < map.offset + map.size ? map : undefined;
}
