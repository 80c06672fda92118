/**
 * The log of balancers: files of lines, the newest of which is added to. Each file begins with the states of all balancers, so that it
 * can be read without those before it, which go when they are too old or there are too many bytes.
 */
import {
  appendFileSync,
  createReadStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { formatLine, headOf, type LogLine, parseLine, type StateLine } from './log-lines.js';

/** How much is kept. */
export interface LogRetention {
  /** Milliseconds. */
  readonly ageMs: number;
  /** Bytes of all files. */
  readonly bytes: number;
}

const FILE_BYTES = 2 * 1024 * 1024;
const FILE_MS = 86_400_000;

/** A file of the log. */
interface LogFile {
  readonly path: string;
  /** When it begins, milliseconds since 1970. */
  readonly from: number;
  bytes: number;
}

/** A log in a folder. */
export class BalancerLog {
  readonly #folder: string;
  readonly #retention: LogRetention;
  #files: LogFile[];
  /** A new process begins a new file, as does the first line after a failure: the last line of the one before may have no end. */
  #isNew = true;

  /** Opens it; a folder that cannot be read has no files. */
  constructor(folder: string, retention: LogRetention) {
    this.#folder = folder;
    this.#retention = retention;
    this.#files = filesIn(folder);
  }

  /** When it begins; undefined where it is empty. */
  get begins(): number | undefined {
    return this.#files[0]?.from;
  }

  /** The last state of each balancer, by name. @throws Error of the system */
  newestStates(): Map<string, StateLine> {
    const states = new Map<string, StateLine>();
    const file = this.#files.at(-1);
    if (file === undefined) return states;
    for (const text of readFileSync(file.path, 'utf8').split('\n')) {
      const kind = headOf(text)?.kind;
      if (kind === undefined || kind === 'minute') continue;
      const line = parseLine(text);
      if (line === undefined || line.kind === 'minute') continue;
      if (line.state === undefined) states.delete(line.name);
      else states.set(line.name, line);
    }
    return states;
  }

  /**
   * Adds lines.
   *
   * @param before All states before them, with which a new file begins.
   * @throws Error of the system; then they are not there, or torn
   */
  add(lines: readonly LogLine[], before: readonly StateLine[]): void {
    const [first] = lines;
    if (first === undefined) return;
    const last = this.#files.at(-1);
    const isFull = last !== undefined && (last.bytes >= FILE_BYTES || first.at - last.from >= FILE_MS);
    const begins = last === undefined || this.#isNew || isFull;
    const file = begins ? this.#next(first.at) : last;
    const text = [...(begins ? before.map(carried) : []), ...lines].map(formatLine).join('');
    this.#isNew = true;
    if (begins) mkdirSync(this.#folder, { recursive: true, mode: 0o750 });
    appendFileSync(file.path, text, { mode: 0o640 });
    file.bytes += Buffer.byteLength(text);
    this.#isNew = false;
    if (!begins) return;
    this.#files.push(file);
    this.#expire(first.at);
  }

  /** A name that is later than all others, also where the clock was set back. */
  #next(at: number): LogFile {
    const from = Math.max(Math.floor(at), (this.#files.at(-1)?.from ?? 0) + 1);
    return { path: join(this.#folder, `${from}.log`), from, bytes: 0 };
  }

  /** The newest file stays. A file ends where the next one begins. */
  #expire(now: number): void {
    let total = this.#files.reduce((sum, { bytes }) => sum + bytes, 0);
    while (this.#files.length > 1) {
      const [oldest, next] = this.#files as [LogFile, LogFile];
      const isOld = next.from < now - this.#retention.ageMs;
      if (!isOld && total <= this.#retention.bytes) return;
      rmSync(oldest.path, { force: true });
      total -= oldest.bytes;
      this.#files.shift();
    }
  }

  /**
   * The lines of a range, in order, after the last state of each balancer before it.
   *
   * @throws the signal's reason; Error of the system
   */
  async *read(from: number, to: number, signal?: AbortSignal): AsyncGenerator<LogLine, void> {
    const states = new Map<string, string>();
    let hasBegun = false;
    for (const file of this.#filesOf(from, to)) {
      for await (const text of linesOf(file.path)) {
        signal?.throwIfAborted();
        const head = headOf(text);
        if (head === undefined || head.at > to) continue;
        if (head.at < from) {
          if (head.kind !== 'minute') states.set(nameOf(text), text);
          continue;
        }
        if (!hasBegun) yield* parsed(states.values());
        hasBegun = true;
        yield* parsed([text]);
      }
    }
    if (!hasBegun) yield* parsed(states.values());
  }

  #filesOf(from: number, to: number): LogFile[] {
    return this.#files.filter(({ from: begin }, index) => {
      const end = this.#files[index + 1]?.from ?? Number.POSITIVE_INFINITY;
      return begin <= to && end >= from;
    });
  }
}

function filesIn(folder: string): LogFile[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d{1,16}\.log$/.test(name))
      .map((name) => {
        const path = join(folder, name);
        return { path, from: Number.parseInt(name, 10), bytes: statSync(path).size };
      })
      .sort((a, b) => a.from - b.from);
  } catch {
    return [];
  }
}

function carried(line: StateLine): StateLine {
  return { ...line, kind: 'carried' };
}

function nameOf(text: string): string {
  return /^\[[^,]*,"(?:state|carried)",("(?:[^"\\]|\\.)*")/.exec(text)?.[1] ?? '';
}

function* parsed(texts: Iterable<string>): Generator<LogLine, void> {
  for (const text of texts) {
    const line = parseLine(text);
    if (line !== undefined) yield line;
  }
}

/** A file that has gone meanwhile has no lines. */
async function* linesOf(path: string): AsyncGenerator<string, void> {
  try {
    yield* createInterface({
      input: createReadStream(path, 'utf8'),
      crlfDelay: Number.POSITIVE_INFINITY,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
