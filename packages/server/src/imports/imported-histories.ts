/** Files that were imported: each in a process of its own, a few at a time, for as long as they are asked. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ProblemError } from '@weir/http/api';
import type { ApiHistory, ImportedFiles } from '../api/history.js';
import type { ImportProcess } from './import-protocol.js';
import { LocalImport } from './local-import.js';
import { RemoteHistory } from './remote-history.js';

/** How files are opened. */
export interface ImportOptions {
  /** A folder for what is unpacked. */
  readonly temporaryFolder: string;
  /** Starts the process. Default: `import-main.js` beside this file, or none where this user cannot read that. */
  readonly start?: () => ChildProcess;
}

const MAX_FILES = 4;
const IDLE_MS = 3_600_000;
const OPEN_TIMEOUT_MS = 60_000;

/** Files that are open. */
export class ImportedHistories implements ImportedFiles, Disposable {
  readonly #options: ImportOptions;
  readonly #files = new Map<string, { readonly remote: RemoteHistory; readonly idle: NodeJS.Timeout }>();
  #opening = 0;

  /** Makes a set with no file. */
  constructor(options: ImportOptions) {
    this.#options = options;
  }

  get(id: string): ApiHistory | undefined {
    const file = this.#files.get(id);
    if (file === undefined) return undefined;
    file.idle.refresh();
    if (!file.remote.hasEnded) return file.remote.history;
    this.#remove(id);
    return undefined;
  }

  async add(path: string) {
    if (this.#files.size + this.#opening >= MAX_FILES)
      throw new ProblemError(
        'busy',
        `${MAX_FILES} imported files are open: they are closed when nobody asks them`,
      );
    this.#opening++;
    try {
      const { remote, range } = await this.#open(path);
      const id = randomBytes(16).toString('hex');
      const idle = setTimeout(() => this.#remove(id), IDLE_MS).unref();
      this.#files.set(id, { remote, idle });
      return { id, range };
    } finally {
      this.#opening--;
    }
  }

  async #open(path: string) {
    const { start, temporaryFolder } = this.#options;
    const child = start === undefined ? startProcess() : start();
    const timer = setTimeout(() => child.kill('SIGKILL'), OPEN_TIMEOUT_MS);
    try {
      return await RemoteHistory.open(child, path, temporaryFolder);
    } finally {
      clearTimeout(timer);
    }
  }

  #remove(id: string): void {
    const file = this.#files.get(id);
    if (file === undefined) return;
    clearTimeout(file.idle);
    file.remote[Symbol.dispose]();
    this.#files.delete(id);
  }

  /** Closes all files. */
  [Symbol.dispose](): void {
    for (const id of [...this.#files.keys()]) this.#remove(id);
  }
}

function startProcess(): ImportProcess {
  const script = fileURLToPath(new URL('import-main.js', import.meta.url));
  // Such as a clone in /root, which the server's user cannot read.
  if (!canRun(script)) return new LocalImport();
  return fork(script, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: {} });
}

function canRun(script: string): boolean {
  try {
    accessSync(process.execPath, constants.X_OK);
    accessSync(script, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
