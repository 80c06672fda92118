/**
 * Rewrites an object's BTF into what an older kernel accepts. A kernel refuses the whole blob for a single kind that
 * it does not know, so each such type becomes one of an older kind with the same size in the blob: type ids stay as
 * they are, and function and line information keeps pointing at the right entries.
 */
import { btfMagic, btfVersion, headerSize } from '../btf/layout.js';
import { Kind, Linkage } from '../btf/types.js';
import { FormatError } from '../errors.js';

/** Which newer parts of the format the kernel takes. */
export interface BtfSupport {
  /** FUNC and FUNC_PROTO (5.0). */
  readonly func: boolean;
  /** VAR and DATASEC (5.2). */
  readonly datasec: boolean;
  /** FUNC with global linkage (5.6). */
  readonly globalFunc: boolean;
  /** FUNC with global linkage and pointers to memory (5.12). */
  readonly globalPointers: boolean;
  /** FLOAT (5.13). */
  readonly float: boolean;
  /** DECL_TAG (5.16). */
  readonly declTag: boolean;
  /** TYPE_TAG (5.17). */
  readonly typeTag: boolean;
  /** ENUM64, and the sign flag of ENUM (6.0). */
  readonly enum64: boolean;
}

/** Bytes that follow the 12-byte head of a type, by kind and number of members. */
function tailLength(kind: number, count: number): number {
  switch (kind) {
    case Kind.int:
    case Kind.var:
    case Kind.declTag:
      return 4;
    case Kind.array:
      return 12;
    case Kind.struct:
    case Kind.union:
    case Kind.datasec:
    case Kind.enum64:
      return 12 * count;
    case Kind.enum:
    case Kind.funcProto:
      return 8 * count;
    default:
      return 0;
  }
}

/** `struct btf_type.info`: kind in bits 24–28, the flag in bit 31, the member count in bits 0–15. */
function info(kind: number, count = 0, flag = false): number {
  return ((flag ? 0x8000_0000 : 0) | (kind << 24) | count) >>> 0;
}

/**
 * Externs are rewritten for every kernel: none takes a variable or function that is not defined in the blob.
 * @param blob A valid little-endian BTF blob with DATASEC offsets and sizes filled in; it is not changed.
 */
export function sanitizeBtf(blob: Uint8Array, support: BtfSupport): Uint8Array {
  return new Sanitizer(blob, support).run();
}

/** Contexts of programs for packets, to which global functions take pointers since 5.6, and no memory has their type. */
const packetContexts: ReadonlySet<string> = new Set(['__sk_buff', 'xdp_md']);
const questionMark = 0x3f;
const underscore = 0x5f;
/** Modifiers before a type that are followed; the kernel's own limit. */
const MAX_MODIFIERS = 32;

class Sanitizer {
  readonly #support: BtfSupport;
  readonly #types: Uint8Array;
  readonly #view: DataView;
  readonly #strings: Uint8Array;
  readonly #offsets: number[] = [0];
  #placeholder = 0;

