/**
 * Ships the segments of a history to ClickHouse. Their rows are inserted under tokens that follow from their bytes, by which ClickHouse
 * drops what it has already; where that may have forgotten a token, rows are counted before the next try. The segments themselves are
 * what waits: what retention removes before it was shipped is a loss.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { HistoryError } from '../errors.js';
import { hostColumns, type LossRow, lossColumns, type SegmentTable } from '../schema/index.js';
import type { Segment } from '../store/catalog.js';
import { ClickhouseConnection, type StatementSettings, serverErrorCode } from './clickhouse-connection.js';
import type { ClickhouseLayout } from './clickhouse-layout.js';
import { prepareClickhouse } from './clickhouse-schema.js';
import type { ClickhouseAccess, ClickhouseTarget } from './clickhouse-target.js';
import { countShipment, insertRows, insertShipment, isOfSegment, rowLine } from './insert-statements.js';
import { ShipJournal } from './ship-journal.js';
import type { ShipSource } from './ship-source.js';

/** How to ship. */
export interface ShipperOptions {
  readonly source: ShipSource;
  readonly target: ClickhouseTarget;
  readonly access: ClickhouseAccess;
  readonly layout: ClickhouseLayout;
  /** Whether this host makes and changes tables. Default: true. */
  readonly migrate?: boolean;
  /** The file that remembers what was shipped. */
  readonly journal: string;
  /** Reports what users should know: that it works again, too. */
  readonly say: (message: string) => void;
  /** Milliseconds between looks at the history. Default: one minute. */
  readonly lookMs?: number;
  /** New segments wait for up to so many milliseconds, as those of all hosts are there at the same time. Default: five minutes. */
  readonly spreadMs?: number;
  /** Milliseconds after the first failure; twice as many after each further one, up to five minutes. Default: one second. */
  readonly retryMs?: number;
  /**
   * Rows of segments in an insert: ClickHouse makes one block of them, which is stored as a whole or not at all. Where it changes, tokens
   * of tries before count no more. Default: 250,000.
   */
  readonly rowsAtATime?: number;
}

/** How far shipping has come. */
export interface ShippingStatus {
  /** Where to, without a user. */
  readonly target: string;
  /** `connecting` before the first success, `retrying` while something fails. */
  readonly state: 'connecting' | 'shipping' | 'retrying';
  /** Segments that are not shipped yet, and their rows. */
  readonly waiting: { readonly segments: number; readonly rows: number };
  /** Since this process began. */
  readonly shipped: { readonly segments: number; readonly rows: number };
  /** Rows that were removed before they were shipped, since this process began. */
  readonly lostRows: number;
  /** Milliseconds since 1970 of the last success. */
  readonly lastMs?: number;
  /** What fails. */
  readonly problem?: string;
}

const MOST_RETRY_MS = 300_000;
/** Rows of losses in an insert. */
const ROWS_AT_A_TIME = 10_000;

const MOST_ROWS = 250_000;
/** Tokens are known for longer, see create-tables.ts. */
const TOKENS_MS = 6 * 3_600_000;

/** Settings of inserts: one block each, which is dropped where its token is known, in each table of sums for itself. */
const insertSettings: StatementSettings = {
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  max_insert_threads: 1,
  max_threads: 1,
  min_insert_block_size_rows: 1_048_576,
  min_insert_block_size_bytes: 0,
  wait_end_of_query: 1,
};
/** The same for those that not every version knows. */
const newerSettings: StatementSettings = {
  deduplicate_insert_select: 'enable_even_for_bad_queries',
  distributed_foreground_insert: 1,
};

/** Ships until it is disposed of. */
export class Shipper implements AsyncDisposable {
  readonly #options: ShipperOptions;
  readonly #journal: ShipJournal;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  readonly #sentRows = new Set<string>();
  #connection: ClickhouseConnection | undefined;
  #settings: StatementSettings = insertSettings;
  #shipped = { segments: 0, rows: 0 };
  #lostRows = 0;
  #lastMs: number | undefined;
  #problem: string | undefined;
  #failures = 0;
  /** The first round ships what waits; later ones let other hosts go first. */
  #notBefore = 0;

  private constructor(options: ShipperOptions) {
    this.#options = options;
    const { journal, target } = options;
    this.#journal = new ShipJournal(journal, target.shown);
    this.#running = this.#run();
  }

