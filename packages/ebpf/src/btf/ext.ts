/**
 * The `.BTF.ext` section: what the compiler says about instructions. Which function begins where, which source line an
 * instruction comes from, and which instructions are to be relocated against the kernel's types (CO-RE).
 *
 * Source: Documentation/bpf/btf.rst, "BTF.ext section"; the CO-RE part: include/uapi/linux/bpf.h, struct bpf_core_relo.
 */
import { FormatError } from '../errors.js';
import { btfMagic, btfVersion } from './layout.js';
import type { Btf } from './parse.js';

/** A function's first instruction. */
export interface FuncInfo {
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** The BTF func. */
  readonly typeId: number;
}

/** The source line of an instruction and of those that follow it. */
export interface LineInfo {
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** Offset of the file's name in the BTF strings. */
  readonly fileNameOffset: number;
  /** Offset of the line's text in the BTF strings. */
  readonly lineOffset: number;
  /** Line number in the upper 22 bits, column in the lower 10. */
  readonly lineColumn: number;
}

/** BPF_CORE_*: what a CO-RE relocation asks about its type. Since clang 10 for fields, 11 for types and enumerators. */
export const CoreKind = {
  fieldByteOffset: 0,
  fieldByteSize: 1,
  fieldExists: 2,
  fieldSigned: 3,
  fieldLeftShift: 4,
  fieldRightShift: 5,
  typeIdLocal: 6,
  typeIdTarget: 7,
  typeExists: 8,
  typeSize: 9,
  enumValueExists: 10,
  enumValue: 11,
  /** Since clang 15. */
  typeMatches: 12,
} as const;

/** An instruction whose immediate or offset depends on the target's types. */
export interface CoreRelocation {
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** The type in the object's BTF from which the access starts. */
  readonly typeId: number;
  /** Offset of the access string in the BTF strings. */
  readonly accessStringOffset: number;
  /** Member, element and enumerator indexes, joined by colons: `0:1:2`. */
  readonly accessString: string;
  /** One of {@link CoreKind}. */
  readonly kind: number;
}

/** Each part by the name of the ELF section that it speaks of. */
export interface BtfExt {
  readonly funcInfo: ReadonlyMap<string, readonly FuncInfo[]>;
  readonly lineInfo: ReadonlyMap<string, readonly LineInfo[]>;
  readonly coreRelocations: ReadonlyMap<string, readonly CoreRelocation[]>;
}

/** Header without and with the CO-RE part. */
const smallHeader = 24;
const fullHeader = 32;

/**
 * Parses a `.BTF.ext` section. Records longer than those known are read as far as known.
 * @param btf the object's own `.BTF`, which holds the strings.
 * @throws FormatError if the section is damaged or of an unknown version.
 */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < smallHeader)
    throw new FormatError(`BTF.ext: ${bytes.length} bytes are too few for a header`);
  const littleEndian = view.getUint16(0, true) === btfMagic;
  if (!littleEndian && view.getUint16(0, false) !== btfMagic) {
    throw new FormatError('BTF.ext: the magic number is missing');
  }
  if (bytes[2] !== btfVersion) throw new FormatError(`BTF.ext: version ${bytes[2]} is unknown`);
  const u32 = (position: number) => view.getUint32(position, littleEndian);
  const header = u32(4);
  if (header < smallHeader || header > bytes.length)
    throw new FormatError(`BTF.ext: a header of ${header} bytes`);

  /** One part: its record size, then for each section a name, a count and the records. */
  const part = <T>(
    what: string,
    field: number,
    size: number,
    decode: (position: number) => T,
  ): Map<string, T[]> => {
    const result = new Map<string, T[]>();
    const length = u32(field + 4);
    if (length === 0) return result;
    let position = header + u32(field);
    const end = position + length;
    if (end > bytes.length) throw new FormatError(`BTF.ext: the ${what} ends outside the section`);
    if (length < 4) throw new FormatError(`BTF.ext: the ${what} has no record size`);
    const recordSize = u32(position);
    if (recordSize < size || recordSize % 4 !== 0) {
      throw new FormatError(`BTF.ext: the ${what} has records of ${recordSize} bytes, not ${size} or more`);
    }
    position += 4;
    while (position < end) {
      if (end - position < 8) throw new FormatError(`BTF.ext: the ${what} ends within a section's header`);
      const section = btf.string(u32(position));
      const count = u32(position + 4);
      position += 8;
      if (count * recordSize > end - position) {
        throw new FormatError(
          `BTF.ext: the ${what} of section ${section} counts more records than there are`,
        );
      }
      const records = result.get(section) ?? [];
      result.set(section, records);
      for (let i = 0; i < count; i++, position += recordSize) records.push(decode(position));
    }
    return result;
  };

  const funcInfo = part('function information', 8, 8, (position) => ({
    offset: u32(position),
    typeId: u32(position + 4),
  }));
  const lineInfo = part('line information', 16, 16, (position) => ({
    offset: u32(position),
    fileNameOffset: u32(position + 4),
    lineOffset: u32(position + 8),
    lineColumn: u32(position + 12),
  }));
  const relocation = (position: number): CoreRelocation => ({
    offset: u32(position),
    typeId: u32(position + 4),
    accessStringOffset: u32(position + 8),
    accessString: btf.string(u32(position + 8)),
    kind: u32(position + 12),
  });
  const coreRelocations =
    header < fullHeader ? new Map<string, CoreRelocation[]>() : part('CO-RE relocations', 24, 16, relocation);
  return { funcInfo, lineInfo, coreRelocations };
}
