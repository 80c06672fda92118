/** Decodes one type of a BTF blob. */
import { FormatError } from '../errors.js';
import { kindMask, kindShift, typeHeaderSize, vlenMask } from './layout.js';
import { type BtfType, Kind } from './types.js';

/** The blob that a type is decoded from. */
export interface TypeSource {
  readonly view: DataView;
  readonly littleEndian: boolean;
  /** References must be below this. */
  readonly typeCount: number;
  /** @throws FormatError if there is no string at this offset. */
  string(offset: number): string;
}

/**
 * Decodes the type at `position`. The caller has checked that the type, by its kind and vlen, lies within the view.
 * @throws FormatError if it refers to types or strings that do not exist.
 */
export function decodeType(source: TypeSource, position: number, id: number): BtfType {
  const { view, littleEndian } = source;
  const u32 = (offset: number) => view.getUint32(position + offset, littleEndian);
  const reference = (offset: number): number => {
    const target = u32(offset);
    if (target >= source.typeCount)
      throw new FormatError(`BTF: type ${id} refers to type ${target}, which is missing`);
    return target;
  };
  /** Decodes the vlen elements that follow the type's header. */
  const elements = <T>(size: number, decode: (offset: number) => T): T[] => {
    const count = u32(4) & vlenMask;
    const result = new Array<T>(count);
    for (let i = 0; i < count; i++) result[i] = decode(typeHeaderSize + i * size);
    return result;
  };

  const name = source.string(u32(0));
  const info = u32(4);
  const flag = info >>> 31 === 1;
  const kind = (info >>> kindShift) & kindMask;
  switch (kind) {
    case Kind.int: {
      const data = u32(12);
      return {
        kind,
        name,
        size: u32(8),
        signed: (data & 0x1000000) !== 0,
        char: (data & 0x2000000) !== 0,
        bool: (data & 0x4000000) !== 0,
        bits: data & 0xff,
        bitOffset: (data >>> 16) & 0xff,
      };
    }
    case Kind.array:
      return { kind, name: '', elementTypeId: reference(12), indexTypeId: reference(16), count: u32(20) };
    case Kind.struct:
    case Kind.union: {
      const members = elements(12, (offset) => {
        const where = u32(offset + 8);
        return {
          name: source.string(u32(offset)),
          typeId: reference(offset + 4),
          // Where the struct has bit-fields, the upper byte of each member's offset is its width.
          bitOffset: flag ? where & 0xffffff : where,
          bitSize: flag ? where >>> 24 : 0,
        };
      });
      return { kind, name, size: u32(8), members };
    }
    case Kind.enum: {
      const values = elements(8, (offset) => ({
        name: source.string(u32(offset)),
        value: flag ? view.getInt32(position + offset + 4, littleEndian) : u32(offset + 4),
      }));
      return { kind, name, size: u32(8), signed: flag, values };
    }
    case Kind.enum64: {
      const values = elements(12, (offset) => {
        // Low half first whatever the byte order.
        const bits = BigInt(u32(offset + 4)) | (BigInt(u32(offset + 8)) << 32n);
        return { name: source.string(u32(offset)), value: flag ? BigInt.asIntN(64, bits) : bits };
      });
      return { kind, name, size: u32(8), signed: flag, values };
    }
    case Kind.fwd:
      return { kind, name, union: flag };
    case Kind.ptr:
    case Kind.volatile:
    case Kind.const:
    case Kind.restrict:
      return { kind, name: '', typeId: reference(8) };
    case Kind.typedef:
      return { kind, name, typeId: reference(8) };
    case Kind.func:
      return { kind, name, typeId: reference(8), linkage: info & vlenMask };
    case Kind.funcProto: {
      const parameters = elements(8, (offset) => ({
        name: source.string(u32(offset)),
        typeId: reference(offset + 4),
      }));
      return { kind, name: '', returnTypeId: reference(8), parameters };
    }
    case Kind.var:
      return { kind, name, typeId: reference(8), linkage: u32(12) };
    case Kind.datasec: {
      const variables = elements(12, (offset) => ({
        typeId: reference(offset),
        offset: u32(offset + 4),
        size: u32(offset + 8),
      }));
      return { kind, name, size: u32(8), variables };
    }
    case Kind.float:
      return { kind, name, size: u32(8) };
    case Kind.declTag: {
      const componentIndex = view.getInt32(position + 12, littleEndian);
      return { kind, name, typeId: reference(8), componentIndex, ...(flag && { attribute: true }) };
    }
    case Kind.typeTag:
      return { kind, name, typeId: reference(8), ...(flag && { attribute: true }) };
    default:
      return { kind: Kind.opaque, name, rawKind: kind };
  }
}
