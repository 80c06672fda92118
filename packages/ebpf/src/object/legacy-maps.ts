/** Maps in the old form, `struct bpf_map_def SEC("maps")`: five numbers each, and no types. */
import { SymbolType } from '../elf/elf-constants.js';
import type { ElfFile, Section } from '../elf/file.js';
import { FormatError } from '../errors.js';
import type { MapSpec } from './spec.js';

/** Whether a section holds such maps. */
export function isLegacyMaps(name: string): boolean {
  return /^maps(\/|$)/.test(name);
}

/** Type, size of key and value, number of entries, flags. */
const definitionSize = 20;

/** A map and where it lies. */
export interface LegacyMap {
  readonly spec: MapSpec;
  readonly section: number;
  readonly offset: number;
}

/** The maps of all such sections, in the file's order. @throws FormatError for one that is too short, or has more than this library knows. */
export function legacyMaps(elf: ElfFile): LegacyMap[] {
  return elf.sections
    .filter(({ name, size }) => isLegacyMaps(name) && size > 0)
    .flatMap((section) => mapsOf(elf, section));
}

function mapsOf(elf: ElfFile, section: Section): LegacyMap[] {
  const bytes = elf.data(section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const symbols = elf.symbols
    .filter(({ section: index, type, name }) => {
      const isVariable = type === SymbolType.object || type === SymbolType.noType;
      return index === section.index && isVariable && name !== '';
    })
    .sort((a, b) => a.value - b.value);
  if (symbols.length === 0)
    throw new FormatError(`section ${section.name} holds maps, but no symbol names them`);
  return symbols.map(({ name, value: offset }, i) => {
    // Each ends where the next begins: compilers of old gave symbols no sizes.
    const end = symbols[i + 1]?.value ?? bytes.length;
    if (end > bytes.length || end - offset < definitionSize)
      throw new FormatError(
        `map ${name}: ${end - offset} bytes in ${section.name}, where struct bpf_map_def has ${definitionSize}`,
      );
    if (bytes.subarray(offset + definitionSize, end).some((byte) => byte !== 0))
      throw new FormatError(
        `map ${name} has more members than struct bpf_map_def: declare it in SEC(".maps") with __uint and __type`,
      );
    const u32 = (index: number) => view.getUint32(offset + 4 * index, elf.littleEndian);
    const spec = {
      ...{ name, type: u32(0), keySize: u32(1), valueSize: u32(2), maxEntries: u32(3), flags: u32(4) },
    };
    return { spec, section: section.index, offset };
  });
}
