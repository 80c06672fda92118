/**
 * Entries that need no look while their sockets stay as they are: then all that a walk brings is that the socket was seen. Nothing else
 * of the entry is touched but its marks, since each lies far from the next one in memory.
 */
import { type DiagSocket, walkKeyWord } from '../sockets/index.js';
import type { FindProcess } from './connection.js';
import type { Entries } from './entries.js';
import type { Entry } from './entry.js';
import { SHORTEST_SAMPLE_NS } from './figures.js';
import { MARK_WORDS, Mark, rowInBlock } from './rows.js';
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
    const block = number < 0 ? undefined : this.#entries.rows.blockOf(number);
    if (block === undefined) return false;
    const { marks, markDoubles } = block;
    const at = rowInBlock(number) * MARK_WORDS;
    const steady = marks[at + Mark.steady]!;
    if (steady === 0 || !this.#processes.isSteady(steady, key[walkKeyWord.inode]!)) return false;
    marks[at + Mark.generation] = this.#generation;
    const sampledAt = (at + Mark.sampledNs) >>> 1;
    if (this.#nowNs - markDoubles[sampledAt]! >= SHORTEST_SAMPLE_NS) markDoubles[sampledAt] = this.#nowNs;
    this.#order.pass(number);
    return true;
  }

  /** An entry has all that is to be known of its socket: from now on it is steady, if it can be. */
  mark(entry: Entry, { cookie, inode }: DiagSocket): void {
    const key = this.#key;
    const isItsKey = key !== undefined && isCookie(key, cookie) && this.#order.hasKey(entry);
    // While it moves, its rates still have to become 0; interfaces are renamed.
    const isQuiet = entry.send_rate === 0 && entry.receive_rate === 0 && entry.interface_index === 0;
    const canBeSteady = isItsKey && isQuiet && entry.direction !== undefined;
    entry.steady = canBeSteady ? this.#processes.numberOf(entry.process, inode) : 0;
  }
}

/** Whether a key is of the socket with this cookie. */
function isCookie(key: Uint32Array, cookie: number): boolean {
  const { cookie: at } = walkKeyWord;
  return key[at]! + key[at + 1]! * 4_294_967_296 === cookie;
}
