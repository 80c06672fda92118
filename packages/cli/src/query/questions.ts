/** What can be asked of a history, wherever it is. */
import type {
  Answer,
  CompareQuery,
  Comparison,
  ConnectionsQuery,
  Groups,
  GroupsQuery,
  OpenAtQuery,
  ParquetQuery,
  QueryLimits,
  Series,
  SeriesQuery,
  SqlQuery,
  SqlResult,
} from '@weir/history/query';
import type { RowRecord } from '@weir/history/rows';
import type { Filter } from '@weir/tracer/filter';

/** A filter as it was written, for whoever reads it anew, and as it was parsed here. */
export interface WrittenFilter {
  readonly text: string;
  readonly tree: Filter;
}

/** A question with a filter in the language of people. */
export type Filtered<Query> = Omit<Query, 'where'> & { readonly filter?: WrittenFilter | undefined };

/** A page of connections that ended. */
export interface RecordsPage {
  readonly records: readonly RowRecord[];
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string;
}

/** Connections that were open, of `count` in all. */
export interface OpenRecords {
  readonly records: readonly RowRecord[];
  readonly count: number;
}

/** Each may throw OptionError for what makes no sense. */
export interface Questions extends AsyncDisposable {
  /** Rows that an answer can have at most; undefined: as many as the question allows. */
  readonly mostRows?: number;
  connections(query: Filtered<ConnectionsQuery>): Promise<Answer<RecordsPage>>;
  groups(query: Filtered<GroupsQuery>): Promise<Answer<Groups>>;
  series(query: Filtered<SeriesQuery>): Promise<Answer<readonly Series[]>>;
  openAt(query: Filtered<OpenAtQuery>): Promise<Answer<OpenRecords>>;
  compare(query: Filtered<CompareQuery>): Promise<Answer<Comparison>>;
  /** Writes connections to a file. @returns how many */
  parquet(query: Filtered<ParquetQuery>): Promise<Answer<number>>;
  /** What was lost in a range, and when nothing was recorded. */
  coverage(query: QueryLimits & Pick<ConnectionsQuery, 'range'>): Promise<Answer<null>>;
  sql(query: SqlQuery): Promise<SqlResult>;
}
