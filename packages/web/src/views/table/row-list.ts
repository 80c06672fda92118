/** The rows of the table: those that came since by the stream, above those of the history. Pure. */
import { countOf, type NewestRows, noNewRows } from './newest-rows.js';
import type { RowStore } from './row-store.js';

/** Rows by their numbers. */
export class RowList<Row> {
  readonly #store: RowStore<Row> | undefined;
  readonly #newest: NewestRows<Row>;
  /** Rows above those of the store; of some of them no more is known than that they are. */
  readonly newCount: number;

  /** @param newest Those that the store does not have */
  constructor(store: RowStore<Row> | undefined, newest: NewestRows<Row> = noNewRows) {
    this.#store = store;
    this.#newest = newest;
    this.newCount = countOf(newest);
  }

  /** Whether there are such. */
  get hasGap(): boolean {
    return this.newCount > this.#newest.rows.length;
  }

  /** How many rows there are. */
  get total(): number {
    return this.newCount + (this.#store?.index.total ?? 0);
  }

  /** A row; undefined while it is not there. */
  row(number: number): Row | undefined {
    const { rows } = this.#newest;
    if (number < rows.length) return rows[rows.length - 1 - number]?.read();
    return number < this.newCount ? undefined : this.#store?.row(number - this.newCount);
  }

  /** Rows from one to before another are in sight. */
  want(first: number, end: number): void {
    this.#store?.want(Math.max(0, first - this.newCount), Math.max(0, end - this.newCount));
  }

  /** Waits for rows, and returns them, without those of which nothing is known. */
  async rows(first: number, end: number): Promise<readonly Row[]> {
    const above: Row[] = [];
    for (let number = first; number < Math.min(end, this.#newest.rows.length); number++)
      above.push(this.row(number)!);
    const [from, to] = [Math.max(0, first - this.newCount), end - this.newCount];
    return to <= 0 || this.#store === undefined ? above : [...above, ...(await this.#store.rows(from, to))];
  }
}
