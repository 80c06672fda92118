/** What can be asked of a history, wherever it is. */
import type {
  Answer,
  CompareQuery,
  Comparison,
  ConnectionsPage,
  ConnectionsQuery,
  Groups,
  GroupsQuery,
  OpenAt,
  OpenAtQuery,
  ParquetQuery,
  Series,
  SeriesQuery,
  SqlQuery,
  SqlResult,
} from '@weir/history/query';
import type { Filter } from '@weir/tracer/filter';

/** A question with a filter as it was parsed. */
export type Filtered<Query> = Omit<Query, 'where'> & { readonly filter?: Filter | undefined };

/** Each may throw OptionError for what makes no sense. */
export interface Questions extends AsyncDisposable {
  connections(query: Filtered<ConnectionsQuery>): Promise<Answer<ConnectionsPage>>;
  groups(query: Filtered<GroupsQuery>): Promise<Answer<Groups>>;
  series(query: Filtered<SeriesQuery>): Promise<Answer<readonly Series[]>>;
  openAt(query: Filtered<OpenAtQuery>): Promise<Answer<OpenAt>>;
  compare(query: Filtered<CompareQuery>): Promise<Answer<Comparison>>;
  /** Writes connections to a file. @returns how many */
  parquet(query: Filtered<ParquetQuery>): Promise<Answer<number>>;
  sql(query: SqlQuery): Promise<SqlResult>;
}
