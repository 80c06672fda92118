/**
 * The numbers of connections, in a row each of a few large blocks of memory: a hundred thousand objects with as many fields would
 * take five times as much, and the garbage collector's time at each refresh.
 */

/**
 * Where a field is in a row of 64-bit numbers. NaN stands for undefined. What each refresh reads or writes comes first, so that
 * it is in as few lines of the CPU's cache as can be.
 */
export const Double = {
  cookie: 0,
  seenToNs: 1,
  sampledNs: 2,
  activeNs: 3,
  bytesSent: 4,
  bytesReceived: 5,
  packetsSent: 6,
  packetsReceived: 7,
  sendRate: 8,
  receiveRate: 9,
  retransmits: 10,
  startedNs: 11,
  // The words come between.
  id: 23,
  cgroupId: 24,
  flowNs: 25,
  processNs: 26,
  createdNs: 27,
  baselineSent: 28,
  baselineReceived: 29,
  baselineRetransmits: 30,
} as const;

/** Where a field is in a row of 32-bit words. */
export const Word = {
  flags: 24,
  generation: 25,
  walkPosition: 26,
  /** 0: undefined; else one more than the version. */
  processVersion: 27,
  inode: 28,
  interfaceIndex: 29,
  srttUs: 30,
  /** Network namespace, interface, addresses and ports: see tuple.ts. */
  ends: 31,
  /** The flow id, where it has the usual form: see flow-ids.ts. */
  flow: 42,
} as const;

/** 64-bit numbers of a row, with the words in them. */
export const ROW_DOUBLES = 32;
/** Rows of a block of live connections, and of those that have ended: one of these keeps the whole block in memory. */
const LIVE_ROWS = 1_024;
const ENDED_ROWS = 32;

/** Memory for some rows. */
export interface Block {
  readonly doubles: Float64Array;
  readonly words: Uint32Array;
}

/** Where a row is. */
export interface RowPlace {
  readonly block: Block;
  /** The number of 64-bit numbers before it. */
  readonly at: number;
}

function newBlock(rows: number): Block {
  const buffer = new ArrayBuffer(rows * ROW_DOUBLES * 8);
  return { doubles: new Float64Array(buffer), words: new Uint32Array(buffer) };
}

/** Copies a row to a place. */
export function copyRow(from: RowPlace, to: RowPlace): void {
  const { doubles } = from.block;
  for (let index = 0; index < ROW_DOUBLES; index++)
    to.block.doubles[to.at + index] = doubles[from.at + index]!;
}

/** Numbered rows, which can be given back. */
export class Rows {
  #blocks: Block[] = [];
  #free: number[] = [];
  #used = 0;

  /** The number of a row that nobody has; it may have old contents. */
  take(): number {
    return this.#free.pop() ?? this.#used++;
  }

  giveBack(number: number): void {
    this.#free.push(number);
    if (this.#free.length < this.#used) return;
    // The first one stays: where connections are few and short, each of them would get a new one.
    this.#blocks.length = Math.min(this.#blocks.length, 1);
    this.#free.length = 0;
    this.#used = 0;
  }

  place(number: number): RowPlace {
    const index = Math.floor(number / LIVE_ROWS);
    this.#blocks[index] ??= newBlock(LIVE_ROWS);
    return { block: this.#blocks[index], at: (number % LIVE_ROWS) * ROW_DOUBLES };
  }
}

/** Rows that are never given back: the memory goes with the last object that refers to its block. */
export class LooseRows {
  #block = newBlock(ENDED_ROWS);
  #used = 0;

  take(): RowPlace {
    if (this.#used === ENDED_ROWS) {
      this.#block = newBlock(ENDED_ROWS);
      this.#used = 0;
    }
    return { block: this.#block, at: this.#used++ * ROW_DOUBLES };
  }
}
