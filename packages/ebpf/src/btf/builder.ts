/** Builds BTF in memory, for targets that are found out at run time and for tests. */
import { OptionError } from '../errors.js';
import { encodeTypes } from './encode.js';
import { Btf } from './parse.js';
import { type BtfType, type Enumerator, type Enumerator64, Kind, type Member } from './types.js';

/**
 * A member as given to a builder, at an offset in bits or bytes (`offset`); a bit-field has a width,
 * `bitSize`, in bits.
 */
export type MemberInit = { readonly name: string; readonly typeId: number; readonly bitSize?: number } & (
  | { readonly bitOffset: number }
  | { readonly offset: number }
);

/** Options of an integer; without any it is unsigned. */
export interface IntOptions {
  readonly signed?: boolean;
  readonly char?: boolean;
  readonly bool?: boolean;
}

/**
 * Collects types and turns them into a {@link Btf}. Every `add` returns the new type's id, starting with 1; a type may
 * refer to ids that are added later (see {@link BtfBuilder.nextId}), as long as they exist when it is built.
 */
export class BtfBuilder {
  readonly #types: BtfType[] = [];

  /** A builder that starts with all types of a blob, under the same ids. */
  static from(btf: Btf): BtfBuilder {
    const builder = new BtfBuilder();
    for (let id = 1; id < btf.length; id++) builder.add(btf.type(id));
    return builder;
  }

  /** The id that the next type will get. */
  get nextId(): number {
    return this.#types.length + 1;
  }

  /** Adds a type of any kind. Returns its id. */
  add(type: BtfType): number {
    return this.#types.push(type);
  }

  /** Puts another type in the place of one added before. @throws OptionError for an id that no type has. */
  replace(id: number, type: BtfType): void {
    if (id < 1 || id > this.#types.length) throw new OptionError(`BtfBuilder: no type ${id} to replace`);
    this.#types[id - 1] = type;
  }

  /**
   * Adds an integer. Returns its id.
   *
   * @param size in bytes.
   */
  addInt(name: string, size: number, options: IntOptions = {}): number {
    const { signed = false, char = false, bool = false } = options;
    return this.add({ kind: Kind.int, name, size, signed, char, bool, bits: size * 8, bitOffset: 0 });
  }

  /** Adds a pointer to a type. Returns its id. */
  addPtr(typeId: number): number {
    return this.add({ kind: Kind.ptr, name: '', typeId });
  }

  /**
   * Adds an array. Returns its id.
   *
   * @param count number of elements, 0 for a flexible array member.
   */
  addArray(elementTypeId: number, count: number, indexTypeId = elementTypeId): number {
    return this.add({ kind: Kind.array, name: '', elementTypeId, indexTypeId, count });
  }

  /**
   * Adds a struct. Returns its id.
   *
   * @param size in bytes.
   */
  addStruct(name: string, size: number, members: readonly MemberInit[]): number {
    return this.add({ kind: Kind.struct, name, size, members: members.map(completeMember) });
  }

  /**
   * Adds a union. Returns its id.
   *
   * @param size in bytes.
   */
  addUnion(name: string, size: number, members: readonly MemberInit[]): number {
    return this.add({ kind: Kind.union, name, size, members: members.map(completeMember) });
  }

  /**
   * Adds an enumeration of up to 32 bits, of `size` bytes (default 4). Returns its id. It is signed if one of
   * its values is negative.
   */
  addEnum(name: string, values: readonly Enumerator[], size = 4): number {
    return this.add({ kind: Kind.enum, name, size, signed: values.some(({ value }) => value < 0), values });
  }

  /** Adds an enumeration of 64 bits (6.0). Returns its id. It is signed if one of its values is negative. */
  addEnum64(name: string, values: readonly Enumerator64[]): number {
    return this.add({
      kind: Kind.enum64,
      name,
      size: 8,
      signed: values.some(({ value }) => value < 0n),
      values,
    });
  }

  /** Adds another name for a type. Returns its id. */
  addTypedef(name: string, typeId: number): number {
    return this.add({ kind: Kind.typedef, name, typeId });
  }

  /** Adds the `const` variant of a type. Returns its id. */
  addConst(typeId: number): number {
    return this.add({ kind: Kind.const, name: '', typeId });
  }

  /** Adds a forward declaration of a struct or union. Returns its id. */
  addFwd(name: string, union = false): number {
    return this.add({ kind: Kind.fwd, name, union });
  }

  /**
   * Encodes and parses the types that were added.
   *
   * @throws FormatError if a type cannot be written. References to ids that were never added fail when followed.
   */
  build(littleEndian = true): Btf {
    return Btf.parse(encodeTypes(this.#types, littleEndian));
  }
}

function completeMember(member: MemberInit): Member {
  const bitOffset = 'bitOffset' in member ? member.bitOffset : member.offset * 8;
  return { name: member.name, typeId: member.typeId, bitOffset, bitSize: member.bitSize ?? 0 };
}
