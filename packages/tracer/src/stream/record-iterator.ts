/** Single records out of batches. An async generator would take four times as long a record. */
import type { TraceRecord } from '../records/record.js';

type Result = IteratorResult<TraceRecord, undefined>;

export class RecordIterator implements AsyncIterableIterator<TraceRecord, undefined> {
  readonly #batches: AsyncIterator<readonly TraceRecord[]>;
  #batch: readonly TraceRecord[] = [];
  #at = 0;
  /** The last of the calls that wait for a batch, which are answered in their order. */
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  readonly #onNext: () => void;

  /** @param onNext Called for each record that is asked for. */
  constructor(batches: AsyncIterable<readonly TraceRecord[]>, onNext: () => void = () => {}) {
    this.#batches = batches[Symbol.asyncIterator]();
    this.#onNext = onNext;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    this.#onNext();
    if (this.#waiting === 0 && this.#at < this.#batch.length)
      return Promise.resolve({ done: false, value: this.#batch[this.#at++]! });
    this.#waiting++;
    const result = this.#last.then(() => this.#nextOfBatches());
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #nextOfBatches(): Promise<Result> {
    try {
      while (this.#at >= this.#batch.length) {
        const { done, value } = await this.#batches.next();
        if (done === true) return { done, value: undefined };
        this.#batch = value;
        this.#at = 0;
      }
      return { done: false, value: this.#batch[this.#at++]! };
    } finally {
      this.#waiting--;
    }
  }

  /** Ends the batches, too. */
  async return(): Promise<Result> {
    this.#batch = [];
    await this.#batches.return?.();
    return { done: true, value: undefined };
  }
}
