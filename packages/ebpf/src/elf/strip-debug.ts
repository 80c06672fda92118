/** Objects without what only debuggers read. */

import { SectionType } from './elf-constants.js';
import { ElfFile } from './file.js';

/** Offsets and sizes of Elf64_Ehdr and Elf64_Shdr. */
const header = { size: 64, sectionOffset: 40 } as const;
const sectionHeader = { size: 64, type: 4, offset: 24, bytes: 32, alignment: 48 } as const;
const debugging = /^\.(rel|rela)?\.?debug_/;

/**
 * An object whose DWARF sections are empty, and have no type: sections and symbols keep their numbers. BTF is no such section.
 *
 * @throws FormatError for a damaged object.
 */
export function stripDebug(object: Uint8Array): Uint8Array {
  // A Buffer's slices share its memory.
  const bytes = new Uint8Array(object);
  const elf = ElfFile.parse(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Number(view.getBigUint64(header.sectionOffset, elf.littleEndian));
  const headers = bytes.slice(table, table + elf.sections.length * sectionHeader.size);
  const headersView = new DataView(headers.buffer);
  const chunks: Uint8Array[] = [bytes.slice(0, header.size)];
  let end = header.size;
  const append = (chunk: Uint8Array, alignment: number) => {
    const at = Math.ceil(end / alignment) * alignment;
    chunks.push(new Uint8Array(at - end), chunk);
    end = at + chunk.length;
    return at;
  };
  for (const section of elf.sections) {
    const base = section.index * sectionHeader.size;
    if (debugging.test(section.name)) {
      headersView.setUint32(base + sectionHeader.type, SectionType.null, elf.littleEndian);
      headersView.setBigUint64(base + sectionHeader.bytes, 0n, elf.littleEndian);
      headersView.setBigUint64(base + sectionHeader.offset, 0n, elf.littleEndian);
    } else if (section.type !== SectionType.null && section.type !== SectionType.nobits) {
      const wanted = Number(headersView.getBigUint64(base + sectionHeader.alignment, elf.littleEndian));
      const at = append(elf.data(section), Math.min(Math.max(wanted, 1), 4096));
      headersView.setBigUint64(base + sectionHeader.offset, BigInt(at), elf.littleEndian);
    }
  }
  const at = append(headers, 8);
  new DataView(chunks[0]!.buffer).setBigUint64(header.sectionOffset, BigInt(at), elf.littleEndian);
  return new Uint8Array(Buffer.concat(chunks));
}
