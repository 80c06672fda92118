/** The `.BTF` section of an ELF file for any machine: a kernel image, a module, a compiled object. */
import { FormatError } from '../errors.js';

/** Whether bytes begin as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
  );
}

/** A view of the section. @throws FormatError if the file is damaged, not of 64 bits, or has none. */
export function elfBtf(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 64 || bytes[4] !== 2) throw new FormatError('BTF: the ELF file is not one of 64 bits');
  const littleEndian = bytes[5] === 1;
  const within = (offset: number, length: number): void => {
    if (!(offset + length <= bytes.length)) throw new FormatError('BTF: the ELF file is truncated');
  };
  const u64 = (at: number) => Number(view.getBigUint64(at, littleEndian));
  const table = u64(40);
  const size = view.getUint16(58, littleEndian);
  const count = view.getUint16(60, littleEndian);
  if (size < 64) throw new FormatError('BTF: the ELF file has no sections');
  within(table, size * count);
  const place = (index: number) => {
    const at = table + index * size;
    const section = { name: view.getUint32(at, littleEndian), offset: u64(at + 24), length: u64(at + 32) };
    within(section.offset, section.length);
    return section;
  };
  const namesIndex = view.getUint16(62, littleEndian);
  if (namesIndex >= count) throw new FormatError('BTF: the ELF file has no names of sections');
  const names = place(namesIndex);
  const wanted = Buffer.from('.BTF\0');
  for (let index = 1; index < count; index++) {
    const at = table + index * size;
    // SHT_NOBITS takes no room in the file.
    if (view.getUint32(at + 4, littleEndian) === 8) continue;
    const { name, offset, length } = place(index);
    const start = names.offset + name;
    if (name + wanted.length > names.length) continue;
    if (wanted.compare(bytes, start, start + wanted.length) === 0)
      return bytes.subarray(offset, offset + length);
  }
  throw new FormatError('BTF: the ELF file has no .BTF section');
}
