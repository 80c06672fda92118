/**
 * The Btf class: a BTF blob, checked and indexed once and decoded type by type when asked, so that the kernel's own
 * five megabytes are usable in milliseconds.
 */
import { FormatError } from '../errors.js';
import { type Extent, indexTypes, parseHeader, type Sections, type TypeTable } from './blob-sections.js';
import { decodeType, type TypeSource } from './decode.js';
import { elfBtf, isElf } from './elf-btf.js';
import { encodeTypes } from './encode.js';
import { kindLayouts, kindMask, kindShift } from './layout.js';
import { NameSearch } from './name-search.js';
import { essentialName, NameIndex, stringEnd } from './names.js';
import { type BtfType, isModifier, Kind, kindName } from './types.js';

/** How many typedefs, modifiers and arrays may stand between a name and its type; the kernel's own limit. */
const MAX_DEPTH = 32;
/** No type may be larger: the kernel keeps sizes in 32 bits. */
const MAX_SIZE = 0xffffffff;
const voidType: BtfType = { kind: Kind.void, name: '' };

/** What {@link Btf.parse} may rely on. */
export interface ParseBtfOptions {
  /**
   * No string of the blob is there twice, and no name begins within another: so libbpf and pahole write them, and the kernel shows its own.
   * The first names that are asked for are then searched for in the strings, before all names are indexed. Default false.
   */
  readonly deduplicated?: boolean;
}

/** Names of a type that pointers are as large as. */
const longNames: ReadonlySet<string> = new Set([
  ...['long', 'unsigned long', 'long int', 'long unsigned int', 'unsigned long int'],
]);

/** A parsed BTF blob. Immutable. */
export class Btf {
  readonly littleEndian: boolean;
  /** Types have the ids 0 to `length - 1`, those of the base included; 0 is void. */
  readonly length: number;
  /** The blob this one extends, for split BTF as kernel modules have it. */
  readonly base: Btf | undefined;
  /** The first id that belongs to this blob rather than to its base. */
  readonly firstId: number;

  readonly #source: TypeSource;
  readonly #bytes: Buffer;
  readonly #strings: Extent;
  readonly #typesStart: number;
  /** The word of the type section that each type of its own begins with, and where in the string section its name begins. */
  readonly #positions: Uint32Array;
  readonly #nameOffsets: Uint32Array;
  readonly #cache = new Map<number, BtfType>();
  /** By each string section, this blob's and those of its bases: the types of this blob with their names in it. */
  #names: readonly NameIndex[] | undefined;
  /** Until there are indexes, where the strings allow it. */
  #search: NameSearch | undefined;
  #pointerSize: number | undefined;

