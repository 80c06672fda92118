/** Copies columns of a batch into vectors of DuckDB, which has most kinds of values as they lie there. */
import bindings, { type Vector } from '@duckdb/node-bindings';
import { OptionError } from '@weir/ebpf/errors';
import type { Column, ColumnArray, TableColumns } from '../schema/index.js';
import { addressWords, block, CHUNK_ROWS, noValue, putText, TWO_32 } from './column-writer.js';

const words = new Uint32Array(block);
const bytes = new Uint8Array(block);
const validity = new Uint8Array(CHUNK_ROWS / 8);
/** Words of a text in a vector, and of an address. */
const WIDE_WORDS = 4;

/** Forms of a text: not known yet, in the vector itself, or copied by the database. */
const UNKNOWN = 0;
const INLINE = 1;
const OUTSIDE = 2;

/** The forms that texts of a batch have in a vector: most of them are in many rows. */
class Texts {
  readonly strings: readonly string[];
  readonly #words: Uint32Array;
  readonly #forms: Uint8Array;
  readonly #addresses: (Uint32Array | undefined)[] = [];

  constructor(strings: readonly string[]) {
    this.strings = strings;
    this.#words = new Uint32Array(WIDE_WORDS * strings.length);
    this.#forms = new Uint8Array(strings.length);
  }

  /** Puts a text down for a row of the block. @returns false where the database has to copy it */
  put(place: number, row: number): boolean {
    const from = WIDE_WORDS * place;
    if (this.#forms[place] === UNKNOWN) {
      this.#forms[place] = putText(this.strings[place]!, row) ? INLINE : OUTSIDE;
      for (let word = 0; word < WIDE_WORDS; word++)
        this.#words[from + word] = words[WIDE_WORDS * row + word]!;
    } else {
      for (let word = 0; word < WIDE_WORDS; word++)
        words[WIDE_WORDS * row + word] = this.#words[from + word]!;
    }
    return this.#forms[place] === INLINE;
  }

  /** @throws OptionError for a text that is no address */
  putAddress(place: number, row: number): void {
    this.#addresses[place] ??= addressWords(this.strings[place]!);
    words.set(this.#addresses[place], WIDE_WORDS * row);
  }
}

/** The rows of a chunk. */
interface Span {
  readonly start: number;
  readonly count: number;
}

/** Copies the rows of a table. */
export class ColumnCopier {
  readonly #table: TableColumns;
  readonly #texts: Texts;

  constructor(table: TableColumns) {
    this.#table = table;
    this.#texts = new Texts(table.strings);
  }

  /** @param start A multiple of eight. @throws OptionError where a row has a value that the column cannot hold */
  copy(vector: Vector, name: string, column: Column, span: Span): void {
    const found = this.#table.columns.get(column.of ?? name);
    if (found === undefined && !column.optional) throw new OptionError(`${name}: a row has no value`);
    const { start, count } = span;
    if (found === undefined) validity.fill(0);
    else this.#copyValues(vector, name, column, { ...found, ...span });
    if (found !== undefined) {
      if (found.gaps === undefined) return;
      for (let byte = 0; byte < count / 8; byte++) validity[byte] = ~found.gaps[start / 8 + byte]!;
    }
    bindings.vector_ensure_validity_writable(vector);
    bindings.copy_data_to_vector_validity(vector, 0, validity.buffer, 0, Math.ceil(count / 64) * 8);
  }

  #copyValues(vector: Vector, name: string, { kind }: Column, values: SpanValues): void {
    switch (kind) {
      case 'count':
      case 'clock':
        putNumbers(values);
        copyBlock(vector, 8 * values.count);
        break;
      case 'flag':
        for (let row = 0; row < values.count; row++) bytes[row] = values.values[values.start + row] ? 1 : 0;
        copyBlock(vector, values.count);
        break;
      case 'text':
      case 'name':
        this.#copyTexts(vector, values);
        break;
      case 'address':
        this.#putAddresses(name, values);
        copyBlock(vector, 4 * WIDE_WORDS * values.count);
        break;
      default:
        copyArray(vector, values);
    }
  }

  #copyTexts(vector: Vector, { values, gaps, start, count }: SpanValues): void {
    const places = values as Uint32Array;
    const outside = new Map<number, Uint32Array>();
    for (let row = 0; row < count; row++) {
      const place = places[start + row]!;
      if (isGap(gaps, start + row)) words.fill(0, WIDE_WORDS * row, WIDE_WORDS * (row + 1));
      else if (!this.#texts.put(place, row)) {
        const known = outside.get(place);
        if (known === undefined) outside.set(place, this.#copyOutside(vector, row, place));
        else words.set(known, WIDE_WORDS * row);
      }
    }
    copyBlock(vector, 4 * WIDE_WORDS * count);
  }

  /**
   * Has the database copy a text, which stays where the vector's memory for texts is. Other rows of the vector may lead there, too.
   *
   * @returns the form in which a row has it
   */
  #copyOutside(vector: Vector, row: number, place: number): Uint32Array {
    bindings.vector_assign_string_element(vector, row, this.#texts.strings[place]!);
    const [start, end] = [4 * WIDE_WORDS * row, 4 * WIDE_WORDS * (row + 1)];
    const form = new Uint8Array(4 * WIDE_WORDS);
    form.set(bindings.vector_get_data(vector, end).subarray(start, end));
    const found = new Uint32Array(form.buffer);
    words.set(found, WIDE_WORDS * row);
    return found;
  }

  #putAddresses(name: string, { values, start, count }: SpanValues): void {
    const places = values as Uint32Array;
    for (let row = 0; row < count; row++) {
      try {
        this.#texts.putAddress(places[start + row]!, row);
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        throw noValue(name, this.#texts.strings[places[start + row]!]);
      }
    }
  }
}

interface SpanValues extends Span {
  readonly values: ColumnArray;
  readonly gaps: Uint8Array | undefined;
}

function putNumbers({ values, start, count }: SpanValues): void {
  const numbers = values as Float64Array;
  for (let row = 0; row < count; row++) {
    const value = numbers[start + row]!;
    words[2 * row] = value;
    words[2 * row + 1] = value / TWO_32;
  }
}

function copyBlock(vector: Vector, length: number): void {
  bindings.copy_data_to_vector(vector, 0, block, 0, length);
}

function copyArray(vector: Vector, { values, start, count }: SpanValues): void {
  const { buffer, byteOffset, BYTES_PER_ELEMENT: size } = values;
  bindings.copy_data_to_vector(vector, 0, buffer, byteOffset + start * size, count * size);
}

function isGap(gaps: Uint8Array | undefined, row: number): boolean {
  return gaps !== undefined && ((gaps[row >> 3]! >> (row & 7)) & 1) === 1;
}
