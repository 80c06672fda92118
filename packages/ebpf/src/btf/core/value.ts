/** The number that a CO-RE relocation asks for, on one side: local or target. */
import { FormatError } from '../../errors.js';
import { CoreKind } from '../ext.js';
import type { Btf } from '../parse.js';
import { type BtfType, isEnum, Kind, type Member } from '../types.js';
import { type AccessPath, isEnumKind, isTypeKind, memberOf, pathLabel } from './access-spec.js';

export interface Value {
  /** 64 bits, unsigned. */
  readonly value: bigint;
  /** Whether the instruction must hold exactly this value before it is patched (local side only). */
  readonly exact: boolean;
  /** For byte offsets of what can be loaded with one instruction: bytes and type of the field; else 0. */
  readonly size: number;
  readonly typeId: number;
}

function value(number: number | bigint, exact = true, size = 0, typeId = 0): Value {
  return { value: BigInt.asUintN(64, BigInt(number)), exact, size, typeId };
}

/**
 * The value of a relocation of this kind for a path, or for no path: what is asked about does not exist.
 * @returns undefined if the value needs the path and there is none: the instruction must not be reached.
 * @throws FormatError if the kind cannot be asked about this path.
 */
export function relocationValue(kind: number, path: AccessPath | undefined): Value | undefined {
  if (isTypeKind(kind)) return typeValue(kind, path);
  if (isEnumKind(kind)) {
    if (kind === CoreKind.enumValueExists) return value(path === undefined ? 0 : 1);
    return path === undefined ? undefined : value(enumerator(path));
  }
  if (kind === CoreKind.fieldExists) return value(path === undefined ? 0 : 1);
  if (path === undefined) return undefined;
  const last = path.accessors.at(-1)!;
  return last.name === undefined
    ? elementValue(kind, path, last.typeId)
    : memberValue(kind, path, memberOf(path.btf, last));
}

function typeValue(kind: number, path: AccessPath | undefined): Value {
  if (path === undefined) return value(0);
  if (kind === CoreKind.typeSize) return value(path.btf.size(path.rootTypeId));
  // Linkers renumber types without touching instructions.
  if (kind === CoreKind.typeIdTarget || kind === CoreKind.typeIdLocal) return value(path.rootTypeId, false);
  return value(1);
}

function enumerator({ btf, accessors }: AccessPath): number | bigint {
  const { typeId, index } = accessors[0]!;
  const type = btf.type(typeId);
  if (!isEnum(type)) throw new FormatError(`CO-RE: type ${typeId} is not an enumeration`);
  const found = type.values[index]!.value;
  // Kernel and compiler keep 32-bit enumerators as signed numbers even if the enumeration is unsigned.
  return type.kind === Kind.enum ? Number(found) | 0 : found;
}

/** An element of an array, or the root itself. */
function elementValue(kind: number, path: AccessPath, typeId: number): Value {
  const size = path.btf.size(typeId);
  if (kind === CoreKind.fieldByteOffset) return value(Math.floor(path.bitOffset / 8), true, size, typeId);
  if (kind === CoreKind.fieldByteSize) return value(size);
  throw new FormatError(`CO-RE: signs and shifts are those of members, not of ${pathLabel(path)}`);
}

function memberValue(kind: number, path: AccessPath, member: Member): Value {
  const { btf, bitOffset } = path;
  const typeId = btf.skipModifiers(member.typeId);
  const type = btf.type(typeId);
  const bitField = member.bitSize > 0;
  const load = bitField ? bitFieldLoad(btf, path, type, member.bitSize) : plainLoad(btf, bitOffset, typeId);
  const bitSize = bitField ? member.bitSize : load.size * 8;
  switch (kind) {
    case CoreKind.fieldByteOffset:
      return bitField ? value(load.offset, false) : value(load.offset, true, load.size, typeId);
    case CoreKind.fieldByteSize:
      return value(load.size, !bitField);
    case CoreKind.fieldSigned:
      return value((isEnum(type) || type.kind === Kind.int) && type.signed ? 1 : 0);
    case CoreKind.fieldLeftShift:
      // Moves the field's most significant bit to the top of a 64-bit register.
      return value(
        btf.littleEndian
          ? 64 - (bitOffset + bitSize - load.offset * 8)
          : (8 - load.size) * 8 + (bitOffset - load.offset * 8),
        !bitField,
      );
    default:
      return value(64 - bitSize);
  }
}

interface Load {
  /** Bytes from the root. */
  readonly offset: number;
  readonly size: number;
}

function plainLoad(btf: Btf, bitOffset: number, typeId: number): Load {
  return { offset: Math.floor(bitOffset / 8), size: btf.size(typeId) };
}

/** The smallest aligned load, of the bit-field's declared type or wider, that holds all its bits. */
function bitFieldLoad(btf: Btf, path: AccessPath, type: BtfType, bitSize: number): Load {
  let size = 'size' in type ? type.size : btf.pointerSize;
  if (size === 0) throw new FormatError(`CO-RE: ${pathLabel(path)} is a bit-field without a size`);
  for (; ; size *= 2) {
    const offset = Math.floor(path.bitOffset / 8 / size) * size;
    if (path.bitOffset + bitSize - offset * 8 <= size * 8) return { offset, size };
    if (size >= 8)
      throw new FormatError(`CO-RE: the bit-field ${pathLabel(path)} cannot be read with one load`);
  }
}

/**
 * Whether a load or store of the local field may simply be made as wide as the target's: pointers and unsigned integers
 * are zero-extended, all else would come out wrong.
 */
export function widthMayChange(local: BtfType, target: BtfType): boolean {
  if (local.kind === Kind.ptr && target.kind === Kind.ptr) return true;
  return isZeroExtended(local) && isZeroExtended(target);
}

/** As libbpf has it, signed characters and booleans count as unsigned. */
function isZeroExtended(type: BtfType): boolean {
  return type.kind === Kind.int && !(type.signed && !type.char && !type.bool);
}