  /** @throws Error of the system where its journal cannot be read */
  static start(options: ShipperOptions): Shipper {
    return new Shipper(options);
  }

  get status(): ShippingStatus {
    const waiting = [...this.#journal.waiting.values()];
    const works = this.#lastMs === undefined ? 'connecting' : 'shipping';
    return {
      target: this.#options.target.shown,
      state: this.#problem === undefined ? works : 'retrying',
      waiting: { segments: waiting.length, rows: waiting.reduce((sum, { rows }) => sum + rows, 0) },
      shipped: { ...this.#shipped },
      lostRows: this.#lostRows,
      ...(this.#lastMs !== undefined && { lastMs: this.#lastMs }),
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      const delay = await this.#round();
      await wait(delay, undefined, { signal }).catch(() => {});
    }
  }

  /** @returns milliseconds to the next one. */
  async #round(): Promise<number> {
    const { lookMs = 60_000, retryMs = 1_000, say, target } = this.#options;
    try {
      await this.#ship();
      if (this.#problem !== undefined) say(`ClickHouse at ${target.shown} works again`);
      this.#problem = undefined;
      this.#failures = 0;
      this.#lastMs = Date.now();
      return lookMs;
    } catch (error) {
      if (this.#end.signal.aborted) return 0;
      const problem = describe(error);
      if (problem !== this.#problem)
        say(`ClickHouse at ${target.shown}: ${problem}; rows wait, and it is tried again`);
      this.#problem = problem;
      // The password may be another one by then.
      await this.#disconnect();
      const delay = Math.min(MOST_RETRY_MS, retryMs * 2 ** Math.min(20, this.#failures++));
      // Hosts that failed together do not try together.
      return delay * (0.5 + Math.random() / 2);
    }
  }

  /** One look at the history: ships all that waits. */
  async #ship(): Promise<void> {
    const segments = await this.#look();
    const connection = await this.#connect();
    if (Date.now() >= this.#notBefore) {
      const failures: unknown[] = [];
      for (const segment of segments) {
        if (this.#journal.isShipped(segment.name)) continue;
        try {
          await this.#shipSegment(connection, segment);
        } catch (error) {
          // What the server says of one need not be true of the next; without a server, none can be shipped.
          if (serverErrorCode(error) === undefined) throw error;
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    }
    await this.#shipRows(connection);
  }

  /** @returns segments, the oldest first. */
  async #look(): Promise<readonly Segment[]> {
    const { source, say, spreadMs = 300_000 } = this.#options;
    const segments = await source.segments();
    const hadAll = this.#journal.waiting.size === 0;
    for (const name of this.#journal.see(new Map(segments.map((segment) => [segment.name, segment])))) {
      const { rows } = this.#journal.lost.find((each) => each.name === name)!;
      this.#lostRows += rows;
      say(`${rows} rows were removed before ClickHouse had them: ${name}`);
    }
    if (hadAll && this.#lastMs !== undefined && this.#journal.waiting.size > 0)
      this.#notBefore = Date.now() + Math.random() * spreadMs;
    return segments;
  }

  async #connect(): Promise<ClickhouseConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const { target, access, layout, migrate = true, say } = this.#options;
    const connection = new ClickhouseConnection(target, access);
    try {
      const before = await prepareClickhouse(connection, layout, { migrate });
      if (before === 0) say(`made the tables in ClickHouse at ${target.shown}`);
      const known = await connection.rows(
        'SELECT name FROM system.settings WHERE name IN {names:Array(String)}',
        {
          names: Object.keys({ ...insertSettings, ...newerSettings }),
        },
      );
      const names = new Set(known.map(([name]) => name));
      const wanted = Object.entries({ ...insertSettings, ...newerSettings });
      this.#settings = Object.fromEntries(wanted.filter(([name]) => names.has(name)));
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
    this.#connection = connection;
    return connection;
  }

  async #disconnect(): Promise<void> {
    await this.#connection?.[Symbol.asyncDispose]();
    this.#connection = undefined;
  }

  async #shipSegment(connection: ClickhouseConnection, segment: Segment): Promise<void> {
    const { source, rowsAtATime = MOST_ROWS } = this.#options;
    const { name, rows } = segment;
    const digest = await source.digest(name);
    // Retention was here first: the next look counts it.
    if (digest === undefined) return;
    for (let start = 0; start < rows; start += rowsAtATime) {
      const end = Math.min(rows, start + rowsAtATime);
      const table = segment.table as SegmentTable;
      const shipped = await source.withPart({ name, table, start, end }, async (file) => {
        await this.#insert(connection, {
          segment,
          rows: end - start,
          file,
          token: tokenOf(digest, start, end),
        });
        return true;
      });
      if (shipped === undefined) return;
    }
    this.#journal.ship(name);
    this.#shipped.segments++;
    this.#shipped.rows += rows;
  }

  async #insert(connection: ClickhouseConnection, part: Part): Promise<void> {
    const { layout } = this.#options;
    const { segment, file, token } = part;
    const id = idOf(token);
    if (this.#isLongAgo(segment.name) && (await this.#isThere(connection, part, id))) return;
    this.#journal.try(segment.name);
    const settings = { ...this.#settings, insert_deduplication_token: token };
    const statement = insertShipment(layout, segment.table as SegmentTable, id);
    await connection.insert(statement, createReadStream(file), settings, this.#end.signal);
  }

  /** Whether ClickHouse may have forgotten the tokens of an earlier try. */
  #isLongAgo(name: string): boolean {
    const since = this.#journal.triedSince(name);
    return since !== undefined && Date.now() - since > TOKENS_MS;
  }

  /** Whether rows are there. They are inserted in one block: all of them, or none. */
  async #isThere(connection: ClickhouseConnection, { segment, rows }: Part, id: bigint): Promise<boolean> {
    const { source, layout } = this.#options;
    const hosts = (await source.hosts()).map(({ host_id }) => host_id);
    const { from, to, table } = segment;
    const [row] = await connection.rows(countShipment(layout, table as SegmentTable, hosts), {
      id: String(id),
      from: String(from),
      to: String(to),
    });
    return Number(row![0]) === rows;
  }

  /** Ships what changed of the small tables, whose rows are one however often they come. */
  async #shipRows(connection: ClickhouseConnection): Promise<void> {
    const { source } = this.#options;
    const hosts = await source.hosts();
    await this.#shipLines(
      connection,
      'hosts',
      hosts.map((row) => rowLine(hostColumns, row)),
    );
    const losses = (await source.losses()).filter((loss) => !isOfSegment(loss));
    const lost = this.#journal.lost;
    const hostId = hosts.at(-1)?.host_id;
    const own = lost.map(({ name, rows, from, to }): LossRow => {
      const detail = `the segment ${name} was removed before it was shipped`;
      return {
        ...(hostId !== undefined && { host_id: hostId }),
        since: from,
        time: to,
        count: rows,
        place: 'history',
        detail,
      };
    });
    await this.#shipLines(
      connection,
      'losses',
      [...losses, ...own].map((row) => rowLine(lossColumns, row)),
    );
    for (const { name } of lost) this.#journal.report(name);
  }

  async #shipLines(
    connection: ClickhouseConnection,
    table: 'losses' | 'hosts',
    lines: readonly string[],
  ): Promise<void> {
    const unsent = lines.filter((line) => !this.#sentRows.has(table + line));
    for (let start = 0; start < unsent.length; start += ROWS_AT_A_TIME) {
      const part = unsent.slice(start, start + ROWS_AT_A_TIME);
      await connection.insert(
        insertRows(this.#options.layout, table),
        Readable.from(part),
        this.#settings,
        this.#end.signal,
      );
    }
    // Rows that the history has no more are not sent again either.
    for (const known of this.#sentRows) if (known.startsWith(table)) this.#sentRows.delete(known);
    for (const line of lines) this.#sentRows.add(table + line);
  }

  /** Ends it. An insert that is under way may still be stored: the next process looks. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
    await this.#disconnect();
    this.#journal[Symbol.dispose]();
  }
}

/** Rows that are inserted at a time. */
interface Part {
  readonly segment: Segment;
  readonly rows: number;
  readonly file: string;
  readonly token: string;
}

/** The same rows have the same token, whoever ships them. */
function tokenOf(digest: string, start: number, end: number): string {
  return createHash('sha256').update(`${digest}:${start}:${end}`).digest('hex');
}

function idOf(token: string): bigint {
  return BigInt(`0x${token.slice(0, 16)}`);
}

function describe(error: unknown): string {
  const code = serverErrorCode(error);
  const message = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error);
  if (code !== undefined) return `error ${code}, ${message.trim()}`;
  const { code: system } = error as NodeJS.ErrnoException;
  return message === '' ? String(system) : error instanceof HistoryError ? message : message.trim();
}
