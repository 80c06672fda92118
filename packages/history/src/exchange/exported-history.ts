/** An exported history, opened. Nothing in the file is trusted. */
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FormatError, OptionError } from '@weir/ebpf/errors';
import tar, { type Entry } from 'tar-stream';
import { DamagedHistoryError, HistoryError } from '../errors.js';
import { currentSchema, quoteText, RECENT, type Schema, selectList } from '../schema/index.js';
import { addSegment, prepareSchema, query } from '../store/catalog.js';
import { failureKind, mayBeDamage } from '../store/failure-kind.js';
import { hourOf } from '../store/layout.js';
import { OpenDatabase } from '../store/open-database.js';
import { segmentProblem } from '../store/segment-file.js';
import type { HistoryReader, ReadOptions, Session, TimeRange } from '../store/session.js';
import { checkTable } from './check-table.js';
import { MANIFEST, MANIFEST_BYTES, type Manifest, readManifest } from './manifest.js';

/** How to open an exported history. */
export interface ExportedOptions {
  /** Where it is unpacked, in a folder of its own that is removed when it is closed. Default: the system's temporary folder. */
  readonly temporary?: string;
  /** Bytes of the unpacked tables that are allowed. Default: 16 GiB. */
  readonly mostBytes?: number;
  /** Bytes for DuckDB's buffers. Default: 128 MiB. */
  readonly memoryBytes?: number;
}

const MIB = 2 ** 20;

/** Its files are for other programs, too: columns are as they are in tables. */
const exportedSchema: Schema = { ...currentSchema, compact: {} };

/**
 * An exported history. DuckDB reads its Parquet files with access to nothing else; as any reader of a complex format it may have
 * faults, so a server opens files of others in a process of their own.
 */
export class ExportedHistory implements HistoryReader {
  readonly #folder: string;
  readonly #database: OpenDatabase;
  /** The range that was exported. */
  readonly range: TimeRange;

  private constructor(folder: string, database: OpenDatabase, range: TimeRange) {
    this.#folder = folder;
    this.#database = database;
    this.range = range;
  }

  /** Opens a file. @throws FormatError for one that is damaged, or no exported history; OptionError if it cannot be read. */
  static async open(path: string, options: ExportedOptions = {}): Promise<ExportedHistory> {
    const { temporary = tmpdir(), mostBytes = 16 * 2 ** 30, memoryBytes = 128 * MIB } = options;
    const folder = await mkdtemp(join(temporary, 'weir-export-'));
    try {
      const manifest = await unpack(path, folder, mostBytes);
      if (manifest.schema > currentSchema.version)
        throw new FormatError(`${path} has version ${manifest.schema} of the schema: use a newer Weir`);
      const database = await openTables(path, folder, manifest, memoryBytes);
      return new ExportedHistory(folder, database, manifest.range);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      if (!(error instanceof FormatError) || error.message.startsWith(path)) throw error;
      throw new FormatError(`${path}: ${error.message}`, { cause: error });
    }
  }

