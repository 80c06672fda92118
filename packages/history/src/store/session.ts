/** What a question sees: all rows as of its beginning, whether the database file or a segment has them. */
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { lacksSql, type RowId } from '../rollup/id-filter.js';
import { ROLLUPS_SINCE, type Rollup, SUMMARIES } from '../rollup/rollup-tables.js';
import { type LossRow, quoteText, type Schema, type TableName, tableColumns } from '../schema/index.js';
import { query, SEGMENTS, type Segment } from './catalog.js';
import type { KeptCatalog, SegmentList, Summary } from './kept-catalog.js';
import { possibleTime } from './layout.js';
import { recentRows } from './recent-rows.js';

/** A span of time, nanoseconds since 1970: from the first up to, without, the second. */
export interface TimeRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** Where a session finds its rows. */
export interface SessionOptions {
  readonly connection: DuckDBConnection;
  /** What the database file says of segments. */
  readonly catalog: KeptCatalog;
  readonly schema: Schema;
  /** The folder of the segments. */
  readonly segmentsFolder: string;
  /** A folder for files that the question needs for a while. */
  readonly temporary: string;
  /** Names of segments that cannot be read. */
  readonly unreadable: ReadonlySet<string>;
  /** Losses that no table has. */
  readonly losses: readonly LossRow[];
  /** No statement begins once it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Which rows and columns of a table are wanted. */
export interface SourceOptions {
  /** Only segments that have rows in it are read; the rows still have to be filtered, unless {@link SourceOptions.isExact}. */
  readonly range?: TimeRange;
  /** Rows outside the range are left out. Segments that lie in it as a whole need no look at their times. */
  readonly isExact?: boolean;
  /** Names of segments that are not read. */
  readonly without?: ReadonlySet<string> | undefined;
  /** Names of segments of which no other is read. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Names of its columns, and of others that it does not have. Default: all. */
  readonly names?: ReadonlySet<string>;
}

/** A segment whose rows need not be read. */
export interface SummedSegment {
  readonly name: string;
  /** The number of its sums in their table. */
  readonly summary: number;
  readonly rollup: Rollup;
}

/** One question's view of the history. It ends with the question. */
export class Session {
  readonly connection: DuckDBConnection;
  readonly schema: Schema;
  /** Losses that no table has. */
  readonly extraLosses: readonly LossRow[];
  /** A folder for files that the question needs for a while. */
  readonly temporary: string;
  readonly #folder: string;
  readonly #catalog: KeptCatalog;
  readonly #segments: SegmentList;
  /** The version of the schema of the database file: older than the program's where it is only read. */
  readonly #version: number;
  readonly #signal: AbortSignal | undefined;
  readonly #used = new Set<Segment>();

  private constructor(options: SessionOptions, segments: SegmentList, version: number) {
    this.connection = options.connection;
    this.schema = options.schema;
    this.extraLosses = options.losses;
    this.temporary = options.temporary;
    this.#folder = options.segmentsFolder;
    this.#catalog = options.catalog;
    this.#segments = segments;
    this.#version = version;
    this.#signal = options.signal;
  }

  /** Begins within the connection's transaction. */
  static async begin(options: SessionOptions): Promise<Session> {
    const { connection, catalog, unreadable } = options;
    const version = await catalog.version(connection);
    const segments = await catalog.segments(connection);
    return new Session(options, segments.without(unreadable), version ?? options.schema.version);
  }

