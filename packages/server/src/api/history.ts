/** What the API needs of a history. */
import type { StoreStatus } from '@weir/history';
import type {
  Answer,
  CompareQuery,
  Comparison,
  ConnectionHistory,
  ConnectionMap,
  ConnectionQuery,
  ConnectionsPage,
  ConnectionsQuery,
  EndsChoice,
  Groups,
  GroupsQuery,
  MapQuery,
  OpenAt,
  OpenAtQuery,
  ParquetQuery,
  QueryLimits,
  Series,
  SeriesQuery,
  SqlQuery,
  SqlResult,
} from '@weir/history/query';
import type { HostRow } from '@weir/history/schema';
import type { Filter } from '@weir/tracer/filter';

/** A range of time, nanoseconds since 1970: from the first up to, without, the second. */
export type Range = GroupsQuery['range'];

/** A question with a filter in the language of people. */
export type Filtered<Query> = Omit<Query, 'where'> & { readonly filter?: Filter };

/** Questions that the API passes on. Each may throw OptionError for what makes no sense, and InterruptedError. */
export interface ApiHistory {
  connections(query: Filtered<ConnectionsQuery>): Promise<Answer<ConnectionsPage>>;
  groups(query: Filtered<GroupsQuery> & EndsChoice): Promise<Answer<Groups>>;
  series(query: Filtered<SeriesQuery> & EndsChoice): Promise<Answer<readonly Series[]>>;
  openAt(query: Filtered<OpenAtQuery>): Promise<Answer<OpenAt>>;
  compare(query: Filtered<CompareQuery>): Promise<Answer<Comparison>>;
  map(query: Filtered<MapQuery>): Promise<Answer<ConnectionMap>>;
  connection(query: ConnectionQuery): Promise<Answer<ConnectionHistory>>;
  losses(range: Range, limits: QueryLimits): Promise<Answer<null>>;
  hosts(limits: QueryLimits): Promise<readonly HostRow[]>;
  sql(query: SqlQuery): Promise<SqlResult>;
  /** Up to here all events are in, nanoseconds since 1970; undefined before the first. */
  readonly watermark: bigint | undefined;
  readonly readOnly: boolean;
  /** What there is, and how much room that takes. Absent for one that nobody keeps. */
  status?(): Promise<StoreStatus>;
  /** Writes connections to a file as Parquet. Absent where that cannot be done. @returns how many */
  parquet?(query: Filtered<ParquetQuery>): Promise<Answer<number>>;
  /** A file with a range, as its bytes. Absent where that cannot be done. */
  exportRange?(range: Range, limits: QueryLimits): Promise<AsyncIterable<Uint8Array>>;
}

/** Exported files that were brought here, each by a random id. */
export interface ImportedFiles {
  /** The history in a file; undefined for an id that is not known, or no more. */
  get(id: string): ApiHistory | undefined;
  /** Opens a file, and removes it when it is not asked any more. @throws FormatError for one that is damaged */
  add(path: string): Promise<{ readonly id: string; readonly range: Range }>;
}
