/**
 * Entries that need no look while their sockets stay as they are: then all that a walk brings is that the socket was seen. Nothing else
 * of the entry is touched, since each lies far from the next one in memory.
 */
import { type DiagSocket, walkKeyWord } from '../sockets/index.js';
import type { FindProcess } from './connection.js';
import type { Entries } from './entries.js';
import type { Entry } from './entry.js';
import { SHORTEST_SAMPLE_NS } from './figures.js';
import { rowInBlock } from './rows.js';
import { SteadyProcesses } from './steady-processes.js';
import type { WalkOrder } from './walk-order.js';

export class SteadyEntries {
  readonly #entries: Entries;
  readonly #order: WalkOrder;
  readonly #processes = new SteadyProcesses();
  #generation = 0;
  #nowNs = 0;
  /** The key of the socket that comes next, where a walk has shown it. */
  #key: Uint32Array | undefined;

  constructor(entries: Entries, order: WalkOrder) {
    this.#entries = entries;
    this.#order = order;
  }

  /** Begins a refresh. */
  begin(findProcess: FindProcess | undefined, generation: number, nowNs: number): void {
    this.#processes.begin(findProcess);
    this.#generation = generation;
    this.#nowNs = nowNs;
    this.#key = undefined;
  }

  /** Whether the socket that a walk has found is that of a steady entry, and as it was. */
  pass(key: Uint32Array): boolean {
    this.#key = key;
    const number = this.#order.unchanged(key);
    if (number < 0) return false;
    const { generations, sampledNs, steady } = this.#entries.rows.blockOf(number)!;
    const row = rowInBlock(number);
    if (!this.#processes.isSteady(steady[row]!, key[walkKeyWord.inode]!)) return false;
    generations[row] = this.#generation;
    if (this.#nowNs - sampledNs[row]! >= SHORTEST_SAMPLE_NS) sampledNs[row] = this.#nowNs;
    this.#order.pass(number);
    return true;
  }

  /** An entry has all that is to be known of its socket: from now on it is steady, if it can be. */
  mark(entry: Entry, { cookie, inode }: DiagSocket): void {
    const key = this.#key;
    const isItsKey = key !== undefined && isCookie(key, cookie);
    // While it moves, its rates still have to become 0; interfaces are renamed.
    const isQuiet = entry.send_rate === 0 && entry.receive_rate === 0 && entry.interface_index === 0;
    const canBeSteady = isItsKey && isQuiet && entry.direction !== undefined;
    entry.steady = canBeSteady ? this.#processes.numberOf(entry.process, inode) : 0;
    if (entry.steady !== 0) entry.setKey(key!);
  }
}

/** Whether a key is of the socket with this cookie. */
function isCookie(key: Uint32Array, cookie: number): boolean {
  const { cookie: at } = walkKeyWord;
  return key[at]! + key[at + 1]! * 4_294_967_296 === cookie;
}
