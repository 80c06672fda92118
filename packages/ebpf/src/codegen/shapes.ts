/** Turns BTF types into shapes, and collects the structs and enumerations they need. */
import type { Btf } from '../btf/parse.js';
import {
  type ArrayType,
  type Enum64Type,
  type EnumType,
  isComposite,
  isEnum,
  Kind,
  type Member,
  type StructType,
  type UnionType,
} from '../btf/types.js';
import { FormatError } from '../errors.js';
import { camelCase, pascalCase, printable, UniqueNames } from './identifiers.js';
import type { BitField, EnumModel, Field, IntegerShape, Shape, StructModel } from './model.js';
import type { Tags } from './tags.js';

/** Structs within structs; C code stays far below. */
const maxNesting = 32;
/** Members of one struct, those of anonymous members included. */
const maxMembers = 8192;
/** Names that generated code uses itself: no type of the object may hide them. */
const reservedNames = [
  ...['Array', 'BigInt', 'BigInt64Array', 'BigUint64Array', 'Bytes', 'Elements', 'DataView', 'Float32Array'],
  ...['Float64Array', 'Int16Array', 'Int32Array', 'Int8Array', 'Math', 'Number'],
  ...['BloomFilterMap', 'BpfMap', 'DescriptorMap', 'LoadObjectOptions', 'LoadedObject', 'ObjectGlobals'],
  ...['ObjectMaps', 'ObjectPrograms', 'Program', 'RecordMap', 'TypedMap', 'TypedPerCpuMap', 'TypedQueue'],
  ...['OptionError', 'String', 'Uint16Array', 'Uint32Array', 'Uint8Array'],
];
/** Members of this name only fill space and are left out. */
const padding = /^_*pad(ding)?\d*_*$/;

export class Shapes {
  readonly structs: StructModel[] = [];
  readonly enums: EnumModel[] = [];
  readonly records = new Set<StructModel>();
  /** Structs that are keys of maps, or in such: a key that is not exact finds nothing. */
  readonly #keys = new Set<number>();
  readonly #btf: Btf;
  readonly #tags: Tags;
  readonly #typeNames = new UniqueNames(...reservedNames);
  readonly #structsById = new Map<number, StructModel>();
  readonly #enumNamesById = new Map<number, string>();

  constructor(btf: Btf, tags: Tags) {
    this.#btf = btf;
    this.#tags = tags;
  }

  /**
   * The shape of a type; undefined for what has no value to decode: void, functions, forward declarations, flexible
   * arrays.
   * @param context what an anonymous type is called after: `event_addr`.
   * @param big whether 64-bit integers in it become bigints.
   * @throws FormatError for types that contain themselves or are damaged.
   */
  shape(id: number, context: string, big = false, depth = 0): Shape | undefined {
    if (depth > maxNesting) throw new FormatError(`BTF: ${context} is nested deeper than ${maxNesting}`);
    const resolvedId = this.#btf.skipModifiers(id);
    const type = this.#btf.type(resolvedId);
    switch (type.kind) {
      case Kind.int:
        if (type.bool && type.size === 1) return { kind: 'bool', size: 1 };
        if (type.size === 16) return { kind: 'int128', size: 16, signed: type.signed };
        return integer(type.size, type.signed, big, context);
      case Kind.ptr:
        // Kernel addresses do not fit a number.
        return integer(this.#btf.pointerSize, false, true, context);
      case Kind.float:
        return type.size === 4 || type.size === 8 ? { kind: 'float', size: type.size } : undefined;
      case Kind.enum:
      case Kind.enum64: {
        const underlying = integer(type.size, type.signed, type.kind === Kind.enum64, context);
        return {
          kind: 'enum',
          size: type.size,
          integer: underlying,
          type: this.#enumName(id, resolvedId, type, context),
        };
      }
      case Kind.array:
        return this.#array(type, context, big, depth);
      case Kind.struct:
      case Kind.union: {
        const struct = this.#struct(id, resolvedId, type, context, depth);
        return { kind: 'struct', size: struct.size, struct };
      }
      default:
        return undefined;
    }
  }

  #array(type: ArrayType, context: string, big: boolean, depth: number): Shape | undefined {
    const { count } = type;
    if (count === 0) return undefined;
    const elementType = this.#btf.resolve(type.elementTypeId);
    if (elementType.kind === Kind.int && elementType.name === 'char') return { kind: 'string', size: count };
    const element = this.shape(type.elementTypeId, context, big, depth + 1);
    if (element === undefined) return undefined;
    const size = element.size * count;
    if (size > 0xffffffff) throw new FormatError(`BTF: ${context} is larger than 4 GB`);
    switch (element.kind) {
      case 'bool':
        return { kind: 'numbers', size, element: { kind: 'int', size: 1, signed: false }, count };
      case 'enum':
        return { kind: 'numbers', size, element: element.integer, count };
      case 'int':
      case 'int64':
      case 'float':
        return { kind: 'numbers', size, element, count };
      case 'numbers':
        // A matrix becomes one row after the other.
        return { ...element, size, count: element.count * count };
      default:
        return { kind: 'list', size, element, count };
    }
  }

