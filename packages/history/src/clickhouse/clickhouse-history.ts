/** Questions about the history of many hosts, asked of ClickHouse. */
import type { Answer, QueryLimits } from '../query/answer.js';
import type { CompareQuery, Comparison } from '../query/compare.js';
import type { ConnectionHistory, ConnectionQuery } from '../query/connection.js';
import type { ConnectionsPage, ConnectionsQuery } from '../query/connections.js';
import type { EndsChoice } from '../query/ends-choice.js';
import type { Groups, GroupsQuery } from '../query/groups.js';
import type { ConnectionMap, MapQuery } from '../query/map.js';
import type { OpenAt, OpenAtQuery } from '../query/open-at.js';
import type { ParquetQuery } from '../query/parquet.js';
import type { Series, SeriesQuery } from '../query/series.js';
import type { SqlQuery, SqlResult } from '../query/sql.js';
import type { HostRow } from '../schema/index.js';
import type { TimeRange } from '../store/session.js';
import {
  ClickhouseReader,
  type ReaderOptions,
  type ReadingFigures,
  type ReadingStatus,
} from './read/clickhouse-reader.js';
import { answerIn, knownSpan } from './read/coverage.js';
import { clickhouseHosts } from './read/hosts.js';
import { clickhouseNewestHours, type NewestHour } from './read/newest-hours.js';
import { clickhouseCompare } from './read/read-compare.js';
import { clickhouseConnection } from './read/read-connection.js';
import { clickhouseConnections } from './read/read-connections.js';
import { clickhouseGroups } from './read/read-groups.js';
import { clickhouseMap } from './read/read-map.js';
import { clickhouseOpenAt } from './read/read-open-at.js';
import { clickhouseSeries } from './read/read-series.js';
import { clickhouseSql } from './read/read-sql.js';
import { clickhouseParquet } from './read/write-parquet.js';

/**
 * The history of many hosts in ClickHouse. Conditions are those of `filterSql()` with ClickHouse's dialect. Each question may throw
 * OptionError for what makes no sense, InterruptedError, and HistoryError where ClickHouse cannot be asked.
 */
export class ClickhouseHistory implements AsyncDisposable {
  readonly #reader: ClickhouseReader;

  /** It connects with the first question. @throws OptionError for a database that has no name for it */
  constructor(options: ReaderOptions) {
    this.#reader = new ClickhouseReader(options);
  }

  /** Whether it can be asked, as of the last question. */
  get status(): ReadingStatus {
    return this.#reader.status;
  }

  /** Whether it can be asked, and the tables are there. @throws HistoryError */
  check(limits: QueryLimits = {}): Promise<void> {
    return this.#reader.check(limits);
  }

  connections(query: ConnectionsQuery): Promise<Answer<ConnectionsPage>> {
    return clickhouseConnections(this.#reader, query);
  }

  groups(query: GroupsQuery & EndsChoice): Promise<Answer<Groups>> {
    return clickhouseGroups(this.#reader, query);
  }

  series(query: SeriesQuery & EndsChoice): Promise<Answer<readonly Series[]>> {
    return clickhouseSeries(this.#reader, query);
  }

  openAt(query: OpenAtQuery): Promise<Answer<OpenAt>> {
    return clickhouseOpenAt(this.#reader, query);
  }

  compare(query: CompareQuery): Promise<Answer<Comparison>> {
    return clickhouseCompare(this.#reader, query);
  }

  map(query: MapQuery): Promise<Answer<ConnectionMap>> {
    return clickhouseMap(this.#reader, query);
  }

  connection(query: ConnectionQuery): Promise<Answer<ConnectionHistory>> {
    return clickhouseConnection(this.#reader, query);
  }

  losses(range: TimeRange, limits: QueryLimits): Promise<Answer<null>> {
    return answerIn(this.#reader, range, limits, async () => null);
  }

  hosts(limits: QueryLimits): Promise<HostRow[]> {
    return clickhouseHosts(this.#reader, limits);
  }

  parquet(query: ParquetQuery): Promise<Answer<number>> {
    return clickhouseParquet(this.#reader, query);
  }

  /** When the last hour ends of which each host has rows, of those that have had any lately. */
  newestHours(limits: QueryLimits): Promise<NewestHour[]> {
    return clickhouseNewestHours(this.#reader, limits);
  }

  /** What was asked so far. */
  get figures(): ReadingFigures {
    return this.#reader.figures;
  }

  sql(query: SqlQuery): Promise<SqlResult> {
    return clickhouseSql(this.#reader, query);
  }

  /** Up to here, the hours of a host are in; undefined before the first. */
  watermark(limits: QueryLimits = {}): Promise<bigint | undefined> {
    return this.#reader.ask(limits, async (asking) => (await knownSpan(asking))?.to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}
