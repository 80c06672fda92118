/** Processes whose sockets need no question, as long as they run on as they were and are known to have these sockets. */
import type { ConnectionProcess } from '../records/record.js';
import type { FindProcess } from './connection.js';

/** With more, all are asked about once more: among them are processes that have ended. */
const LIMIT = 16_384;

/** Whether a process runs on as it was: not asked yet in this refresh, or the answer. */
const NOT_ASKED = 0;
const RUNS = 1;
const ENDED = 2;

export class SteadyProcesses {
  #find: FindProcess | undefined;
  #version: number | undefined;
  /** Whether descriptors were looked at since the last refresh. */
  #isNewLook = false;
  /** The number for sockets that no process is asked for; processes come behind it. Lower ones are no longer valid. */
  #base = 1;
  #processes: ConnectionProcess[] = [];
  readonly #numbers = new Map<ConnectionProcess, number>();
  readonly #answers = new Uint8Array(LIMIT);

  /** Begins a refresh. */
  begin(find: FindProcess | undefined): void {
    if (find !== this.#find || this.#processes.length === LIMIT) this.#forgetAll();
    this.#find = find;
    this.#isNewLook = find?.version !== this.#version;
    this.#version = find?.version;
    this.#answers.fill(NOT_ASKED);
  }

  /** A number for the process of a socket that was just asked about; 0 where it has to be asked about again. */
  numberOf(process: ConnectionProcess | undefined, inode: number): number {
    if (inode === 0 || this.#find === undefined) return this.#base;
    if (process === undefined || this.#version === undefined) return 0;
    const known = this.#numbers.get(process);
    if (known !== undefined) return known;
    if (this.#processes.length === LIMIT) return 0;
    this.#processes.push(process);
    const number = this.#base + this.#processes.length;
    this.#numbers.set(process, number);
    return number;
  }

  /** Whether the socket needs no question now. */
  isSteady(number: number, inode: number): boolean {
    const index = number - this.#base - 1;
    if (index < 0) return index === -1;
    if (!this.#runs(index)) return false;
    return !this.#isNewLook || this.#find?.hasSocket?.(inode, this.#processes[index]!) === true;
  }

  #runs(index: number): boolean {
    if (this.#answers[index] === NOT_ASKED) {
      // Where that is not known, it counts as the same.
      const isSame = this.#find?.isSame?.(this.#processes[index]!) !== false;
      this.#answers[index] = isSame ? RUNS : ENDED;
    }
    return this.#answers[index] === RUNS;
  }

  #forgetAll(): void {
    this.#base += this.#processes.length + 1;
    this.#processes = [];
    this.#numbers.clear();
  }
}
