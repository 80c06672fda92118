/** What a column is: how the database stores it, how a row has it, since which version it exists. Pure. */

/** How the database stores each kind of value, and which JavaScript value a row has for it. */
export const columnTypes = {
  /** Wall-clock time; a row has nanoseconds since 1970 as a bigint. */
  time: 'TIMESTAMP_NS',
  /** A kernel clock in nanoseconds. */
  clock: 'BIGINT',
  /** 64 bits of which each counts; a row has a bigint. */
  id: 'UBIGINT',
  /** A number below 2^53. */
  count: 'UBIGINT',
  u32: 'UINTEGER',
  u16: 'USMALLINT',
  /** Valid Unicode. */
  text: 'VARCHAR',
  /**
   * Text that may stand for any bytes, in the form that JSON shows (`escapeName()` of `@weir/tracer/escape`): a byte that is not
   * UTF-8 is `\xff`, a backslash is doubled.
   */
  name: 'VARCHAR',
  flag: 'BOOLEAN',
  /**
   * An address as 128 bits, IPv4 mapped into IPv6, so that a prefix is a range. No row has it: it follows from a column of text.
   * A UUID is the one type of 128 bits that Parquet keeps exactly and that compares as an unsigned number.
   */
  address: 'UUID',
} as const;

/** A kind of value. */
export type ColumnKind = keyof typeof columnTypes;

/** The JavaScript value of each kind in a row. */
export interface KindValues {
  readonly time: bigint;
  readonly clock: number;
  readonly id: bigint;
  readonly count: number;
  readonly u32: number;
  readonly u16: number;
  readonly text: string;
  readonly name: string;
  readonly flag: boolean;
  readonly address: never;
}

/** A column of a table. */
export interface Column {
  readonly kind: ColumnKind;
  /** NULL, and absent in a row, where it is not known. */
  readonly optional: boolean;
  /** The first version of the schema that has it. */
  readonly since: number;
  /** Column of text from which this one follows; only with the kind `address`. */
  readonly of?: string;
  /** The only values that there are; absent where any is possible. */
  readonly values?: readonly string[];
  /** One sentence for users. */
  readonly help: string;
}

/** The columns of a table, by name, in their order. */
export type Columns = Readonly<Record<string, Column>>;

type RequiredColumn<K extends ColumnKind> = Column & { readonly kind: K; readonly optional: false };
type OptionalColumn<K extends ColumnKind> = Column & { readonly kind: K; readonly optional: true };

/** A column that every row has. */
export function required<K extends ColumnKind>(kind: K, help: string, since = 1): RequiredColumn<K> {
  return { kind, optional: false, since, help };
}

/** A column that is NULL where its value is not known. */
export function optional<K extends ColumnKind>(kind: K, help: string, since = 1): OptionalColumn<K> {
  return { kind, optional: true, since, help };
}

/** A column that has these values only. */
export function oneOf<C extends Column>(column: C, ...values: readonly string[]): C {
  return { ...column, values };
}

/** The number form of a column with an address as text. */
export function addressOf(of: string, help: string, since = 1): RequiredColumn<'address'> {
  return { kind: 'address', optional: false, since, of, help };
}

type RowNames<C extends Columns, O extends boolean> = {
  [N in keyof C]: C[N]['kind'] extends 'address' ? never : C[N]['optional'] extends O ? N : never;
}[keyof C];

/** A row of a table with these columns: what is not known is absent. */
export type RowOf<C extends Columns> = {
  readonly [N in RowNames<C, false>]: KindValues[C[N]['kind']];
} & {
  readonly [N in RowNames<C, true>]?: KindValues[C[N]['kind']];
};
