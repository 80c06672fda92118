/** Rows of the history out of what ClickHouse answers. Pure. */
import { RowReader, rowColumns } from '../../rows/row-reader.js';
import type { Columns, RowOf } from '../../schema/index.js';

/** Wall-clock time as nanoseconds since 1970. */
export const nanosecondsOf = (time: string) => `toUnixTimestamp64Nano(${time})`;

/** What to select for {@link ClickhouseRows}. */
export function selectedColumns(columns: Columns): string {
  return rowColumns(columns)
    .map((name) => (columns[name]!.kind === 'time' ? nanosecondsOf(`"${name}"`) : `"${name}"`))
    .join(', ');
}

/** Makes rows of a table out of answers in JSON, where numbers of 64 bits are texts. */
export class ClickhouseRows<C extends Columns> {
  readonly #reader: RowReader<C>;
  readonly #isWide: readonly boolean[];

  constructor(columns: C) {
    this.#reader = new RowReader(columns);
    this.#isWide = rowColumns(columns).map((name) => ['time', 'id'].includes(columns[name]!.kind));
  }

  /** The row. @throws DamagedHistoryError where what every row has is NULL */
  read(values: readonly unknown[]): RowOf<C> {
    const read = this.#isWide.map((isWide, index) => {
      const value = values[index] ?? null;
      return isWide && value !== null ? BigInt(value as string) : value;
    });
    return this.#reader.read(read as never[]);
  }
}
