/** Writes types as a BTF blob. */
import { FormatError } from '../errors.js';
import { btfMagic, btfVersion, headerSize, kindShift, vlenMask } from './layout.js';
import { type BtfType, Kind, kindName, type Member } from './types.js';

/** Collects strings, each once, and gives their offsets. */
class StringTable {
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #chunks: Buffer[] = [Buffer.alloc(1)];
  length = 1;

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    if (text.includes('\0')) throw new FormatError(`BTF: the name ${JSON.stringify(text)} contains a NUL`);
    const bytes = Buffer.from(`${text}\0`, 'utf8');
    const offset = this.length;
    this.#offsets.set(text, offset);
    this.#chunks.push(bytes);
    this.length += bytes.length;
    return offset;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}

/**
 * A standalone blob of the given types, the first of which gets the id 1.
 * @throws FormatError for types of a kind that this library cannot write, and for names that contain a NUL.
 */
export function encodeTypes(types: readonly BtfType[], littleEndian = true): Uint8Array {
  const strings = new StringTable();
  const words: number[] = [];
  for (const type of types) encodeType(type, words, strings);
  const blob = new Uint8Array(headerSize + words.length * 4 + strings.length);
  const view = new DataView(blob.buffer);
  view.setUint16(0, btfMagic, littleEndian);
  blob[2] = btfVersion;
  const header = [headerSize, 0, words.length * 4, words.length * 4, strings.length];
  [...header].forEach((word, i) => {
    view.setUint32(4 + i * 4, word, littleEndian);
  });
  let position = headerSize;
  for (const word of words) {
    view.setUint32(position, word, littleEndian);
    position += 4;
  }
  blob.set(strings.bytes(), position);
  return blob;
}

/** Appends one type as 32-bit words: the whole type section consists of them. */
function encodeType(type: BtfType, words: number[], strings: StringTable): void {
  const head = (vlen: number, flag: boolean, sizeOrType: number) => {
    if (vlen > vlenMask) throw new FormatError(`BTF: ${type.name} has ${vlen} elements, more than fit`);
    const info = ((flag ? 1 << 31 : 0) | (type.kind << kindShift) | vlen) >>> 0;
    words.push(strings.add(type.name), info, sizeOrType);
  };
  switch (type.kind) {
    case Kind.int: {
      head(0, false, type.size);
      const encoding = (type.signed ? 1 : 0) | (type.char ? 2 : 0) | (type.bool ? 4 : 0);
      words.push(((encoding << 24) | (type.bitOffset << 16) | type.bits) >>> 0);
      return;
    }
    case Kind.array:
      head(0, false, 0);
      words.push(type.elementTypeId, type.indexTypeId, type.count);
      return;
    case Kind.struct:
    case Kind.union: {
      const bitFields = type.members.some((member) => member.bitSize > 0);
      head(type.members.length, bitFields, type.size);
      for (const member of type.members) {
        words.push(strings.add(member.name), member.typeId, memberOffset(type.name, member, bitFields));
      }
      return;
    }
    case Kind.enum:
      head(type.values.length, type.signed, type.size);
      for (const { name, value } of type.values) words.push(strings.add(name), value >>> 0);
      return;
    case Kind.enum64:
      head(type.values.length, type.signed, type.size);
      for (const { name, value } of type.values) {
        const bits = BigInt.asUintN(64, value);
        words.push(strings.add(name), Number(bits & 0xffffffffn), Number(bits >> 32n));
      }
      return;
    case Kind.fwd:
      head(0, type.union, 0);
      return;
    case Kind.ptr:
    case Kind.typedef:
    case Kind.volatile:
    case Kind.const:
    case Kind.restrict:
      head(0, false, type.typeId);
      return;
    case Kind.func:
      head(type.linkage, false, type.typeId);
      return;
    case Kind.funcProto:
      head(type.parameters.length, false, type.returnTypeId);
      for (const { name, typeId } of type.parameters) words.push(strings.add(name), typeId);
      return;
    case Kind.var:
      head(0, false, type.typeId);
      words.push(type.linkage);
      return;
    case Kind.datasec:
      head(type.variables.length, false, type.size);
      for (const { typeId, offset, size } of type.variables) words.push(typeId, offset, size);
      return;
    case Kind.float:
      head(0, false, type.size);
      return;
    case Kind.declTag:
      head(0, type.attribute === true, type.typeId);
      words.push(type.componentIndex >>> 0);
      return;
    case Kind.typeTag:
      head(0, type.attribute === true, type.typeId);
      return;
    default:
      throw new FormatError(`BTF: cannot write a type of ${kindName(type.kind)} kind`);
  }
}

function memberOffset(owner: string, { name, bitOffset, bitSize }: Member, bitFields: boolean): number {
  if (!bitFields) return bitOffset;
  if (bitOffset > 0xffffff || bitSize > 0xff) {
    throw new FormatError(`BTF: ${owner}.${name} lies too far inside for a struct with bit-fields`);
  }
  return ((bitSize << 24) | bitOffset) >>> 0;
}
