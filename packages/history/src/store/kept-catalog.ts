/**
 * What the database file says of segments, kept from one question to the next: to read thousands of rows takes longer than most
 * questions. Each question finds out within its own transaction whether they are still the same.
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { type Rollup, rollups, SUMMARIES } from '../rollup/rollup-tables.js';
import { listSegments, query, SEGMENTS, type Segment, segmentColumns, storedVersion } from './catalog.js';

/** What the database file has of a segment beside its rows. */
export interface Summary {
  /** The number of its sums in their tables. */
  readonly id: number;
  /** Which sums there are. */
  readonly rollups: readonly Rollup[];
}

/** A list of segments, all in order of time, and those of each table. */
export class SegmentList {
  /** The oldest first. */
  readonly all: readonly Segment[];
  readonly #byTable = new Map<string, Segment[]>();
  readonly #byName: ReadonlyMap<string, Segment>;

  /** @param all The oldest first. */
  constructor(all: readonly Segment[]) {
    this.all = all;
    this.#byName = new Map(all.map((segment) => [segment.name, segment]));
    for (const segment of all) {
      const list = this.#byTable.get(segment.table);
      if (list === undefined) this.#byTable.set(segment.table, [segment]);
      else list.push(segment);
    }
  }

  /** Segments of a table, the oldest first. */
  of(table: string): readonly Segment[] {
    return this.#byTable.get(table) ?? [];
  }

  /** A segment by the name of its file. */
  named(name: string): Segment | undefined {
    return this.#byName.get(name);
  }

  /** A list without some of them. */
  without(names: ReadonlySet<string>): SegmentList {
    return names.size === 0 ? this : new SegmentList(this.all.filter(({ name }) => !names.has(name)));
  }
}

/** Rows of a table that hardly ever change, as what is made of them. */
class KeptRows<T> {
  readonly #table: string;
  readonly #columns: string;
  readonly #read: (connection: DuckDBConnection) => Promise<T>;
  #kept: { readonly state: string; readonly value: T } | undefined;

  /** @param columns All columns that `read` reads. */
  constructor(
    table: string,
    columns: readonly string[],
    read: (connection: DuckDBConnection, columns: string) => Promise<T>,
  ) {
    this.#table = table;
    this.#columns = columns.join(', ');
    this.#read = (connection) => read(connection, this.#columns);
  }

  /** As the connection's transaction sees them. Questions that see different rows may take turns. */
  async current(connection: DuckDBConnection): Promise<T> {
    const [row] = await query(
      connection,
      `SELECT count(*), bit_xor(hash(${this.#columns})) FROM ${this.#table}`,
    );
    const state = row!.join(' ');
    if (this.#kept?.state === state) return this.#kept.value;
    const value = await this.#read(connection);
    this.#kept = { state, value };
    return value;
  }
}

/** What an opened database file says of itself and of the segments beside it. */
export class KeptCatalog {
  readonly #segments = new KeptRows(
    SEGMENTS,
    segmentColumns,
    async (connection) => new SegmentList(await listSegments(connection)),
  );
  readonly #summaries = new KeptRows(
    SUMMARIES,
    ['id', 'name', ...rollups.map(({ flag }) => flag)],
    async (connection, columns) =>
      new Map((await query(connection, `SELECT ${columns} FROM ${SUMMARIES}`)).map(readSummary)),
  );
  #version: number | undefined;

  /** The version of the schema. No other process has the file open for writing, and this one migrates before it asks. */
  async version(connection: DuckDBConnection): Promise<number | undefined> {
    this.#version ??= await storedVersion(connection);
    return this.#version;
  }

  /** All segments. */
  segments(connection: DuckDBConnection): Promise<SegmentList> {
    return this.#segments.current(connection);
  }

  /** What there is of segments beside their rows, by name; of a file whose version has that. */
  summaries(connection: DuckDBConnection): Promise<ReadonlyMap<string, Summary>> {
    return this.#summaries.current(connection);
  }
}

function readSummary([id, name, ...flags]: readonly DuckDBValue[]): [string, Summary] {
  return [name as string, { id: Number(id), rollups: rollups.filter((_, index) => flags[index] === true) }];
}
