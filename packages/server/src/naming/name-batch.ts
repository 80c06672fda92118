/** Adds to the rows of a batch what is known of their peers, before they are stored. Pure. */
import type { Batch, ColumnValues, SegmentTable, TableColumns } from '@weir/history/schema';
import type { PeerDetails } from './peer-directory.js';

/** The columns, by what they have. */
const columnNames = {
  group: 'peer_group',
  country: 'peer_country',
  asn: 'peer_asn',
  asOrg: 'peer_as_org',
  name: 'peer_name',
} as const satisfies Record<keyof PeerDetails, string>;
const keys = Object.keys(columnNames) as (keyof PeerDetails)[];

/**
 * The batch with these columns.
 *
 * @param batch Its large tables must be there as columns, which share one list of texts.
 */
export function nameBatch(batch: Batch, detailsOf: (address: string) => PeerDetails): Batch {
  const tables = Object.entries(batch.columns ?? {}) as [SegmentTable, TableColumns][];
  const [first] = tables;
  if (first === undefined) return batch;
  const naming = new BatchNaming(first[1].strings, detailsOf);
  const read = tables.map(([name, table]) => [name, table, naming.read(table)] as const);
  if (!naming.hasDetails) return batch;
  const strings = naming.extendedStrings();
  const columns = Object.fromEntries(
    read.map(([name, table, ofRows]) => [name, naming.extend(table, ofRows, strings)]),
  ) as Partial<Record<SegmentTable, TableColumns>>;
  return withColumns(batch, columns, (name, row) => {
    const found = read.find(([table]) => table === name)!;
    return naming.detailsAt(found[2][row]!);
  });
}

/** The details of a batch's peers. */
class BatchNaming {
  readonly #strings: readonly string[];
  readonly #detailsOf: (address: string) => PeerDetails;
  /** Numbers of details by the places of addresses, plus one. */
  readonly #numbers: Uint32Array;
  readonly #details: PeerDetails[] = [];
  /** Places of the texts that details have. */
  readonly #places = new Map<string, number>();

  constructor(strings: readonly string[], detailsOf: (address: string) => PeerDetails) {
    this.#strings = strings;
    this.#detailsOf = detailsOf;
    this.#numbers = new Uint32Array(strings.length);
  }

  /** Whether anything is known of any peer. */
  get hasDetails(): boolean {
    return this.#details.some((details) => keys.some((key) => details[key] !== undefined));
  }

  detailsAt(number: number): PeerDetails {
    return this.#details[number]!;
  }

  /** Numbers of the details of a table's rows. */
  read({ rows, columns }: TableColumns): Uint32Array {
    const places = columns.get('peer_address')!.values as Uint32Array;
    const ofRows = new Uint32Array(rows);
    for (let row = 0; row < rows; row++) {
      const place = places[row]!;
      let number = this.#numbers[place]!;
      if (number === 0) {
        number = this.#details.push(this.#detailsOf(this.#strings[place]!));
        this.#numbers[place] = number;
      }
      ofRows[row] = number - 1;
    }
    return ofRows;
  }

  /** The texts of the batch and those of details, each once. */
  extendedStrings(): string[] {
    const missing = new Set<string>();
    for (const { group, country, asOrg, name } of this.#details)
      for (const text of [group, country, asOrg, name]) if (text !== undefined) missing.add(text);
    for (let place = 0; place < this.#strings.length && this.#places.size < missing.size; place++) {
      const text = this.#strings[place]!;
      if (missing.has(text) && !this.#places.has(text)) this.#places.set(text, place);
    }
    const strings = [...this.#strings];
    for (const text of missing) if (!this.#places.has(text)) this.#places.set(text, strings.push(text) - 1);
    return strings;
  }

  extend(table: TableColumns, ofRows: Uint32Array, strings: readonly string[]): TableColumns {
    const columns = new Map(table.columns);
    for (const key of keys) {
      const column = this.#column(key, ofRows, table.columns.get(columnNames[key]));
      if (column !== undefined) columns.set(columnNames[key], column);
    }
    return { rows: table.rows, columns, strings };
  }

  /** @param earlier What rows have already, as a name by DNS: it stays where nothing else is known. */
  #column(
    key: keyof PeerDetails,
    ofRows: Uint32Array,
    earlier: ColumnValues | undefined,
  ): ColumnValues | undefined {
    const known = this.#details.map((details) => details[key]);
    if (known.every((value) => value === undefined)) return undefined;
    const numbers = known.map((value) => (typeof value === 'string' ? this.#places.get(value)! : value));
    const values = new Uint32Array(ofRows.length);
    const gaps = new Uint8Array(Math.ceil(ofRows.length / 64) * 8);
    let count = 0;
    for (let row = 0; row < ofRows.length; row++) {
      const number = numbers[ofRows[row]!] ?? valueAt(earlier, row);
      if (number === undefined) gaps[row >> 3]! |= 1 << (row & 7);
      else {
        values[row] = number;
        count++;
      }
    }
    return count === 0 ? undefined : { values, gaps };
  }
}

function valueAt(column: ColumnValues | undefined, row: number): number | undefined {
  if (column === undefined) return undefined;
  const { values, gaps } = column;
  return gaps !== undefined && ((gaps[row >> 3]! >> (row & 7)) & 1) === 1 ? undefined : Number(values[row]);
}

/** The batch with other columns. Its rows are made when they are first asked for, as before. */
function withColumns(
  batch: Batch,
  columns: Partial<Record<SegmentTable, TableColumns>>,
  detailsOf: (table: SegmentTable, row: number) => PeerDetails,
): Batch {
  const named: Record<string, unknown> = {};
  for (const key of Object.keys(batch) as (keyof Batch)[]) {
    if (!(key in columns)) {
      named[key] = batch[key];
      continue;
    }
    const table = key as SegmentTable;
    let rows: object[] | undefined;
    const get = () => {
      rows ??= (batch[table] ?? []).map((row, index) => ({ ...row, ...rowValues(detailsOf(table, index)) }));
      return rows;
    };
    Object.defineProperty(named, key, { get, enumerable: true });
  }
  // As with a batch that was read: a copy has rows instead.
  Object.defineProperty(named, 'columns', { value: columns });
  return named as unknown as Batch;
}

function rowValues(details: PeerDetails): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const key of keys) if (details[key] !== undefined) values[columnNames[key]] = details[key];
  return values;
}
