/** The history in a folder: stores batches, keeps what retention allows, answers questions. */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { OptionError } from '@weir/ebpf/errors';
import { DiskFullError, ReadOnlyError } from '../errors.js';
import type { Batch, LossRow } from '../schema/index.js';
import type { RowWriter } from './append-rows.js';
import { checkBatch, rowsOf } from './batch-rows.js';
import { readRetentionTime } from './catalog.js';
import type { StoreContext } from './context.js';
import { inTransaction } from './database.js';
import type { Epochs } from './epochs.js';
import { failureKind, mayBeDamage } from './failure-kind.js';
import { removeFolder } from './files.js';
import { layoutOf } from './layout.js';
import { type Kept, keep, type MaintenanceReport, makeRoom } from './maintenance.js';
import { Mutex } from './mutex.js';
import type { OpenDatabase } from './open-database.js';
import { openFile, openForReading, openForWriting } from './opening.js';
import { type CheckedOptions, checkOptions, type StoreInternals, type StoreOptions } from './options.js';
import { Readers } from './readers.js';
import { type Damage, lossOf, setAside } from './recover.js';
import { RetentionClock } from './retention-clock.js';
import { segmentProblem } from './segment-file.js';
import type { HistoryReader, ReadOptions, Session } from './session.js';
import { type StoreStatus, statusOf } from './store-status.js';

/** A batch is tried again this often, each time after room was made or the database was opened anew. */
const MOST_TRIES = 200;

/** Milliseconds after which a question looks again whether the database is open. */
const REOPEN_MS = 10;

/** The history in a folder. */
export class HistoryStore implements HistoryReader {
  readonly #options: CheckedOptions;
  readonly #context: StoreContext;
  readonly #appending = new Mutex();
  readonly #maintaining = new Mutex();
  readonly #readers = new Readers();
  readonly #unreadable = new Set<string>();
  readonly #losses: LossRow[] = [];
  #database!: OpenDatabase;
  #writers!: ReadonlyMap<string, RowWriter>;
  #epochs!: Epochs;
  #readOnly: boolean;
  #kept: Kept = { clock: new RetentionClock() };
  /** Replaced, and counted, when the database had to be opened anew. */
  #generation = 0;
  #closing = false;

  private constructor(options: CheckedOptions) {
    this.#options = options;
    this.#readOnly = options.readOnly;
    const { folder, owner, schema, step, notice } = options;
    this.#context = { layout: layoutOf(folder, options.readOnly), owner, schema, step, notice };
  }

  /**
   * Opens a history, or begins one. What a crash left half done is finished or undone; damaged segments are set aside.
   *
   * @throws HistoryInUseError while another process has it open; ReadOnlyError on a read-only disk; OptionError.
   */
  static async open(options: StoreOptions & StoreInternals): Promise<HistoryStore> {
    const store = new HistoryStore(checkOptions(options));
    await (store.#readOnly ? store.#openForReading() : store.#openForWriting());
    return store;
  }

  async #openForWriting(): Promise<void> {
    this.#database = await openForWriting(this.#context, this.#options);
    this.#writers = await this.#database.writers(this.#context.schema);
    this.#epochs = await this.#database.epochs();
    const { maintaining } = this.#database;
    this.#kept = { clock: new RetentionClock(await readRetentionTime(maintaining, this.watermark)) };
  }

  async #openForReading(): Promise<void> {
    const { database, damage } = await openForReading(this.#context, this.#options);
    this.#database = database;
    for (const each of damage) this.#exclude(each);
    this.#epochs = await database.epochs();
  }