  /** All that can be read, the oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments.all;
  }

  /** Segments that the question has named so far. */
  get used(): readonly Segment[] {
    return [...this.#used];
  }

  /** A table as a subquery: its rows in the database file and in segments. */
  source(table: TableName, options: SourceOptions = {}): string {
    const { range, isExact, names } = options;
    const all = this.schema.tables[table]!;
    const columns =
      names === undefined ? all : Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)));
    const bounds = range === undefined || isExact !== true ? '' : ` WHERE ${timeBounds(range)}`;
    const parts = recentRows(table, columns, this.#version).map((rows) => rows + bounds);
    for (const [version, segments] of this.#byVersion(table, options)) {
      const list = tableColumns(this.schema.compact, table, columns, version);
      const read = (some: readonly Segment[], condition: string) => {
        const files = some.map(({ name }) => quoteText(join(this.#folder, name)));
        if (files.length > 0)
          parts.push(`SELECT ${list} FROM read_parquet([${files.join(', ')}])${condition}`);
      };
      const isWhole = (segment: Segment) => bounds === '' || liesIn(segment, range!);
      read(segments.filter(isWhole), '');
      read(
        segments.filter((segment) => !isWhole(segment)),
        bounds,
      );
    }
    return `(${parts.join(' UNION ALL ')})`;
  }

  /** A segment as a subquery with all columns, and `file_row_number`; undefined where there is none of this name any more. */
  segment(name: string): string | undefined {
    const segment = this.#segments.named(name);
    if (segment === undefined) return undefined;
    this.#used.add(segment);
    const { table, version } = segment;
    const columns = tableColumns(this.schema.compact, table, this.schema.tables[table]!, version);
    const file = quoteText(join(this.#folder, name));
    return `(SELECT ${columns}, file_row_number FROM read_parquet(${file}, file_row_number = true))`;
  }

  #byVersion(table: TableName, { range, without, only }: SourceOptions): Map<number, Segment[]> {
    const groups = new Map<number, Segment[]>();
    for (const segment of this.#segments.of(table)) {
      if (without?.has(segment.name) === true || only?.has(segment.name) === false) continue;
      if (range !== undefined && (segment.to < range.from || segment.from >= range.to)) continue;
      this.#used.add(segment);
      const group = groups.get(segment.version);
      if (group === undefined) groups.set(segment.version, [segment]);
      else group.push(segment);
    }
    return groups;
  }

  /**
   * Segments that lie in a range as a whole and have one of these sums, each with the number of its sums and the first of them that it
   * has.
   */
  async summed(
    range: TimeRange,
    rollups: readonly Rollup[],
    fits: (segment: Segment) => boolean,
  ): Promise<SummedSegment[]> {
    if (this.#version < ROLLUPS_SINCE || rollups.length === 0) return [];
    const summaries = await this.#summaries();
    return this.segments.flatMap((segment) => {
      if (!liesIn(segment, range) || !fits(segment)) return [];
      const { name } = segment;
      const summary = summaries.get(name);
      const rollup = summary && rollups.find((each) => summary.rollups.includes(each));
      return rollup === undefined ? [] : [{ name, summary: summary!.id, rollup }];
    });
  }

  /** Names of segments of `ends` that may have one of these ids; undefined where nothing is known of any. */
  async having(ids: readonly RowId[]): Promise<ReadonlySet<string> | undefined> {
    if (this.#version < ROLLUPS_SINCE) return undefined;
    const rows = await this.query(
      `SELECT name FROM ${SEGMENTS} WHERE table_name = 'ends'
       AND name NOT IN (SELECT name FROM ${SUMMARIES} WHERE ${lacksSql('has_ids', ids)})`,
    );
    return new Set(rows.map(([name]) => name as string));
  }

  #summaries(): Promise<ReadonlyMap<string, Summary>> {
    this.#signal?.throwIfAborted();
    return this.#catalog.summaries(this.connection);
  }

  /** The time of the oldest row in a segment; undefined where there are no segments. */
  get oldestSegment(): bigint | undefined {
    const times = this.segments.map(({ from }) => from);
    return times.length === 0 ? undefined : times.reduce((a, b) => (a < b ? a : b));
  }

  /** The rows that a statement returns. @throws the reason of the question's signal once that is aborted. */
  async query(sql: string, values?: DuckDBValue[]): Promise<DuckDBValue[][]> {
    // An interruption between two statements stops neither.
    this.#signal?.throwIfAborted();
    return query(this.connection, sql, values);
  }
}

function liesIn(segment: Segment, { from, to }: TimeRange): boolean {
  return segment.from >= from && segment.to < to;
}

function timeBounds({ from, to }: TimeRange): string {
  return `time >= make_timestamp_ns(${possibleTime(from)}) AND time < make_timestamp_ns(${possibleTime(to)})`;
}

/** How a question is ended. */
export interface ReadOptions {
  /** Ends it: the database stops within milliseconds. */
  readonly signal?: AbortSignal;
}

/** Something that can be asked: a running store, a folder, an exported file. */
export interface HistoryReader {
  /**
   * Runs a question on one state of the history. It may run twice, where a file turned out to be damaged.
   *
   * @throws InterruptedError when its signal ended it.
   */
  read<T>(question: (session: Session) => Promise<T>, options?: ReadOptions): Promise<T>;
}
