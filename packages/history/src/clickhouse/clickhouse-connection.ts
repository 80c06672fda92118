/** A connection to ClickHouse's HTTP interface. */
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { type ClickhouseAccess, type ClickhouseTarget, readPassword } from './clickhouse-target.js';

/** Time for one statement, and for the answer to an insert of a large segment. */
const REQUEST_MS = 600_000;

/** Settings of a statement. */
export type StatementSettings = Readonly<Record<string, string | number>>;

/** Values of a statement, by the names in it. */
export type StatementParameters = Readonly<Record<string, unknown>>;

/** What a connection depends on beside its target. */
export interface ConnectionOptions {
  /** Default: that of the file or the environment. */
  readonly password?: string;
  /** Milliseconds for one statement. Default: ten minutes. */
  readonly requestMs?: number;
  /** Whose tables statements can name alone. Default: none. */
  readonly database?: string;
}

/** An answer with the names and types of its columns. */
export interface ClickhouseTable {
  readonly meta: readonly { readonly name: string; readonly type: string }[];
  readonly data: readonly (readonly unknown[])[];
}

/** How a question is asked. */
export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  readonly settings?: StatementSettings;
}

/** What Weir needs of ClickHouse. */
export class ClickhouseConnection implements AsyncDisposable {
  readonly #client: ClickHouseClient;

  /**
   * Connects with the first statement.
   *
   * @throws Error of the system for files that cannot be read
   */
  constructor(
    target: ClickhouseTarget,
    access: ClickhouseAccess,
    { password = readPassword(access), requestMs = REQUEST_MS, database }: ConnectionOptions = {},
  ) {
    this.#client = createClient({
      url: target.url,
      username: target.user,
      password,
      application: 'weir',
      ...(database !== undefined && { database }),
      request_timeout: requestMs,
      // What it would log is in its errors.
      log: { level: ClickHouseLogLevel.OFF },
      ...(access.caFile !== undefined && { tls: { ca_cert: readFileSync(access.caFile) } }),
    });
  }

  /** Executes a statement without an answer. @throws ClickHouseError, Error of the network */
  async execute(query: string, settings: StatementSettings = {}): Promise<void> {
    await this.#client.command({ query, clickhouse_settings: settings });
  }

  /** The rows of an answer; numbers of 64 bits are strings. @throws ClickHouseError, Error of the network */
  async rows(
    query: string,
    parameters: StatementParameters = {},
    options: AskOptions = {},
  ): Promise<unknown[][]> {
    const answer = await this.#ask(query, 'JSONCompactEachRow', parameters, options);
    return answer.json<unknown[]>();
  }

  /** The same with names and types. @throws ClickHouseError, Error of the network */
  async table(
    query: string,
    parameters: StatementParameters = {},
    options: AskOptions = {},
  ): Promise<ClickhouseTable> {
    const answer = await this.#ask(query, 'JSONCompact', parameters, options);
    return (await answer.json()) as unknown as ClickhouseTable;
  }

  /** The bytes of an answer, of a statement that ends with its format. @throws ClickHouseError, Error of the network */
  async stream(
    query: string,
    parameters: StatementParameters = {},
    { signal, settings = {} }: AskOptions = {},
  ): Promise<Readable> {
    const { stream } = await this.#client.exec({
      query,
      query_params: parameters,
      clickhouse_settings: settings,
      ...(signal !== undefined && { abort_signal: signal }),
    });
    return stream;
  }

  #ask<Format extends 'JSONCompact' | 'JSONCompactEachRow'>(
    query: string,
    format: Format,
    parameters: StatementParameters,
    { signal, settings = {} }: AskOptions,
  ) {
    return this.#client.query({
      query,
      format,
      query_params: parameters,
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1, ...settings },
      ...(signal !== undefined && { abort_signal: signal }),
    });
  }

  /** The version of the server, such as `25.3.1.2703`. @throws ClickHouseError, Error of the network */
  async serverVersion(): Promise<string> {
    const answer = await this.#client.query({ query: 'SELECT version()', format: 'TabSeparated' });
    return (await answer.text()).trim();
  }

  /** An INSERT whose statement ends with its format, and its data. @throws ClickHouseError, Error of the network */
  async insert(
    query: string,
    values: Readable,
    settings: StatementSettings,
    signal?: AbortSignal,
  ): Promise<void> {
    const { stream } = await this.#client.exec({
      query,
      values,
      clickhouse_settings: settings,
      ...(signal !== undefined && { abort_signal: signal }),
    });
    for await (const _ of stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

/** The number of an error that the server answered with; undefined where none did. */
export function serverErrorCode(error: unknown): number | undefined {
  return error instanceof ClickHouseError ? Number(error.code) : undefined;
}