  async read<T>(question: (session: Session) => Promise<T>, options: ReadOptions = {}): Promise<T> {
    const sources = {
      schema: exportedSchema,
      segmentsFolder: this.#folder,
      temporary: join(this.#folder, 'tmp'),
      unreadable: new Set<string>(),
      losses: [],
    };
    const answer = await this.#database.read(sources, question, options);
    if ('result' in answer) return answer.result;
    throw damageOf(answer.error, this.#folder);
  }

  /** Closes it and removes what was unpacked. */
  async close(): Promise<void> {
    this.#database.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Names the table that cannot be read, instead of the file to which it was unpacked. DuckDB says of most damage only what it is. */
function damageOf(error: unknown, folder: string): unknown {
  if (error instanceof OptionError || error instanceof HistoryError || !(error instanceof Error))
    return error;
  const [line = ''] = error.message.split('\n', 1);
  const isOfFile = line.includes(join(folder, '/')) && failureKind(error) !== 'full';
  if (!isOfFile && !mayBeDamage(error)) return error;
  const problem = withoutFolder(line, folder);
  return new DamagedHistoryError(`the exported history is damaged: ${problem}`, { cause: error });
}

/** The first line of a message, which names a table instead of its file. */
function withoutFolder(message: string, folder: string): string {
  return message.split('\n', 1)[0]!.replaceAll(join(folder, '/'), '');
}

/** Unpacks the tables. Only plain files with the names of tables are, each once. */
async function unpack(path: string, folder: string, mostBytes: number): Promise<Manifest> {
  const names = new Set(Object.keys(currentSchema.tables).map((table) => `${table}.parquet`));
  let manifest: Manifest | undefined;
  let left = mostBytes;
  const extract = tar.extract();
  const reading = pipeline(createReadStream(await plainFile(path)), extract);
  // What goes wrong there ends the loop below too.
  reading.catch(() => {});
  try {
    for await (const entry of extract) {
      const { name, type, size = 0 } = entry.header;
      // What is no number is read for ever.
      if (!Number.isSafeInteger(size) || size < 0)
        throw new FormatError(`${path}: ${JSON.stringify(name)} has no size`);
      left -= size;
      if (left < 0) throw new FormatError(`${path}: its tables have more than ${mostBytes} bytes`);
      if (type !== 'file') throw new FormatError(`${path}: ${JSON.stringify(name)} is no plain file`);
      if (name === MANIFEST && manifest === undefined) manifest = readManifest(await textOf(entry, size));
      else if (names.delete(name))
        await pipeline(entry, createWriteStream(join(folder, name), { flags: 'wx', mode: 0o600 }));
      else throw new FormatError(`${path}: ${JSON.stringify(name)} is not expected in it`);
    }
    await reading;
  } catch (error) {
    if (error instanceof FormatError || failureKind(error) === 'full') throw error;
    throw new FormatError(`${path} is no exported history: ${tarProblem(error as Error)}`, { cause: error });
  }
  if (manifest === undefined) throw new FormatError(`${path} is no exported history: it has no ${MANIFEST}`);
  const [missing] = names;
  if (missing !== undefined) throw new FormatError(`${path} is cut off: it has no ${missing}`);
  return manifest;
}

/** What tar-stream says, in words about this file. */
function tarProblem({ message }: Error): string {
  if (message.startsWith('Invalid tar header')) return 'it is no tar, or damaged, or compressed';
  return message === 'Unexpected end of data' ? 'it is cut off' : message;
}

/** @throws OptionError unless it is a file that can be read: a pipe would never end. */
async function plainFile(path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    await file.close();
    if (found.isFile()) return path;
  } catch (error) {
    throw new OptionError(`${path} cannot be read: ${(error as Error).message}`);
  }
  throw new OptionError(`${path} is no plain file`);
}

async function textOf(entry: Entry, size: number): Promise<string> {
  if (size > MANIFEST_BYTES) throw new FormatError(`${MANIFEST} has more than ${MANIFEST_BYTES} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function openTables(
  path: string,
  folder: string,
  { schema: version }: Manifest,
  memoryBytes: number,
): Promise<OpenDatabase> {
  const temporary = join(folder, 'tmp');
  await mkdir(temporary, { mode: 0o700 });
  const limits = { memoryBytes, threads: 2, temporaryBytes: 2 ** 30 };
  const database = await OpenDatabase.open({ readOnly: false, segments: folder, temporary, ...limits });
  try {
    await prepareSchema(database.maintaining, { schema: currentSchema, step: () => {} });
    for (const table of Object.keys(currentSchema.tables))
      await addTable(database, { folder, table, version, schema: currentSchema });
    return database;
  } catch (error) {
    database.close();
    if (error instanceof FormatError) throw error;
    const problem = withoutFolder((error as Error).message, folder);
    throw new FormatError(`${path} is damaged: ${problem}`, { cause: error });
  }
}

interface TableFile {
  readonly folder: string;
  readonly table: string;
  readonly version: number;
  readonly schema: Schema;
}

/** A large table is read where it is; a small one is copied into the database. */
async function addTable({ maintaining }: OpenDatabase, file: TableFile): Promise<void> {
  const { folder, table, version, schema } = file;
  const name = `${table}.parquet`;
  const problem = segmentProblem(join(folder, name));
  if (problem !== undefined) throw new FormatError(`${name}: ${problem}`);
  const source = `read_parquet(${quoteText(join(folder, name))})`;
  await checkTable(maintaining, { name: table, source, columns: schema.tables[table]!, version });
  if (!(schema.segmentTables as readonly string[]).includes(table)) {
    await maintaining.run(
      `INSERT INTO ${RECENT}.${table} BY NAME SELECT ${selectList(schema.tables[table]!, version)} FROM ${source}`,
    );
    return;
  }
  const [row] = await query(
    maintaining,
    `SELECT count(*), epoch_ns(min(time)), epoch_ns(max(time)) FROM ${source}`,
  );
  const [rows, from, to] = row as [bigint, bigint | null, bigint | null];
  if (from === null || to === null) return;
  const segment = {
    table,
    name,
    from,
    to,
    version,
    hour: hourOf(from),
    part: 1,
    rows: Number(rows),
    bytes: 0,
  };
  await addSegment(maintaining, segment);
}
