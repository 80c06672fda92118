/** Numbers of what connections have in common, across batches. Pure. */
import {
  type ColumnArray,
  type ColumnValues,
  SHARED_NUMBER,
  sharedColumns,
  shortColumns,
  type TableColumns,
} from '../schema/index.js';
import { groupRows } from './row-groups.js';

/** A batch's rows of `ends`, as the tables of short rows have them. */
export interface ShortRows {
  readonly short: TableColumns;
  /** Rows of the table of shared columns that are new. */
  readonly shared: TableColumns;
}

/** Shared values pay for themselves where so many rows have them. */
const ROWS_PER_GROUP = 4;
/** Numbers that are remembered; others get a new number when they are needed again. */
const MOST_KNOWN = 65_536;

/** The columns of these that a batch can have. */
const names = Object.keys(sharedColumns).filter(
  (name) => name !== SHARED_NUMBER && sharedColumns[name]!.kind !== 'address',
);

/** Numbers that were given. */
export class SharedValues {
  #next: number;
  /** By the values as text. */
  #known = new Map<string, number>();
  /** Numbers that are new with the batch that is being stored. */
  #fresh = new Map<string, number>();

  /** @param next The first number that was not given yet. */
  constructor(next: number) {
    this.#next = next;
  }

  /** Begins a batch. Numbers that were given to one that was not stored do not count. */
  begin(): void {
    this.#fresh = new Map();
  }

  /** Shortens the rows of a batch. @returns undefined for rows that have to be stored as a whole. */
  shorten({ rows, columns, strings }: TableColumns): ShortRows | undefined {
    for (const name of columns.keys()) if (!(name in shortColumns || name in sharedColumns)) return undefined;
    const shared = names.flatMap((name) => {
      const found = columns.get(name);
      return found === undefined ? [] : [[name, found] as const];
    });
    const found = groupRows(
      shared.map(([, values]) => values),
      rows,
      Math.max(1, Math.floor(rows / ROWS_PER_GROUP)),
    );
    if (found === undefined) return undefined;
    const { groups, firsts } = found;
    const fresh: number[] = [];
    const numbers = firsts.map((row) => {
      const key = keyOf(shared, strings, row);
      const known = this.#known.get(key) ?? this.#fresh.get(key);
      if (known !== undefined) return known;
      const number = this.#next++;
      this.#fresh.set(key, number);
      fresh.push(row);
      return number;
    });
    // What goes through an iterator makes an object for each row.
    const ofRows = new Float64Array(rows);
    for (let row = 0; row < rows; row++) ofRows[row] = numbers[groups[row]!]!;
    return {
      short: { rows, strings, columns: new Map([...columns, [SHARED_NUMBER, complete(ofRows)]]) },
      shared: {
        rows: fresh.length,
        strings,
        columns: new Map([
          [SHARED_NUMBER, complete(Float64Array.from(this.#fresh.values()))],
          ...shared.map(([name, values]) => [name, rowsOf(values, fresh)] as const),
        ]),
      },
    };
  }

  /** The batch is stored: its numbers can be used from now on. */
  stored(): void {
    if (this.#known.size + this.#fresh.size > MOST_KNOWN) this.#known = new Map();
    for (const [key, number] of this.#fresh) this.#known.set(key, number);
    this.#fresh = new Map();
  }

  /** No number that was given is used again. */
  forget(): void {
    this.#known = new Map();
  }
}

function complete(values: Float64Array<ArrayBuffer>): ColumnValues {
  return { values, gaps: undefined };
}

type Named = readonly (readonly [name: string, values: ColumnValues])[];

/** The values of a row as text: what differs is different. */
function keyOf(columns: Named, strings: readonly string[], row: number): string {
  const values: (string | null)[] = [];
  for (const [name, { values: all, gaps }] of columns) {
    if (isGap(gaps, row)) continue;
    const { kind } = sharedColumns[name]!;
    const value = all[row]!;
    values.push(name, kind === 'text' || kind === 'name' ? strings[value as number]! : String(value));
  }
  return JSON.stringify(values);
}

/** Some rows of a column. */
function rowsOf({ values, gaps }: ColumnValues, rows: readonly number[]): ColumnValues {
  const picked = new (values.constructor as new (length: number) => ColumnArray)(rows.length);
  const bitmap = new Uint8Array(Math.ceil(rows.length / 64) * 8);
  for (const [index, row] of rows.entries()) {
    picked[index] = values[row]! as never;
    if (isGap(gaps, row)) bitmap[index >> 3]! |= 1 << (index & 7);
  }
  return { values: picked, gaps: gaps && bitmap };
}

function isGap(gaps: Uint8Array | undefined, row: number): boolean {
  return gaps !== undefined && ((gaps[row >> 3]! >> (row & 7)) & 1) === 1;
}
