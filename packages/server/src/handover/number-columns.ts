/** Columns of numbers as bytes, each as narrow as its values allow: most are the same in all rows, or small. Pure. */
import { FormatError } from '@weir/ebpf/errors';
import { align } from '../wire/layout.js';

const arrays = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, f64: Float64Array } as const;

/** How the values of a column lie. `same`: they are all the one in its description; null: all are NaN. */
export type ColumnLayout = keyof typeof arrays | 'same';

/** The layouts. */
export const columnLayouts = ['same', 'u8', 'u16', 'u32', 'f64'] as const satisfies readonly ColumnLayout[];

/** A column: its layout, and the value of all rows for `same`. */
export type ColumnShape = readonly [layout: ColumnLayout, value: number | null];

/** The shape of a column, and its bytes. */
export interface PackedColumn {
  readonly shape: ColumnShape;
  readonly bytes: Uint8Array;
}

/** Packs a column. NaN may be among its values. */
export function packColumn(values: Float64Array): PackedColumn {
  const layout = narrowest(values);
  if (layout !== 'same') return { shape: [layout, null], bytes: bytesOf(new arrays[layout](values)) };
  const [value = 0] = values;
  return { shape: ['same', Number.isNaN(value) ? null : value], bytes: new Uint8Array() };
}

/** The values of a column, as they lie. */
export class PackedValues {
  readonly #values: ArrayLike<number> | undefined;
  readonly #same: number;

  constructor(values: ArrayLike<number> | undefined, same = Number.NaN) {
    this.#values = values;
    this.#same = same;
  }

  /** The value in a row; undefined where there is none. */
  at(row: number): number | undefined {
    const value = this.#values === undefined ? this.#same : this.#values[row];
    return Number.isNaN(value) ? undefined : value;
  }
}

/** Reads columns one after the other. */
export class ColumnReader {
  readonly #bytes: Uint8Array;
  #at: number;

  /** @param at Where the first one begins. */
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** @throws FormatError where the bytes end before the column does */
  read([layout, value]: ColumnShape, rows: number): PackedValues {
    if (layout === 'same') return new PackedValues(undefined, value ?? Number.NaN);
    const size = rows * arrays[layout].BYTES_PER_ELEMENT;
    if (size > this.#bytes.length - this.#at) throw new FormatError('a column is cut off');
    const part = new Uint8Array(this.#bytes.subarray(this.#at, this.#at + size));
    this.#at += align(size);
    return new PackedValues(new arrays[layout](part.buffer, 0, rows));
  }
}

function narrowest(values: Float64Array): ColumnLayout {
  const first = values[0];
  let isSame = true;
  let isWhole = true;
  let most = 0;
  for (const value of values) {
    isSame &&= Object.is(value, first);
    // Neither NaN nor -0 is.
    isWhole &&= value >= 0 && Number.isInteger(value) && !Object.is(value, -0);
    if (value > most) most = value;
  }
  if (isSame) return 'same';
  if (!isWhole || most > 0xffff_ffff) return 'f64';
  return most > 0xffff ? 'u32' : most > 0xff ? 'u16' : 'u8';
}

function bytesOf({ buffer, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, 0, byteLength);
}
