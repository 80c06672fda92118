/**
 * Where in time the rows of a long table are: blocks of time with the number of connections that ended in them. By them, any row is
 * found without reading those before it. Pure.
 */

/** A span of time with the connections in it. */
export interface Block {
  /** Nanoseconds since 1970. */
  readonly from: bigint;
  readonly to: bigint;
  count: number;
}

/** Connections of a step. */
export interface StepCount {
  /** When the step begins, nanoseconds since 1970. */
  readonly time: bigint;
  readonly connections: number;
}

/** How the rows are ordered. */
export type RowOrder = 'newest' | 'oldest';

/** Where a row is. */
export interface RowPlace {
  readonly block: Block;
  /** Its number in the block, from 0 on. */
  readonly offset: number;
}

/** Blocks with fewer connections are made one. */
const LEAST_BLOCK = 400;

/** Nanoseconds since 1970 of a time of the API. */
export function momentOf(text: string): bigint {
  const [, seconds = '', fraction = ''] = /^(.*:\d\d)(?:\.(\d+))?Z$/.exec(text) ?? [];
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}

/** A time as the API reads it. @param moment Nanoseconds since 1970 */
export function momentText(moment: bigint): string {
  const part = ((moment % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = new Date(Number((moment - part) / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${part.toString().padStart(9, '0')}Z`;
}

/** The blocks of a range, in order of time. They cover all of it: also a time without connections may get some later. */
export function blocksOf(
  range: { readonly from: bigint; readonly to: bigint },
  steps: readonly StepCount[],
): Block[] {
  const blocks: Block[] = [];
  let from = range.from;
  let count = 0;
  for (const { time, connections } of steps) {
    // The boundary is before a step that would make the block large.
    if (count > 0 && count + connections > LEAST_BLOCK && time > from) {
      blocks.push({ from, to: time, count });
      from = time;
      count = 0;
    }
    count += connections;
  }
  blocks.push({ from, to: range.to, count });
  return blocks;
}

/** Blocks in the order of rows, with the number of each one's first row. */
export class RowIndex {
  readonly order: RowOrder;
  #blocks: Block[];
  #starts: number[] = [];
  #total = 0;

  /** @param blocks In order of time */
  constructor(blocks: readonly Block[], order: RowOrder) {
    this.order = order;
    this.#blocks = order === 'newest' ? [...blocks].reverse() : [...blocks];
    this.#addUp();
  }

  /** How many rows there are. */
  get total(): number {
    return this.#total;
  }

  /** How many blocks there are. */
  get blockCount(): number {
    return this.#blocks.length;
  }

  /** Where a row is; undefined where there is none. */
  locate(row: number): RowPlace | undefined {
    if (row < 0 || row >= this.#total) return undefined;
    let [low, high] = [0, this.#blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= row) low = middle;
      else high = middle - 1;
    }
    return { block: this.#blocks[low]!, offset: row - this.#starts[low]! };
  }

  /** The number of a block's first row; undefined for a block that was split. */
  startOf(block: Block): number | undefined {
    const index = this.#blocks.indexOf(block);
    return index < 0 ? undefined : this.#starts[index];
  }

  /** A block has another number of connections than was known. */
  setCount(block: Block, count: number): void {
    block.count = count;
    this.#addUp();
  }

  /** A block becomes two. @param early Connections before the moment */
  split(block: Block, moment: bigint, early: number): void {
    const index = this.#blocks.indexOf(block);
    if (index < 0) return;
    const first = { from: block.from, to: moment, count: early };
    const second = { from: moment, to: block.to, count: Math.max(0, block.count - early) };
    this.#blocks.splice(index, 1, ...(this.order === 'newest' ? [second, first] : [first, second]));
    this.#addUp();
  }

  #addUp(): void {
    let sum = 0;
    // The last block that begins at a row has it: those before it are empty.
    this.#starts = this.#blocks.map(({ count }) => {
      const start = sum;
      sum += count;
      return start;
    });
    this.#total = sum;
  }
}
