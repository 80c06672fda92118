/** Writes a column of rows into a vector of DuckDB, as one block of memory: value by value would take three times as long. */
import bindings, { type Vector } from '@duckdb/node-bindings';
import { addressBytes } from '@weir/ebpf/address';
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { OptionError } from '@weir/ebpf/errors';
import type { Column, ColumnKind } from '../schema/index.js';

/** Rows in a chunk: DuckDB's own limit. */
export const CHUNK_ROWS = 2048;

/** A row of any table. */
export type AnyRow = Readonly<Record<string, unknown>>;

// Blocks are copied at once, so all columns share this memory.
const WIDEST = 16;
/** Values of one column, before they are copied into a vector. */
export const block: ArrayBuffer = new ArrayBuffer(CHUNK_ROWS * WIDEST);
const bytes = new Uint8Array(block);
const words = new Uint32Array(block);
const halves = new Uint16Array(block);
const wide = new BigInt64Array(block);
const validity = new ArrayBuffer(CHUNK_ROWS / 8);
const validBits = new Uint32Array(validity);

/** Strings up to this length lie in the vector itself. */
const INLINE_LENGTH = 12;
const LAST_ASCII = 127;
export const TWO_32 = 2 ** 32;
const SIGN_BIT = 0x8000_0000;

/** Puts a value at a place of the block. @returns false where that cannot be done in the block. */
type Put = (value: never, index: number) => boolean;

interface KindWriter {
  /** Bytes of a value. */
  readonly width: number;
  readonly put: Put;
}

class ValueError extends Error {}

/** @returns an error for a value that its column cannot hold. */
export function noValue(name: string, value: unknown): OptionError {
  return new OptionError(`${name}: ${String(value)} is no value of this column`);
}

const writers: Readonly<Record<ColumnKind, KindWriter>> = {
  time: { width: 8, put: putSigned },
  id: { width: 8, put: putUnsigned },
  clock: { width: 8, put: putNumber },
  count: { width: 8, put: putNumber },
  u32: { width: 4, put: putU32 },
  u16: { width: 2, put: putU16 },
  flag: { width: 1, put: putFlag },
  text: { width: 16, put: putText },
  name: { width: 16, put: putText },
  address: { width: 16, put: putAddress },
};

function putSigned(value: bigint, index: number): boolean {
  if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) throw new ValueError();
  wide[index] = value;
  return true;
}

function putUnsigned(value: bigint, index: number): boolean {
  if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value) throw new ValueError();
  wide[index] = value;
  return true;
}

function putNumber(value: number, index: number): boolean {
  if (!(Number.isSafeInteger(value) && value >= 0)) throw new ValueError();
  words[2 * index] = value;
  words[2 * index + 1] = value / TWO_32;
  return true;
}

function putU32(value: number, index: number): boolean {
  if (value >>> 0 !== value) throw new ValueError();
  words[index] = value;
  return true;
}

function putU16(value: number, index: number): boolean {
  if ((value & 0xffff) !== value) throw new ValueError();
  halves[index] = value;
  return true;
}

function putFlag(value: boolean, index: number): boolean {
  if (typeof value !== 'boolean') throw new ValueError();
  bytes[index] = value ? 1 : 0;
  return true;
}

/** Text that is short and ASCII is put down as DuckDB holds it: its length, then its bytes. */
export function putText(value: string, index: number): boolean {
  if (typeof value !== 'string') throw new ValueError();
  const { length } = value;
  const word = 4 * index;
  words[word + 1] = words[word + 2] = words[word + 3] = 0;
  if (length > INLINE_LENGTH) {
    words[word] = 0;
    return false;
  }
  words[word] = length;
  const start = WIDEST * index + 4;
  for (let place = 0; place < length; place++) {
    const code = value.charCodeAt(place);
    if (code > LAST_ASCII) {
      words[word] = words[word + 1] = words[word + 2] = words[word + 3] = 0;
      return false;
    }
    bytes[start + place] = code;
  }
  return true;
}

/** The words of an address, the lowest first. They repeat. */
const addresses = new BoundedMap<string, Uint32Array>(65_536);

export function addressWords(text: string): Uint32Array {
  let found = addresses.get(text);
  if (found === undefined) {
    const address = addressBytes(text);
    const mapped = Buffer.alloc(WIDEST);
    mapped.set(address, WIDEST - address.length);
    if (address.length === 4) mapped.writeUInt16BE(0xffff, 10);
    // DuckDB keeps a UUID as a signed number with its highest bit turned round, so that it orders as an unsigned one.
    found = Uint32Array.of(
      mapped.readUInt32BE(12),
      mapped.readUInt32BE(8),
      mapped.readUInt32BE(4),
      mapped.readUInt32BE(0) ^ SIGN_BIT,
    );
    addresses.set(text, found);
  }
  return found;
}

function putAddress(value: string, index: number): boolean {
  words.set(addressWords(value), 4 * index);
  return true;
}

/** Writes one column. */
export class ColumnWriter {
  readonly #name: string;
  /** The property of a row that it is written from. */
  readonly #from: string;
  readonly #optional: boolean;
  readonly #writer: KindWriter;

  constructor(name: string, column: Column) {
    this.#name = name;
    this.#from = column.of ?? name;
    this.#optional = column.optional;
    this.#writer = writers[column.kind];
  }

  /**
   * Writes its values of some rows.
   *
   * @throws OptionError where a row has a value that the column cannot hold.
   */
  write(vector: Vector, rows: readonly AnyRow[], start: number, count: number): void {
    validBits.fill(0);
    const { width, put } = this.#writer;
    const from = this.#from;
    let present = 0;
    const outside: number[] = [];
    for (let index = 0; index < count; index++) {
      const value = rows[start + index]![from];
      if (value === undefined) continue;
      present++;
      validBits[index >> 5]! |= 1 << (index & 31);
      if (!this.#put(put, value, index)) outside.push(index);
    }
    if (present < count && !this.#optional) throw new OptionError(`${this.#name}: a row has no value`);
    if (present > 0) bindings.copy_data_to_vector(vector, 0, block, 0, count * width);
    for (const index of outside)
      bindings.vector_assign_string_element(vector, index, rows[start + index]![from] as string);
    if (present === count) return;
    bindings.vector_ensure_validity_writable(vector);
    bindings.copy_data_to_vector_validity(vector, 0, validity, 0, Math.ceil(count / 64) * 8);
  }

  #put(put: Put, value: unknown, index: number): boolean {
    try {
      return put(value as never, index);
    } catch (error) {
      if (!(error instanceof ValueError || error instanceof OptionError)) throw error;
      throw noValue(this.#name, value);
    }
  }
}
