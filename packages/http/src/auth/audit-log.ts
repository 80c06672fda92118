/** What was done by admins, which logins failed, and what was refused: one JSON object a line, in two files of bounded size. */
import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** Something that is remembered. */
export interface AuditEntry {
  readonly event: 'request' | 'login_failed' | 'blocked' | 'refused' | 'token_added' | 'token_removed';
  /** What was refused: the last part of the problem's type. */
  readonly kind?: string;
  /** How many of this kind were refused since the last entry with this address; absent for one. */
  readonly count?: number;
  /** The address of the client; absent on a Unix socket. */
  readonly address?: string;
  /** Who it was. */
  readonly principal?: string;
  /** Absent where it was no request, as are `path` and `status`. */
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly detail?: string;
}

/** Where entries are written to. */
export interface AuditSink {
  /** Writes an entry. */
  add(entry: AuditEntry): void;
}

const DEFAULT_MAX_BYTES = 10_000_000;
const MAX_TEXT = 1000;

/** Appends to a file; when that is long, it becomes `FILE.1`, and a new one is begun. */
export class AuditLog implements AuditSink, Disposable {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #onProblem: (message: string) => void;
  #fd: number;
  #bytes: number;

  /** Opens the file, for its owner only. @throws Error of the system */
  constructor(path: string, onProblem: (message: string) => void, maxBytes = DEFAULT_MAX_BYTES) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#onProblem = onProblem;
    this.#fd = open(path);
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** Appends an entry. Where the disk is full that is reported, and the request goes on. */
  add(entry: AuditEntry, time = new Date()): void {
    const shortened = { ...entry, ...(entry.path !== undefined && { path: entry.path.slice(0, MAX_TEXT) }) };
    const line = Buffer.from(`${JSON.stringify({ time: time.toISOString(), ...shortened })}\n`);
    try {
      if (this.#bytes > 0 && this.#bytes + line.length > this.#maxBytes) this.#rotate();
      this.#bytes += writeSync(this.#fd, line);
    } catch (error) {
      this.#onProblem(`the audit log ${this.#path} cannot be written: ${(error as Error).message}`);
    }
  }

  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`);
    const fd = open(this.#path);
    closeSync(this.#fd);
    this.#fd = fd;
    this.#bytes = 0;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function open(path: string): number {
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
  return openSync(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
}
