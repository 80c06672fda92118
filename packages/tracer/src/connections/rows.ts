/**
 * The numbers of connections, in a row each of a few large blocks of memory: a hundred thousand objects with as many fields would
 * take five times as much, and the garbage collector's time at each refresh. What a refresh reads and writes of connections that are as
 * they were is not in rows but beside them, where those of several connections share a line of the CPU's cache.
 */

/**
 * Where a field is in a row of 64-bit numbers. NaN stands for undefined. What a refresh reads or writes comes first, so that
 * it is in as few lines of the CPU's cache as can be.
 */
export const Double = {
  cookie: 0,
  activeNs: 1,
  bytesSent: 2,
  bytesReceived: 3,
  packetsSent: 4,
  packetsReceived: 5,
  sendRate: 6,
  receiveRate: 7,
  retransmits: 8,
  startedNs: 9,
  // The words come between.
  id: 20,
  cgroupId: 21,
  flowNs: 22,
  processNs: 23,
  createdNs: 24,
  baselineSent: 25,
  baselineReceived: 26,
  baselineRetransmits: 27,
} as const;

/** Where a field is in a row of 32-bit words. */
export const Word = {
  flags: 20,
  /** 0: undefined; else one more than the version. */
  processVersion: 21,
  inode: 22,
  interfaceIndex: 23,
  srttUs: 24,
  /** Network namespace, interface, addresses and ports: see tuple.ts. */
  ends: 25,
  /** The flow id, where it has the usual form: see flow-ids.ts. */
  flow: 36,
} as const;

/** Where the marks of a row are, counted in 32-bit words; the time is one of 64 bits. */
export const Mark = {
  /** When the bytes for the rates were read. */
  sampledNs: 0,
  /** The refresh that last found its socket. */
  generation: 2,
  /** See {@link RowFields.steady}. */
  steady: 3,
} as const;

/** Words of a row's marks. */
export const MARK_WORDS = 4;

/** 64-bit numbers of a row, with the words in them. */
export const ROW_DOUBLES = 28;
/** Rows of a block of live connections, and of those that have ended: one of these keeps the whole block in memory. */
const LIVE_ROWS_BITS = 10;
const LIVE_ROWS = 1 << LIVE_ROWS_BITS;
const ENDED_ROWS = 32;

/** Memory for some rows, and what is beside them. */
export interface Block {
  readonly doubles: Float64Array;
  readonly words: Uint32Array;
  /** {@link Mark}s of all rows, and the same memory as 64-bit numbers. */
  readonly marks: Uint32Array;
  readonly markDoubles: Float64Array;
  /** The end of the refresh that last found its socket, an element for each row. */
  readonly seenToNs: Float64Array;
  /** Where its socket came in the last walk in which it did, an element for each row. */
  readonly walkPositions: Uint32Array;
}

/** Where a row is. */
export interface RowPlace {
  readonly block: Block;
  /** The number of rows before it. */
  readonly row: number;
}

function newBlock(rows: number): Block {
  const buffer = new ArrayBuffer(rows * ROW_DOUBLES * 8);
  const marks = new ArrayBuffer(rows * MARK_WORDS * 4);
  return {
    doubles: new Float64Array(buffer),
    words: new Uint32Array(buffer),
    marks: new Uint32Array(marks),
    markDoubles: new Float64Array(marks),
    seenToNs: new Float64Array(rows),
    walkPositions: new Uint32Array(rows),
  };
}

/** Copies a row to a place, where it is not steady. */
export function copyRow(from: RowPlace, to: RowPlace): void {
  const { doubles } = from.block;
  const target = to.block;
  for (let index = 0; index < ROW_DOUBLES; index++)
    target.doubles[to.row * ROW_DOUBLES + index] = doubles[from.row * ROW_DOUBLES + index]!;
  for (let mark = 0; mark < MARK_WORDS; mark++)
    target.marks[to.row * MARK_WORDS + mark] = from.block.marks[from.row * MARK_WORDS + mark]!;
  target.marks[to.row * MARK_WORDS + Mark.steady] = 0;
  target.seenToNs[to.row] = from.block.seenToNs[from.row]!;
  target.walkPositions[to.row] = from.block.walkPositions[from.row]!;
}

/** Numbered rows, which can be given back. */
export class Rows {
  readonly #blocks: Block[] = [];
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
    return { block: this.#blocks[index], row: number % LIVE_ROWS };
  }

  /** The block that a row is in; undefined for some that nobody has. */
  blockOf(number: number): Block | undefined {
    return this.#blocks[number >>> LIVE_ROWS_BITS];
  }

  /** Marks all rows that a refresh has found. @param onOther Called for others, of which nobody may have some. */
  markSeen(generation: number, seenToNs: number, onOther: (number: number) => void): void {
    for (const [index, block] of this.#blocks.entries()) {
      const { marks } = block;
      const end = Math.min(LIVE_ROWS, this.#used - index * LIVE_ROWS);
      for (let row = 0; row < end; row++) {
        if (marks[row * MARK_WORDS + Mark.generation] === generation) block.seenToNs[row] = seenToNs;
        else onOther(index * LIVE_ROWS + row);
      }
    }
  }
}

/** Where a live row is in the columns of its block. */
export function rowInBlock(number: number): number {
  return number & (LIVE_ROWS - 1);
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
    return { block: this.#block, row: this.#used++ };
  }
}
