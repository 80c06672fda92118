/** Which process has a connection, asked about at each refresh. */
import type { ConnectionProcess } from '../records/record.js';
import type { FindProcess } from './connection.js';
import type { Entry } from './entry.js';

/** Asks for the processes of one refresh: most connections have the same few. */
export class ProcessQuestions {
  readonly #find: FindProcess;
  readonly #version: number | undefined;
  /** Processes that run on as they were. */
  readonly #same = new Set<ConnectionProcess>();

  constructor(find: FindProcess) {
    this.#find = find;
    this.#version = find.version;
  }

  /** Finds the process of an entry, whose socket has this inode. */
  ask(entry: Entry, inode: number): void {
    const { process } = entry;
    const isUnchanged = this.#version !== undefined && entry.processVersion === this.#version;
    if (process !== undefined && isUnchanged && this.#isSame(process)) return;
    const found = this.#find(inode, process, entry.processNs) ?? process;
    if (found?.pid !== process?.pid) entry.processNs = undefined;
    entry.process = found;
    entry.processVersion = this.#version;
  }

  #isSame(process: ConnectionProcess): boolean {
    if (this.#same.has(process)) return true;
    // Where that is not known, it counts as the same.
    if (this.#find.isSame?.(process) === false) return false;
    this.#same.add(process);
    return true;
  }
}