  constructor(blob: Uint8Array, support: BtfSupport) {
    this.#support = support;
    const header = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
    if (blob.byteLength < headerSize || header.getUint16(0, true) !== btfMagic) {
      throw new FormatError('not a little-endian BTF blob');
    }
    const base = header.getUint32(4, true);
    const typesAt = base + header.getUint32(8, true);
    const stringsAt = base + header.getUint32(16, true);
    this.#types = blob.slice(typesAt, typesAt + header.getUint32(12, true));
    this.#strings = blob.slice(stringsAt, stringsAt + header.getUint32(20, true));
    this.#view = new DataView(this.#types.buffer);
    for (let at = 0; at < this.#types.length; ) {
      this.#offsets.push(at);
      at += 12 + tailLength(this.#kind(at), this.#count(at));
    }
  }

  run(): Uint8Array {
    const types = this.#offsets.slice(1);
    for (const at of types) {
      if (this.#kind(at) !== Kind.datasec) continue;
      if (this.#name(at) === '.ksyms') this.#forgetKernelSymbols(at);
      // `?.struct_ops`: kernels before 6.9 take no question mark.
      const name = this.#view.getUint32(at, true);
      if (this.#strings[name] === questionMark) this.#strings[name] = underscore;
    }
    for (const at of types) this.#rewrite(at);
    return this.#encode();
  }

  #rewrite(at: number): void {
    const support = this.#support;
    const count = this.#count(at);
    switch (this.#kind(at)) {
      case Kind.var:
        if (!support.datasec) this.#becomeByte(at);
        // Linkage: only static and global variables are taken.
        else if (this.#view.getUint32(at + 12, true) === Linkage.extern) {
          this.#view.setUint32(at + 12, Linkage.global, true);
        }
        break;
      case Kind.declTag:
        if (!support.declTag) this.#becomeByte(at);
        break;
      case Kind.datasec:
        if (!support.datasec) this.#becomeStruct(at);
        break;
      case Kind.func:
        if (!support.func || count === Linkage.extern) this.#setInfo(at, info(Kind.typedef));
        else if (!support.globalFunc || (!support.globalPointers && this.#takesPointers(at)))
          this.#setInfo(at, info(Kind.func));
        break;
      case Kind.funcProto:
        if (support.func) break;
        this.#setInfo(at, info(Kind.enum, count));
        this.#view.setUint32(at + 8, 4, true);
        break;
      case Kind.float:
        if (!support.float) this.#setInfo(at, info(Kind.struct));
        break;
      case Kind.typeTag:
        if (support.typeTag) break;
        this.#view.setUint32(at, 0, true);
        this.#setInfo(at, info(Kind.const));
        break;
      case Kind.enum:
        // The flag that says "signed" came with ENUM64.
        if (!support.enum64) this.#setInfo(at, info(Kind.enum, count));
        break;
      case Kind.enum64:
        if (!support.enum64) this.#becomeUnion(at);
        break;
    }
  }

  /** Whether a parameter of a function is a pointer to memory; as a static function, all kernels take one. */
  #takesPointers(at: number): boolean {
    const prototype = this.#offset(this.#view.getUint32(at + 8, true));
    for (let i = 0; i < this.#count(prototype); i++) {
      const id = this.#view.getUint32(prototype + 12 + 8 * i + 4, true);
      if (this.#isMemoryPointer(id)) return true;
    }
    return false;
  }

  #isMemoryPointer(id: number): boolean {
    const at = this.#skipModifiers(id);
    if (at === undefined || this.#kind(at) !== Kind.ptr) return false;
    const pointee = this.#skipModifiers(this.#view.getUint32(at + 8, true));
    return pointee === undefined || !packetContexts.has(this.#name(pointee));
  }

  /** Undefined for void. */
  #skipModifiers(id: number): number | undefined {
    for (let depth = 0; id !== 0; depth++) {
      const at = this.#offset(id);
      if (depth >= MAX_MODIFIERS || !this.#isModifier(at)) return at;
      id = this.#view.getUint32(at + 8, true);
    }
    return undefined;
  }

  #isModifier(at: number): boolean {
    const kind = this.#kind(at);
    return (
      kind === Kind.typedef ||
      kind === Kind.const ||
      kind === Kind.volatile ||
      kind === Kind.restrict ||
      kind === Kind.typeTag
    );
  }

  /** One byte is the only size that fits within any variable whose place it takes. */
  #becomeByte(at: number): void {
    this.#setInfo(at, info(Kind.int));
    this.#view.setUint32(at + 8, 1, true);
    this.#view.setUint32(at + 12, 8, true);
  }

  /** Section names are no identifiers; the kernel demands one of a struct. */
  #becomeStruct(at: number): void {
    const name = this.#view.getUint32(at, true);
    for (let i = name; this.#strings[i] !== 0 && i < this.#strings.length; i++) {
      const character = this.#strings[i];
      if (character === 0x2e || character === 0x3f) this.#strings[i] = 0x5f;
    }
    const count = this.#count(at);
    this.#setInfo(at, info(Kind.struct, count));
    for (let i = 0; i < count; i++) {
      const entry = at + 12 + 12 * i;
      const type = this.#view.getUint32(entry, true);
      const offset = this.#view.getUint32(entry + 4, true);
      this.#view.setUint32(entry, this.#view.getUint32(this.#offset(type), true), true);
      this.#view.setUint32(entry + 4, type, true);
      this.#view.setUint32(entry + 8, offset * 8, true);
    }
  }

  /** The values are lost, names and size stay: a union of 64-bit members named after the enumerators. */
  #becomeUnion(at: number): void {
    const placeholder = this.#usePlaceholder();
    const count = this.#count(at);
    this.#setInfo(at, info(Kind.union, count));
    for (let i = 0; i < count; i++) {
      this.#view.setUint32(at + 12 + 12 * i + 4, placeholder, true);
      this.#view.setUint32(at + 12 + 12 * i + 8, 0, true);
    }
  }

  /** The id of a 64-bit INT that is added behind all other types. */
  #usePlaceholder(): number {
    this.#placeholder = this.#offsets.length;
    return this.#placeholder;
  }

  /** The symbols in .ksyms have neither place nor size here: a struct of placeholders takes the section's place. */
  #forgetKernelSymbols(at: number): void {
    const placeholder = this.#usePlaceholder();
    const count = this.#count(at);
    for (let i = 0; i < count; i++) {
      const entry = at + 12 + 12 * i;
      const symbol = this.#offset(this.#view.getUint32(entry, true));
      if (this.#kind(symbol) === Kind.var) this.#becomeByte(symbol);
      this.#view.setUint32(entry, 0, true);
      this.#view.setUint32(entry + 4, placeholder, true);
      this.#view.setUint32(entry + 8, i * 64, true);
    }
    this.#view.setUint32(at, 0, true);
    this.#setInfo(at, info(Kind.struct, count));
    this.#view.setUint32(at + 8, 8 * count, true);
  }

  #encode(): Uint8Array {
    const extra = this.#placeholder === 0 ? 0 : 16;
    const typesLength = this.#types.length + extra;
    const out = new Uint8Array(headerSize + typesLength + this.#strings.length);
    const view = new DataView(out.buffer);
    view.setUint16(0, btfMagic, true);
    view.setUint8(2, btfVersion);
    view.setUint32(4, headerSize, true);
    view.setUint32(12, typesLength, true);
    view.setUint32(16, typesLength, true);
    view.setUint32(20, this.#strings.length, true);
    out.set(this.#types, headerSize);
    if (extra > 0) {
      // An INT without a name of its own would be refused, so it borrows the first name of the blob that has one.
      const at = headerSize + this.#types.length;
      view.setUint32(at, this.#anyIdentifier(), true);
      view.setUint32(at + 4, info(Kind.int), true);
      view.setUint32(at + 8, 8, true);
      view.setUint32(at + 12, 64, true);
    }
    out.set(this.#strings, headerSize + typesLength);
    return out;
  }

  #anyIdentifier(): number {
    for (const at of this.#offsets.slice(1)) {
      if (this.#kind(at) === Kind.int && this.#view.getUint32(at, true) !== 0)
        return this.#view.getUint32(at, true);
    }
    return 1;
  }

  #kind(at: number): number {
    return (this.#view.getUint32(at + 4, true) >>> 24) & 0x1f;
  }

  #count(at: number): number {
    return this.#view.getUint32(at + 4, true) & 0xffff;
  }

  #setInfo(at: number, value: number): void {
    this.#view.setUint32(at + 4, value, true);
  }

  #offset(id: number): number {
    const at = this.#offsets[id];
    if (at === undefined || id === 0) throw new FormatError(`BTF has no type ${id}`);
    return at;
  }

  #name(at: number): string {
    const start = this.#view.getUint32(at, true);
    let end = start;
    while (end < this.#strings.length && this.#strings[end] !== 0) end++;
    return Buffer.from(this.#strings.subarray(start, end)).toString('latin1');
  }
}
