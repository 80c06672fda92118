/** Variables that an object keeps in its arena: those with `__attribute__((address_space(1)))`. */
import { SectionType } from '../elf/elf-constants.js';
import type { ElfFile } from '../elf/file.js';
import { FormatError } from '../errors.js';
import { MapType } from '../uapi/map-types.js';
import type { MapSpec } from './spec.js';

/** Where clang puts them. */
export const arenaSection = '.addr_space.1';

/**
 * Gives the object's arena the initial values of its variables.
 *
 * @returns The arena's name; undefined if the object has no such variables.
 * @throws FormatError if there are variables and no arena, or several.
 */
export function placeArenaVariables(elf: ElfFile, maps: ReadonlyMap<string, MapSpec>): string | undefined {
  const section = elf.section(arenaSection);
  if (section === undefined || section.size === 0 || section.type !== SectionType.progbits) return undefined;
  const arenas = [...maps.values()].filter(({ type }) => type === MapType.arena);
  const [arena] = arenas;
  if (arena === undefined || arenas.length > 1)
    throw new FormatError(
      `the object has variables in section ${arenaSection} and ${arenas.length} arenas: one is needed to hold them`,
    );
  arena.arenaContents = elf.data(section).slice();
  return arena.name;
}
