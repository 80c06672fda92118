/** Rows of a long table: pages around the rows in sight are read, and pages far from them forgotten. */
import { type Block, momentText, type RowIndex, type RowPlace } from './row-index.js';

/** A page as the API gives it. */
export interface RowPage<Row> {
  readonly connections: readonly Row[];
  readonly next?: string;
}

/** A question for a page. */
export interface PageQuestion {
  /** As the API reads it. */
  readonly range: string;
  readonly limit: number;
  readonly cursor?: string;
  /** Rows before the page that are left out. */
  readonly skip?: number;
}

/** What asks the server. */
export interface RowSource<Row> {
  readonly readPage: (question: PageQuestion, signal: AbortSignal) => Promise<RowPage<Row>>;
  /** Connections that ended in a range. */
  readonly count: (range: string, signal: AbortSignal) => Promise<number>;
}

/** How a store is made. */
export interface RowStoreOptions<Row> {
  readonly index: RowIndex;
  readonly source: RowSource<Row>;
  /** Rows came, or their number changed. */
  readonly onChange: () => void;
  /** Undefined: it works again. */
  readonly onProblem: (error: unknown) => void;
  /** Rows are found by their number, and not by time. Default false. */
  readonly canSkip?: boolean;
  /** Rows of a page. Default 500. */
  readonly pageRows?: number;
  /** Pages that are kept. Default 24. */
  readonly mostPages?: number;
  /** Milliseconds after which a page is asked for again that failed. Default 1,000. */
  readonly againMs?: number;
}

interface Page<Row> {
  readonly block: Block;
  readonly number: number;
  readonly rows: readonly Row[];
}

/** A block with more pages is split before one is read that is far in: its pages are only found one after the other. */
const MOST_BLOCK_PAGES = 4;
/** A shorter time is not split. */
const LEAST_SPLIT_NS = 1_000n;
const MOST_LOADING = 2;

/** Rows by their numbers. */
export class RowStore<Row> {
  readonly index: RowIndex;
  readonly #options: Required<RowStoreOptions<Row>>;
  #pages: Page<Row>[] = [];
  /** Cursors of the pages of a block, as far as they are known; the first page has none. */
  readonly #cursors = new WeakMap<Block, (string | undefined)[]>();
  readonly #loading = new Map<string, AbortController>();
  readonly #blockIds = new WeakMap<Block, number>();
  #nextId = 0;
  #wanted = { first: 0, end: 0, isDown: true };
  #again: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #waiters: (() => void)[] = [];

  /** Makes a store that has read nothing yet. */
  constructor(options: RowStoreOptions<Row>) {
    this.index = options.index;
    this.#options = { canSkip: false, pageRows: 500, mostPages: 24, againMs: 1_000, ...options };
  }

  /** A row; undefined while it is not there. */
  row(number: number): Row | undefined {
    const place = this.index.locate(number);
    return place === undefined ? undefined : this.#pageAt(place)?.rows[this.#within(place)];
  }

  /** Rows that are kept. */
  get rowsKept(): number {
    return this.#pages.reduce((sum, { rows }) => sum + rows.length, 0);
  }

