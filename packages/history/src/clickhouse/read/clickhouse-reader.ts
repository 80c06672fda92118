/** Asks a ClickHouse that has the history of many hosts: within limits, with errors that say what to do. */
import { OptionError } from '@weir/ebpf/errors';
import { HistoryError, UnreadableDatabaseError } from '../../errors.js';
import type { QueryLimits } from '../../query/answer.js';
import { ClickhouseConnection, type StatementParameters, serverErrorCode } from '../clickhouse-connection.js';
import { checkLayout } from '../clickhouse-layout.js';
import { checkClickhouse } from '../clickhouse-schema.js';
import type { ClickhouseAccess, ClickhouseTarget } from '../clickhouse-target.js';
import { limitsOf } from './ask-limits.js';
import { readFailure } from './read-failure.js';

/** One question, which may take several statements. */
export interface Asking {
  readonly connection: ClickhouseConnection;
  readonly database: string;
  readonly signal: AbortSignal | undefined;
  /** Settings of each of its statements. */
  readonly settings: Readonly<Record<string, string | number>>;
  rows(sql: string, parameters?: StatementParameters): Promise<unknown[][]>;
}

/** Whether ClickHouse can be asked, as of the last question. */
export interface ReadingStatus {
  /** The database, without the user. */
  readonly target: string;
  readonly state: 'connecting' | 'reading' | 'failing';
  /** What fails. */
  readonly problem?: string;
}

/** What was asked since the start. */
export interface ReadingFigures {
  readonly questions: number;
  /** Questions that ClickHouse did not answer: it was away, or they were too much, or made no sense to it. */
  readonly failures: number;
  /** Seconds until they were answered, or were not, all together. */
  readonly seconds: number;
}

/** What is needed to ask. */
export interface ReaderOptions {
  readonly target: ClickhouseTarget;
  readonly access: ClickhouseAccess;
}

/** Settings without which answers would be others, or a question would go on without whoever asked. */
const settings = {
  // Nothing that a statement says can change anything.
  readonly: 2,
  join_use_nulls: 1,
  // Keys that are not known are equal.
  transform_null_in: 1,
  // Tables that are spread over a cluster are joined where they are asked.
  distributed_product_mode: 'global',
  // The hosts of a large fleet are named one by one where some are meant.
  max_query_size: 64_000_000,
  cancel_http_readonly_queries_on_client_close: 1,
  // A mean of nothing is null.
  output_format_json_quote_denormals: 0,
} as const;

/** What has the history of many hosts. It connects with the first question. */
export class ClickhouseReader implements AsyncDisposable {
  readonly #options: ReaderOptions;
  #connection: ClickhouseConnection | undefined;
  /** The tables were there, and of a version that this program knows. */
  #isChecked = false;
  #problem: string | undefined;
  #questions = 0;
  #failures = 0;
  #milliseconds = 0;

  /** @throws OptionError for a database that has no name for it */
  constructor(options: ReaderOptions) {
    checkLayout(options.target);
    this.#options = options;
  }

  get status(): ReadingStatus {
    const { shown: target } = this.#options.target;
    if (this.#problem !== undefined) return { target, state: 'failing', problem: this.#problem };
    return { target, state: this.#isChecked ? 'reading' : 'connecting' };
  }

  get figures(): ReadingFigures {
    const [questions, failures] = [this.#questions, this.#failures];
    return { questions, failures, seconds: this.#milliseconds / 1000 };
  }

  /**
   * Asks a question within its limits.
   *
   * @throws HistoryError where ClickHouse cannot be asked; InterruptedError; OptionError
   */
  async ask<T>(limits: QueryLimits, question: (asking: Asking) => Promise<T>): Promise<T> {
    const { target } = this.#options;
    const ending = limitsOf(limits);
    const begun = performance.now();
    this.#questions++;
    try {
      const connection = await this.#connect();
      const all = { ...settings, ...ending.settings };
      const { signal } = ending;
      const answer = await question({
        ...{ connection, database: target.database, signal, settings: all },
        rows: (sql, parameters) => connection.rows(sql, parameters, { signal, settings: all }),
      });
      this.#problem = undefined;
      return answer;
    } catch (error) {
      const failure = readFailure(error, { target, ending, limits });
      if (failure instanceof HistoryError) this.#failures++;
      if (failure instanceof OptionError || !(failure instanceof HistoryError)) throw failure;
      // What is wrong with one question says nothing about the next one, nor about those that are asked beside it.
      const isAnswer = serverErrorCode(error) !== undefined && !(failure instanceof UnreadableDatabaseError);
      if (ending.isEnded || isAnswer) throw failure;
      this.#problem = failure.message;
      // A password may have been changed, tables made or changed.
      await this.#disconnect();
      throw failure;
    } finally {
      this.#milliseconds += performance.now() - begun;
    }
  }

  /** Whether it can be asked, and the tables are there. @throws HistoryError */
  async check(limits: QueryLimits = {}): Promise<void> {
    await this.ask(limits, async () => undefined);
  }

  async #connect(): Promise<ClickhouseConnection> {
    const { target, access } = this.#options;
    this.#connection ??= new ClickhouseConnection(target, access, { database: target.database });
    if (!this.#isChecked) await checkClickhouse(this.#connection, target);
    this.#isChecked = true;
    return this.#connection;
  }

  async #disconnect(): Promise<void> {
    this.#isChecked = false;
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disconnect();
  }
}