  private constructor(
    bytes: Buffer,
    sections: Sections,
    { positions, nameOffsets }: TypeTable,
    base: Btf | undefined,
    deduplicated: boolean,
  ) {
    this.#nameOffsets = nameOffsets;
    this.#bytes = bytes;
    this.#strings = sections.strings;
    this.#typesStart = sections.types.start;
    this.#positions = positions;
    this.base = base;
    this.littleEndian = sections.littleEndian;
    // A base's id 0 is void; without a base the void stands in front of the first type.
    this.firstId = base === undefined ? 1 : base.length;
    this.length = this.firstId + positions.length;
    this.#source = {
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      littleEndian: sections.littleEndian,
      typeCount: this.length,
      string: (offset) => this.string(offset),
    };
    if (deduplicated && base === undefined) this.#search = new NameSearch(this.#ownStrings(), nameOffsets);
  }

  /**
   * Parses a `.BTF` section, `/sys/kernel/btf/vmlinux`, or with `base` a module's `/sys/kernel/btf/NAME`; or an ELF file that has such a
   * section, such as a `vmlinux` with debug information or a module.
   *
   * The bytes are kept, not copied. Checks the header and the extent of every type; what a type refers to is checked when it is first asked for.
   * @throws FormatError if the blob is damaged or of an unknown version.
   */
  static parse(bytes: Uint8Array, base?: Btf, options: ParseBtfOptions = {}): Btf {
    if (isElf(bytes)) return Btf.parse(elfBtf(bytes), base, options);
    const sections = parseHeader(bytes, base !== undefined);
    if (base !== undefined && base.littleEndian !== sections.littleEndian) {
      throw new FormatError('BTF: the blob and its base differ in byte order');
    }
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new Btf(buffer, sections, indexTypes(bytes, sections), base, options.deduplicated === true);
  }

  /** Bytes of a pointer in the described program, taken from its `long`; 8 if it has none. */
  get pointerSize(): number {
    this.#pointerSize ??= this.base?.pointerSize ?? this.#guessPointerSize();
    return this.#pointerSize;
  }

  /** @throws FormatError if there is no such type, or if it is damaged. */
  type(id: number): BtfType {
    if (id === 0) return voidType;
    if (id < this.firstId && this.base !== undefined) return this.base.type(id);
    const index = id - this.firstId;
    let type = this.#cache.get(index);
    if (type === undefined) {
      type = decodeType(this.#source, this.#positionOf(id), id);
      this.#cache.set(index, type);
    }
    return type;
  }

  /** The string at an offset of the string section. @throws FormatError if there is none. */
  string(offset: number): string {
    if (offset === 0) return '';
    const baseLength = this.base?.stringsLength ?? 0;
    if (this.base !== undefined && offset < baseLength) return this.base.string(offset);
    const { start, length } = this.#strings;
    const local = offset - baseLength;
    if (!(local >= 0 && local < length)) throw new FormatError(`BTF: no string at offset ${offset}`);
    const end = stringEnd(this.#bytes, start + local);
    return this.#bytes.toString('utf8', start + local, end);
  }

  /** Bytes of string sections up to and including this blob's: where a blob split from this one starts to count. */
  get stringsLength(): number {
    return (this.base?.stringsLength ?? 0) + this.#strings.length;
  }

  /** Ids of the types of exactly this name, ascending. */
  typesByName(name: string): readonly number[] {
    return this.#find(name, false);
  }

  /** Ids of the types of this name, whatever their flavour (`___suffix`), ascending. A flavour in `name` is ignored. */
  typesByEssentialName(name: string): readonly number[] {
    const essential = essentialName(name);
    const found = this.#find(essential, true);
    // The essential part of `a___b___c` is itself the name of a flavour, of something else.
    return essential.includes('___')
      ? found.filter((id) => essentialName(this.type(id).name) === essential)
      : found;
  }

  /**
   * Says which names will be asked for, flavours aside, so that all are searched for at once. Whatever was said, every name is found.
   */
  expectNames(names: Iterable<string>): void {
    this.#search?.expect(names);
  }

  /** The first type of this name and kind. */
  find(name: string, kind: number): number | undefined {
    return this.typesByName(name).find((id) => this.kind(id) === kind);
  }

  /** The kind of a type, without decoding the rest of it. @throws FormatError if there is no such type. */
  kind(id: number): number {
    if (id === 0) return Kind.void;
    if (id < this.firstId && this.base !== undefined) return this.base.kind(id);
    const info = this.#source.view.getUint32(this.#positionOf(id) + 4, this.littleEndian);
    const kind = (info >>> kindShift) & kindMask;
    return kindLayouts[kind] === undefined ? Kind.opaque : kind;
  }

  /**
   * Bytes a value of the type takes, through typedefs, modifiers, variables and arrays.
   * @throws FormatError for types without a size (void, functions, forward declarations), for cycles, and for arrays
   * of 4 GB or more.
   */
  size(id: number): number {
    let count = 1;
    for (let depth = 0, current = id; depth < MAX_DEPTH; depth++) {
      const type = this.type(current);
      let size: number;
      switch (type.kind) {
        case Kind.typedef:
        case Kind.const:
        case Kind.volatile:
        case Kind.restrict:
        case Kind.typeTag:
        case Kind.declTag:
        case Kind.var:
          current = type.typeId;
          continue;
        case Kind.array:
          count *= type.count;
          if (count > MAX_SIZE)
            throw new FormatError(`BTF: type ${id} is an array of more than ${MAX_SIZE} elements`);
          current = type.elementTypeId;
          continue;
        case Kind.int:
        case Kind.struct:
        case Kind.union:
        case Kind.enum:
        case Kind.enum64:
        case Kind.float:
        case Kind.datasec:
          size = type.size;
          break;
        case Kind.ptr:
          size = this.pointerSize;
          break;
        default:
          throw new FormatError(`BTF: type ${id} has no size: ${kindName(type.kind)} ${type.name}`);
      }
      if (size * count > MAX_SIZE) throw new FormatError(`BTF: type ${id} is larger than ${MAX_SIZE} bytes`);
      return size * count;
    }
    throw new FormatError(`BTF: type ${id} is nested deeper than ${MAX_DEPTH} or refers to itself`);
  }

  /**
   * The first type that is not a modifier (const, volatile, restrict, type tag), by default also not a typedef.
   * @throws FormatError for cycles.
   */
  skipModifiers(id: number, skipTypedefs = true): number {
    let current = id;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const type = this.type(current);
      if (!isModifier(type) && !(skipTypedefs && type.kind === Kind.typedef)) return current;
      current = type.typeId;
    }
    throw new FormatError(`BTF: type ${id} has more than ${MAX_DEPTH} modifiers or refers to itself`);
  }

  /** The type itself behind modifiers and typedefs. @throws FormatError for cycles. */
  resolve(id: number): BtfType {
    return this.type(this.skipModifiers(id));
  }

  /** A standalone `.BTF` blob of the same types under the same ids; split BTF is merged with its base. */
  encode(): Uint8Array {
    if (this.base === undefined) return new Uint8Array(this.#bytes);
    const types: BtfType[] = [];
    for (let id = 1; id < this.length; id++) types.push(this.type(id));
    return encodeTypes(types, this.littleEndian);
  }

  #find(name: string, flavours: boolean): readonly number[] {
    if (name === '') return [];
    const inherited = this.base === undefined ? [] : this.base.#find(name, flavours);
    const searched = this.#search?.find(name, flavours);
    if (searched !== undefined) return searched.map((index) => index + this.firstId);
    this.#search = undefined;
    this.#names ??= this.#indexNames();
    const own = this.#names.flatMap((index) => index.find(name, flavours));
    for (let i = 0; i < own.length; i++) own[i]! += this.firstId;
    if (this.#names.length > 1) own.sort((a, b) => a - b);
    return inherited.length === 0 ? own : [...inherited, ...own];
  }

  /** A split blob's types may be named by its own strings or by those of its bases. */
  #indexNames(): NameIndex[] {
    const indexes: NameIndex[] = [];
    for (let level: Btf | undefined = this; level !== undefined; level = level.base) {
      const first = level.base?.stringsLength ?? 0;
      const names = { starts: this.#nameOffsets, first, end: first + level.#strings.length };
      indexes.push(new NameIndex(level.#ownStrings(), names));
    }
    const { stringsLength } = this;
    for (let index = 0; index < this.#nameOffsets.length; index++) {
      if (this.#nameOffsets[index]! >= stringsLength)
        throw new FormatError(`BTF: type ${this.firstId + index} has its name outside the blob`);
    }
    return indexes;
  }

  #ownStrings(): Buffer {
    const { start, length } = this.#strings;
    return this.#bytes.subarray(start, start + length);
  }

  /** Where in the blob a type of its own begins. @throws FormatError */
  #positionOf(id: number): number {
    const word = this.#positions[id - this.firstId];
    if (word === undefined) throw new FormatError(`BTF: no type ${id}, there are ${this.length}`);
    return this.#typesStart + 4 * word;
  }

  /** By the types in their order, among whose first a compiler's own are. */
  #guessPointerSize(): number {
    for (let id = this.firstId; id < this.length; id++) {
      if (this.kind(id) !== Kind.int) continue;
      const type = this.type(id);
      if (type.kind !== Kind.int || !longNames.has(type.name)) continue;
      if (type.size === 4 || type.size === 8) return type.size;
    }
    return 8;
  }
}