  /** Rows from one to before another are in sight: they are read, then those around them. */
  want(first: number, end: number): void {
    const isDown = first >= this.#wanted.first;
    this.#wanted = { first, end, isDown };
    // A page that has been scrolled past need not come.
    const near = new Set(this.#rowsAround().map((row) => this.#keyOf(row)));
    for (const [key, controller] of this.#loading) if (!near.has(key)) controller.abort();
    this.#go();
  }

  /** Waits for rows, and returns them: fewer where the table ends before. */
  async rows(first: number, end: number, signal = new AbortController().signal): Promise<readonly Row[]> {
    const read: Row[] = [];
    for (let row = first; row < Math.min(end, this.index.total); ) {
      const found = this.index.locate(row)!;
      const page = this.#pageAt(found) ?? (await this.#read(row, signal));
      const start = this.#within(this.index.locate(row) ?? found);
      const rest = page?.rows.slice(start, start + end - row) ?? [];
      if (rest.length === 0) break;
      read.push(...rest);
      row += rest.length;
    }
    return read;
  }

  /** Waits until the rows in sight are there, or it failed. */
  async shown(): Promise<void> {
    while (!this.#isClosed && this.#missing(this.#between(this.#wanted.first, this.#wanted.end)).length > 0)
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Nothing is read any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#again);
    for (const controller of this.#loading.values()) controller.abort();
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  #pageNumber({ offset }: RowPlace): number {
    return Math.floor(offset / this.#options.pageRows);
  }

  #within({ offset }: RowPlace): number {
    return offset % this.#options.pageRows;
  }

  #pageAt(place: RowPlace): Page<Row> | undefined {
    const number = this.#pageNumber(place);
    return this.#pages.find((page) => page.block === place.block && page.number === number);
  }

  /** Names the page of a row. */
  #keyOf(row: number): string {
    const place = this.index.locate(row)!;
    let id = this.#blockIds.get(place.block);
    if (id === undefined) {
      id = this.#nextId++;
      this.#blockIds.set(place.block, id);
    }
    return `${id} ${this.#pageNumber(place)}`;
  }

  /** The first row of each page between two rows. */
  #between(first: number, end: number): number[] {
    const rows: number[] = [];
    for (let row = Math.max(0, first); row < Math.min(end, this.index.total); ) {
      const place = this.index.locate(row)!;
      rows.push(row);
      const { block, offset } = place;
      row += Math.max(1, Math.min(this.#options.pageRows - this.#within(place), block.count - offset));
    }
    return rows;
  }

  #missing(rows: readonly number[]): number[] {
    return rows.filter((row) => this.#pageAt(this.index.locate(row)!) === undefined);
  }

  /** Rows whose pages are to be there: those in sight, those to which the table is scrolled, those behind. */
  #rowsAround(): number[] {
    const { first, end, isDown } = this.#wanted;
    const { pageRows } = this.#options;
    const below = this.#between(end, end + pageRows * (isDown ? 2 : 1));
    const above = this.#between(first - pageRows * (isDown ? 1 : 2), first);
    return [...this.#between(first, end), ...(isDown ? [...below, ...above] : [...above, ...below])];
  }

  #go(): void {
    if (this.#isClosed || this.#again !== undefined) return;
    for (const row of this.#missing(this.#rowsAround())) {
      if (this.#loading.size >= MOST_LOADING) return;
      const key = this.#keyOf(row);
      if (!this.#loading.has(key)) void this.#load(row, key);
    }
  }

  async #load(row: number, key: string): Promise<void> {
    const controller = new AbortController();
    this.#loading.set(key, controller);
    try {
      await this.#read(row, controller.signal);
      this.#options.onProblem(undefined);
    } catch (error) {
      if (!controller.signal.aborted && !this.#isClosed) this.#failed(error);
    } finally {
      this.#loading.delete(key);
      if (!this.#isClosed) {
        this.#options.onChange();
        this.#wake();
        this.#go();
      }
    }
  }

  #failed(error: unknown): void {
    this.#options.onProblem(error);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      this.#again = undefined;
      this.#go();
    }, this.#options.againMs);
  }

  /** Reads the page of a row, and keeps it. Undefined where the table ends before. */
  async #read(row: number, signal: AbortSignal): Promise<Page<Row> | undefined> {
    const place = this.index.locate(row);
    if (place === undefined) return undefined;
    const { block } = place;
    const number = this.#pageNumber(place);
    const cursors = this.#cursors.get(block) ?? [undefined];
    this.#cursors.set(block, cursors);
    if (this.#options.canSkip) return this.#readPage(block, number, cursors, signal);
    if (number >= cursors.length && (await this.#split(block, signal))) return this.#read(row, signal);
    let page: Page<Row> | undefined;
    for (let next = Math.min(number, cursors.length - 1); next <= number; next++) {
      page = await this.#readPage(block, next, cursors, signal);
      if (page.rows.length < this.#options.pageRows) break;
    }
    return page;
  }

  async #readPage(
    block: Block,
    number: number,
    cursors: (string | undefined)[],
    signal: AbortSignal,
  ): Promise<Page<Row>> {
    const { pageRows, canSkip } = this.#options;
    const cursor = cursors[number];
    const { connections: rows, next } = await this.#options.source.readPage(
      {
        range: `${momentText(block.from)}..${momentText(block.to)}`,
        limit: canSkip ? Math.min(pageRows, block.count - number * pageRows) : pageRows,
        ...(cursor !== undefined && { cursor }),
        ...(cursor === undefined && number > 0 && { skip: number * pageRows }),
      },
      signal,
    );
    signal.throwIfAborted();
    if (next !== undefined) cursors[number + 1] = next;
    const page = { block, number, rows };
    this.#pages = [...this.#pages.filter((each) => each.block !== block || each.number !== number), page];
    // Connections of the last seconds may have come in since they were counted.
    const known = number * pageRows + rows.length;
    if (!canSkip && (next === undefined ? block.count !== known : block.count <= known))
      this.index.setCount(block, next === undefined ? known : known + 1);
    this.#forget();
    return page;
  }

  /** Halves a block by time until its pages are few. @returns Whether it was split */
  async #split(block: Block, signal: AbortSignal): Promise<boolean> {
    if (block.count <= this.#options.pageRows * MOST_BLOCK_PAGES) return false;
    if (block.to - block.from < LEAST_SPLIT_NS) return false;
    const middle = (block.from + block.to) / 2n;
    const early = await this.#options.source.count(
      `${momentText(block.from)}..${momentText(middle)}`,
      signal,
    );
    signal.throwIfAborted();
    this.index.split(block, middle, early);
    this.#pages = this.#pages.filter((page) => page.block !== block);
    return true;
  }

  /** Pages that are farthest from what is in sight go. */
  #forget(): void {
    const { mostPages } = this.#options;
    if (this.#pages.length <= mostPages) return;
    const middle = (this.#wanted.first + this.#wanted.end) / 2;
    const distance = ({ block, number }: Page<Row>) => {
      const start = this.index.startOf(block);
      return start === undefined
        ? Number.POSITIVE_INFINITY
        : Math.abs(start + number * this.#options.pageRows - middle);
    };
    this.#pages = [...this.#pages].sort((a, b) => distance(a) - distance(b)).slice(0, mostPages);
  }
}