  /** Answers go without a segment that cannot be set aside. */
  #exclude(damage: Damage): void {
    this.#unreadable.add(damage.segment.name);
    this.#losses.push(lossOf(damage));
  }

  /** Its folder. */
  get folder(): string {
    return this.#options.folder;
  }

  /** Up to here all events are in, nanoseconds since 1970; undefined before the first batch. */
  get watermark(): bigint | undefined {
    return this.#epochs.watermark;
  }

  /** The number of the last stored batch of an epoch; 0: none is stored. */
  lastNumber(epoch: string): number {
    return this.#epochs.lastNumber(epoch);
  }

  /** A batch will never be stored, and its collector has counted that: the next one leaves no gap. */
  skip(batch: Pick<Batch, 'epoch' | 'number'>): void {
    this.#epochs.skip(batch);
  }

  /** Whether it can only be read, from the beginning or since its disk became read-only. */
  get readOnly(): boolean {
    return this.#readOnly;
  }

  /**
   * Stores a batch as a whole, once: when this returns, it is on the disk.
   *
   * @returns false where it was stored before.
   * @throws DiskFullError when there is no room and nothing is left that could be removed: offer it again later.
   * ReadOnlyError; OptionError for rows that make no sense.
   */
  append(batch: Batch): Promise<boolean> {
    checkBatch(batch);
    return this.#appending.run(async () => {
      for (let tries = 0; ; tries++) {
        if (this.#readOnly) throw new ReadOnlyError(`${this.#options.folder} can only be read`);
        const generation = this.#generation;
        try {
          return await this.#appendOnce(batch);
        } catch (error) {
          if (tries === MOST_TRIES || !(await this.#handleFailure(error, generation))) throw error;
        }
      }
    });
  }

  async #appendOnce(batch: Batch): Promise<boolean> {
    if (this.#epochs.has(batch)) return false;
    const { step, schema } = this.#context;
    const connection = this.#database.appending;
    const losses = [...this.#epochs.lossesBefore(batch), ...(batch.losses ?? [])];
    const rows = rowsOf(batch, losses);
    await inTransaction(connection, async () => {
      for (const table of Object.keys(schema.tables))
        await this.#writers.get(table)!.append(connection, rows.get(table) ?? []);
      await step('append:rows');
    });
    for (const writer of this.#writers.values()) writer.stored?.();
    this.#epochs.add(batch);
    await step('append:committed');
    return true;
  }

  /**
   * Copies full hours to segments, and removes what retention does not allow. To be called about once a minute; it runs beside
   * appends and questions.
   */
  maintain(): Promise<MaintenanceReport> {
    return this.#maintaining.run(async () => {
      for (let tries = 0; ; tries++) {
        if (this.#readOnly) throw new ReadOnlyError(`${this.#options.folder} can only be read`);
        const generation = this.#generation;
        try {
          const report = await keep(this.#maintenance());
          if (report.copied.length > 0) for (const writer of this.#writers.values()) writer.copied?.();
          return report;
        } catch (error) {
          if (tries === MOST_TRIES || !(await this.#recoverInMaintenance(error, generation))) throw error;
        }
      }
    });
  }

  #maintenance() {
    return {
      context: this.#context,
      connection: this.#database.maintaining,
      watermark: this.#epochs.watermark,
      retention: this.#options.retention,
      minimumFreeBytes: this.#options.minimumFreeBytes,
      uptimeMs: this.#options.uptimeMs,
      readers: this.#readers,
      kept: this.#kept,
    };
  }

  /** @returns whether what failed should be tried again. */
  #handleFailure(error: unknown, generation: number): Promise<boolean> {
    return this.#maintaining.run(() => this.#recoverInMaintenance(error, generation));
  }

  async #recoverInMaintenance(error: unknown, generation: number): Promise<boolean> {
    if (error instanceof OptionError) return false;
    // Whatever it was, the database was opened anew since: in the middle of this, perhaps.
    if (generation !== this.#generation) return true;
    const kind = failureKind(error);
    if (kind !== 'full' && kind !== 'read-only' && kind !== 'invalidated') return false;
    const { folder } = this.#options;
    if (kind === 'read-only') {
      await this.#reopen(true);
      this.#context.notice({
        kind: 'read-only',
        message: `${folder} became read-only: nothing is stored any more`,
      });
      throw new ReadOnlyError(`${folder} can only be read: its disk became read-only`);
    }
    if (kind === 'full') {
      const isUsable = await this.#database.isUsable();
      if (!isUsable) await this.#reopen(false);
      if (await this.#makeRoom()) return true;
      throw new DiskFullError(`the disk of ${folder} is full, and no segment is left that could be removed`);
    }
    await this.#reopen(false);
    return true;
  }

  async #makeRoom(): Promise<boolean> {
    try {
      return await makeRoom(this.#maintenance());
    } catch (error) {
      // Others took what was given back.
      if (failureKind(error) === 'full') return false;
      throw error;
    }
  }

  /** After an error that DuckDB cannot recover from. */
  async #reopen(readOnly: boolean): Promise<void> {
    this.#generation++;
    this.#closing = true;
    try {
      await this.#readers.drained();
      this.#database.close();
      this.#readOnly = readOnly;
      this.#database = await openFile(this.#context, this.#options, readOnly);
      if (!readOnly) this.#writers = await this.#database.writers(this.#context.schema);
      this.#epochs = await this.#database.epochs();
    } finally {
      this.#closing = false;
    }
  }

  async read<T>(question: (session: Session) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    for (let tries = 0; ; tries++) {
      while (this.#closing) await setTimeout(REOPEN_MS);
      const generation = this.#generation;
      const answer = await this.#readers.run(() => this.#database.read(this.#sources(), question, options));
      if ('result' in answer) return answer.result;
      const { error, session } = answer;
      if (tries === 2 || !(await this.#afterReadError(error, session, generation))) throw error;
    }
  }

  #sources() {
    const { schema, layout } = this.#context;
    return {
      schema,
      segmentsFolder: layout.segments,
      temporary: layout.temporary,
      unreadable: this.#unreadable,
      losses: this.#losses,
    };
  }

  /** @returns whether the question should be asked again. */
  async #afterReadError(error: unknown, session: Session | undefined, generation: number): Promise<boolean> {
    const kind = failureKind(error);
    if (kind === 'invalidated') return this.#handleFailure(error, generation);
    if (kind === 'missing' || generation !== this.#generation) return true;
    if (session === undefined || !mayBeDamage(error)) return false;
    return this.#maintaining.run(() => this.#findDamaged(session));
  }

  /** Sets segments aside that cannot be read. @returns whether there were any. */
  async #findDamaged(session: Session): Promise<boolean> {
    let found = false;
    for (const segment of session.used) {
      const path = join(this.#context.layout.segments, segment.name);
      const problem = segmentProblem(path, segment.bytes) ?? (await this.#database.inspect(path));
      if (problem === undefined) continue;
      found = true;
      if (this.#readOnly) this.#exclude({ segment, problem });
      else await setAside(this.#context, this.#database.maintaining, { segment, problem });
    }
    return found;
  }

  /** What it has, and how much room that takes. */
  status(): Promise<StoreStatus> {
    const { layout } = this.#context;
    return this.read(async (session) => statusOf(session, layout, this.#readOnly, this.watermark));
  }

  /** Ends it. Questions that are being answered are waited for. */
  async close(): Promise<void> {
    await this.#appending.run(() =>
      this.#maintaining.run(async () => {
        await this.#readers.drained();
        this.#database.close();
        if (this.#options.readOnly) await removeFolder(this.#context.layout.temporary);
      }),
    );
  }
}
