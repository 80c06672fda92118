/** Structs of the kernel's interface, filled and read by the names of their members. */
import { OptionError } from '../errors.js';
import { ffi } from './ffi.js';

/** A member's place in its outermost struct, in bytes from that struct's start, and how its bytes are to be taken. */
export type Field =
  | { readonly kind: 'u8' | 'u16' | 'u32' | 's32' | 'u64' | 'pointer'; readonly offset: number }
  | { readonly kind: 'bytes'; readonly offset: number; readonly size: number }
  /** Bits of a 32-bit word; `shift` counts from its lowest. */
  | { readonly kind: 'bits'; readonly offset: number; readonly shift: number; readonly width: number }
  | { readonly kind: 'struct'; readonly fields: Fields };

export type Fields = { readonly [name: string]: Field };

/** A struct as the kernel's BTF describes it. */
export interface StructLayout {
  /** Bytes. */
  readonly size: number;
  readonly fields: Fields;
}

/**
 * The values that a member takes. A pointer is given as the buffer that it is to point to, as a string that is stored
 * with a NUL behind it, or as null; an empty buffer makes a null pointer too. A string for bytes is padded with zeros.
 */
export type FieldInput<F extends Field> = F extends { readonly kind: 'pointer' }
  ? Uint8Array | string | null
  : F extends { readonly kind: 'u64' }
    ? number | bigint
    : F extends { readonly kind: 'bytes' }
      ? Uint8Array | string
      : F extends { readonly kind: 'struct'; readonly fields: infer G extends Fields }
        ? FieldInputs<G>
        : number;

/** Values by name. A member whose value is undefined stays as it is. */
export type FieldInputs<F extends Fields> = { readonly [K in keyof F]?: FieldInput<F[K]> | undefined };

/** The value that is read from a member: a bigint for 64 bits and addresses, a view for bytes. */
export type FieldValue<F extends Field> = F extends { readonly kind: 'pointer' | 'u64' }
  ? bigint
  : F extends { readonly kind: 'bytes' }
    ? Uint8Array
    : F extends { readonly kind: 'struct'; readonly fields: infer G extends Fields }
      ? { readonly [K in keyof G]: FieldValue<G[K]> }
      : number;

const encoder = new TextEncoder();

/** Rounded up to a multiple of 8, the size of the kernel's widest members. */
const align = (size: number): number => (size + 7) & ~7;

/**
 * The memory of one struct, zero at first. Buffers it points to stay alive as long as it does, and what the kernel writes
 * back can be read from it after the call.
 */
export class KernelStruct<L extends StructLayout = StructLayout> {
  /** The whole struct, and zeros up to a multiple of 8 bytes. */
  readonly bytes: Uint8Array;
  readonly #size: number;
  readonly #fields: Fields;
  readonly #view: DataView;
  readonly #referenced = new Map<number, Uint8Array>();
  #used = 0;

  constructor(layout: L, values: FieldInputs<L['fields']> = {}) {
    this.bytes = new Uint8Array(align(layout.size));
    this.#size = layout.size;
    this.#fields = layout.fields;
    this.#view = new DataView(this.bytes.buffer);
    this.set(values);
  }

  /** A copy of the struct's bytes. */
  packed(): Uint8Array {
    return this.bytes.slice(0, this.#size);
  }

  /** Bytes up to the last member that was set, rounded up to 8: a kernel need not know what lies behind. */
  get used(): number {
    return align(this.#used);
  }

  /** Takes the bytes of such a struct, as far as they go. */
  load(bytes: Uint8Array): this {
    this.bytes.set(bytes.subarray(0, this.#size));
    return this;
  }

  set(values: FieldInputs<L['fields']>): this {
    this.#setAll(this.#fields, values as Inputs);
    return this;
  }

  get<K extends keyof L['fields']>(name: K): FieldValue<L['fields'][K]> {
    return this.#read(this.#fields[name as string]!) as FieldValue<L['fields'][K]>;
  }

  /** The text of a member that holds bytes, up to its first NUL. */
  text(name: keyof L['fields']): string {
    const bytes = this.#read(this.#fields[name as string]!) as Uint8Array;
    const end = bytes.indexOf(0);
    return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
  }

  /** How many buffers the struct points to. */
  get references(): number {
    return this.#referenced.size;
  }

  #setAll(fields: Fields, values: Inputs): void {
    for (const name of Object.keys(values)) {
      const value = values[name];
      if (value !== undefined) this.#write(name, fields[name]!, value);
    }
  }

  #write(name: string, field: Field, value: Input): void {
    if (field.kind === 'struct') {
      this.#setAll(field.fields, value as Inputs);
      return;
    }
    this.#used = Math.max(this.#used, field.offset + fieldSize(field));
    switch (field.kind) {
      case 'u8':
        this.#view.setUint8(field.offset, value as number);
        break;
      case 'u16':
        this.#view.setUint16(field.offset, value as number, true);
        break;
      case 'u32':
      case 's32':
        this.#view.setUint32(field.offset, value as number, true);
        break;
      case 'u64':
        this.#view.setBigUint64(field.offset, BigInt(value as number | bigint), true);
        break;
      case 'bits': {
        const mask = (2 ** field.width - 1) << field.shift;
        const others = this.#view.getUint32(field.offset, true) & ~mask;
        this.#view.setUint32(field.offset, others | ((value as number) << field.shift), true);
        break;
      }
      case 'bytes':
        this.#writeBytes(name, field.offset, field.size, value as Uint8Array | string);
        break;
      case 'pointer':
        this.#point(field.offset, value as Uint8Array | string | null);
    }
  }

  #writeBytes(name: string, offset: number, size: number, value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? encoder.encode(value) : value;
    if (bytes.length > size) throw new OptionError(`${name} has ${size} bytes, not ${bytes.length}`);
    this.bytes.fill(0, offset, offset + size);
    this.bytes.set(bytes, offset);
  }

  #point(offset: number, target: Uint8Array | string | null): void {
    const buffer = typeof target === 'string' ? encoder.encode(`${target}\0`) : target;
    if (buffer === null || buffer.length === 0) {
      this.#referenced.delete(offset);
      this.#view.setBigUint64(offset, 0n, true);
      return;
    }
    this.#referenced.set(offset, buffer);
    this.#view.setBigUint64(offset, BigInt(ffi().address(buffer)), true);
  }

  #read(field: Field): number | bigint | Uint8Array | object {
    switch (field.kind) {
      case 'u8':
        return this.#view.getUint8(field.offset);
      case 'u16':
        return this.#view.getUint16(field.offset, true);
      case 'u32':
        return this.#view.getUint32(field.offset, true);
      case 's32':
        return this.#view.getInt32(field.offset, true);
      case 'u64':
      case 'pointer':
        return this.#view.getBigUint64(field.offset, true);
      case 'bits':
        return (this.#view.getUint32(field.offset, true) >>> field.shift) & (2 ** field.width - 1);
      case 'bytes':
        return this.bytes.subarray(field.offset, field.offset + field.size);
      case 'struct':
        return Object.fromEntries(
          Object.entries(field.fields).map(([name, member]) => [name, this.#read(member)]),
        );
    }
  }
}

type Input = number | bigint | Uint8Array | string | null | object;
type Inputs = { readonly [name: string]: Input | undefined };

function fieldSize(field: Exclude<Field, { readonly kind: 'struct' }>): number {
  switch (field.kind) {
    case 'u8':
      return 1;
    case 'u16':
      return 2;
    case 'u64':
    case 'pointer':
      return 8;
    case 'bytes':
      return field.size;
    default:
      return 4;
  }
}