  #struct(
    id: number,
    resolvedId: number,
    type: StructType | UnionType,
    context: string,
    depth: number,
  ): StructModel {
    const known = this.#structsById.get(resolvedId);
    if (known !== undefined) return known;
    const cName = type.name === '' ? (this.#typedefName(id) ?? context) : type.name;
    const gathered: Field[] = [];
    const place: Place = {
      names: new UniqueNames(),
      fields: gathered,
      context: cName,
      written: true,
      offset: 0,
      depth,
      visited: { members: 0 },
    };
    this.#fields(resolvedId, type, place);
    const struct: StructModel = {
      name: this.#typeNames.take(pascalCase(cName)),
      cName: `${type.kind === Kind.union ? 'union' : 'struct'} ${printable(cName)}`,
      size: type.size,
      fields: gathered,
      dense: isDense(type.size, gathered),
    };
    this.#structsById.set(resolvedId, struct);
    this.structs.push(struct);
    return struct;
  }

  /** Adds the members of a struct, and in their place those of its anonymous members, to `place.fields`. */
  #fields(id: number, type: StructType | UnionType, place: Place): void {
    if (place.depth > maxNesting)
      throw new FormatError(`BTF: ${place.context} is nested deeper than ${maxNesting}`);
    const chosen = type.kind === Kind.union ? this.#largest(type.members) : undefined;
    for (const [i, member] of type.members.entries()) {
      if (++place.visited.members > maxMembers)
        throw new FormatError(`BTF: ${place.context} has too many members`);
      const written = place.written && (chosen === undefined || chosen === i);
      const inner = this.#btf.resolve(member.typeId);
      if (member.name === '' && isComposite(inner)) {
        const offset = place.offset + member.bitOffset / 8;
        const innerId = this.#btf.skipModifiers(member.typeId);
        this.#fields(innerId, inner, { ...place, written, offset, depth: place.depth + 1 });
        continue;
      }
      if (member.name === '' || padding.test(member.name)) continue;
      const context = `${place.context}_${member.name}`;
      const big = this.#tags.has('bigint', id, i) || (this.#keys.has(id) && !this.#tags.has('number', id, i));
      const shape = this.shape(member.typeId, context, big, place.depth + 1);
      if (shape === undefined) continue;
      const bits = member.bitSize > 0 ? this.#bits(member, shape, place, context) : undefined;
      if (bits === undefined && member.bitOffset % 8 !== 0) {
        throw new FormatError(`BTF: ${context} does not begin at a byte`);
      }
      place.fields.push({
        name: place.names.take(camelCase(member.name)),
        cName: member.name,
        offset: place.offset + (bits?.offset ?? member.bitOffset / 8),
        shape: bits?.shape ?? shape,
        bits: bits?.field,
        written,
      });
    }
  }

  /** The integer, as small as possible, from which a bit-field is cut. */
  #bits(
    member: Member,
    shape: Shape,
    place: Place,
    context: string,
  ): { field: BitField; offset: number; shape: Shape } {
    const { bitOffset, bitSize } = member;
    if (shape.kind === 'int128')
      throw new FormatError(`BTF: ${context} is a bit-field of 128 bits, for which there is no decoder`);
    const signed = shape.kind === 'enum' ? shape.integer.signed : 'signed' in shape && shape.signed;
    for (const load of [1, 2, 4, 8] as const) {
      const offset = Math.floor(bitOffset / 8 / load) * load;
      const inside = bitOffset - offset * 8;
      if (inside + bitSize > load * 8) continue;
      const shift = this.#btf.littleEndian ? inside : load * 8 - inside - bitSize;
      const wide: Shape = { kind: 'int64', size: 8, signed, big: false };
      const plain: Shape = bitSize > 32 ? wide : { kind: 'int', size: 4, signed };
      const keep = shape.kind === 'enum' || shape.kind === 'bool';
      return { field: { load, shift, width: bitSize, signed }, offset, shape: keep ? shape : plain };
    }
    throw new FormatError(`BTF: the bit-field ${context} at byte ${place.offset} spans more than 8 bytes`);
  }

  #largest(members: readonly Member[]): number {
    let best = 0;
    let bestSize = -1;
    for (const [i, { typeId }] of members.entries()) {
      const size = this.#btf.size(typeId);
      if (size > bestSize) [best, bestSize] = [i, size];
    }
    return best;
  }

  #enumName(id: number, resolvedId: number, type: EnumType | Enum64Type, context: string): string {
    const known = this.#enumNamesById.get(resolvedId);
    if (known !== undefined) return known;
    const cName = type.name === '' ? (this.#typedefName(id) ?? context) : type.name;
    const name = this.#typeNames.take(pascalCase(cName));
    this.#enumNamesById.set(resolvedId, name);
    this.enums.push({ name, cName: `enum ${printable(cName)}`, values: type.values });
    return name;
  }

  /** Makes 64-bit integers in a key's type exact. Before any shape of it is asked for. */
  addKey(id: number, depth = 0): void {
    if (depth > maxNesting) return;
    const resolvedId = this.#btf.skipModifiers(id);
    const type = this.#btf.type(resolvedId);
    if (type.kind === Kind.array) this.addKey(type.elementTypeId, depth + 1);
    if (!isComposite(type) || this.#keys.has(resolvedId)) return;
    this.#keys.add(resolvedId);
    for (const { typeId } of type.members) this.addKey(typeId, depth + 1);
  }

  /** Adds a struct, or an enumeration, by itself. Types of other kinds are ignored. */
  addRecord(id: number): void {
    const type = this.#btf.resolve(id);
    if (!isComposite(type) && !isEnum(type)) return;
    const shape = this.shape(id, type.name === '' ? 'anonymous' : type.name);
    if (shape?.kind === 'struct') this.records.add(shape.struct);
  }

  /** The last typedef before an anonymous type. */
  #typedefName(id: number): string | undefined {
    const type = this.#btf.type(this.#btf.skipModifiers(id, false));
    if (type.kind !== Kind.typedef) return undefined;
    return this.#typedefName(type.typeId) ?? type.name;
  }
}

interface Place {
  readonly names: UniqueNames;
  readonly fields: Field[];
  /** C name of the enclosing type. */
  readonly context: string;
  readonly written: boolean;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly depth: number;
  /** Shared by a struct and its anonymous members. */
  readonly visited: { members: number };
}

function integer(size: number, signed: boolean, big: boolean, context: string): IntegerShape {
  if (size === 1 || size === 2 || size === 4) return { kind: 'int', size, signed };
  if (size === 8) return { kind: 'int64', size, signed, big };
  throw new FormatError(`BTF: ${context} is an integer of ${size} bytes, for which there is no decoder`);
}

/** Whether writing all fields writes all bytes. */
function isDense(size: number, fields: readonly Field[]): boolean {
  const ranges = fields
    .filter((field) => field.written)
    .map((field) => ({ start: field.offset, end: field.offset + field.shape.size, field }))
    .sort((a, b) => a.start - b.start);
  let end = 0;
  for (const range of ranges) {
    const { shape, bits } = range.field;
    if (range.start !== end || bits !== undefined) return false;
    if (shape.kind === 'struct' && !shape.struct.dense) return false;
    if (shape.kind === 'list') return false;
    end = range.end;
  }
  return end === size;
}
