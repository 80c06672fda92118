/** A table's columns: what they hold, how they are sorted, and how much room they want. */

export interface ColumnShape {
  /** The name that `--sort` takes. */
  readonly id: string;
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Columns of the terminal that it needs, and the most that it makes use of. */
  readonly least: number;
  readonly most: number;
  /** Where there is no room for all columns, those of the highest rank go first, all of one rank together. */
  readonly rank: number;
  /** Whether the largest value stands on top unless asked otherwise. */
  readonly descending: boolean;
  /** Keeps the end of a text that has to be cut: an endpoint's port. */
  readonly isEndpoint?: boolean;
}

export type Value = number | string | undefined;

export interface Column<Row> extends ColumnShape {
  /** The value by which rows are sorted; undefined comes last, in either order. */
  value(row: Row): Value;
  /** A text that is safe to show; empty where there is nothing to show. */
  text(row: Row): string;
}

type ColumnParts<Row> = Partial<ColumnShape> & Pick<Column<Row>, 'id' | 'rank' | 'value' | 'text'>;

/** A column of words. */
export function words<Row>(title: string, least: number, most: number, parts: ColumnParts<Row>): Column<Row> {
  return { title, least, most, align: 'left', descending: false, ...parts };
}

/** A column of numbers. */
export function numbers<Row>(title: string, width: number, parts: ColumnParts<Row>): Column<Row> {
  return { title, least: width, most: width, align: 'right', descending: true, ...parts };
}

/** A column that is never shown, by which rows can be sorted. */
export function unseen<Row>(id: string, value: (row: Row) => Value): Column<Row> {
  return numbers('', 0, { id, rank: Number.POSITIVE_INFINITY, value, text: () => '' });
}
