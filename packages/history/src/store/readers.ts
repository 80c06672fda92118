/** Questions that are being answered: the files that they may still open stay until they are done. */
import { removeFile } from './files.js';

/** A question that is being answered. */
interface Reader {
  /** It began after this many removals. */
  readonly after: number;
  readonly done: Promise<void>;
}

/** The questions that are being answered. */
export class Readers {
  readonly #active = new Set<Reader>();
  #removals = 0;
  #waiting: { readonly path: string; readonly number: number }[] = [];

  /** How many there are. */
  get size(): number {
    return this.#active.size;
  }

  /** Runs a question. */
  async run<T>(question: () => Promise<T>): Promise<T> {
    let finish = () => {};
    const reader = {
      after: this.#removals,
      done: new Promise<void>((resolve) => {
        finish = resolve;
      }),
    };
    this.#active.add(reader);
    try {
      return await question();
    } finally {
      this.#active.delete(reader);
      finish();
      await this.#removeFree();
    }
  }

  /** Removes files that no question knows which begins from now on, once those that may know them are done. */
  async remove(paths: readonly string[]): Promise<void> {
    this.#removals++;
    this.#waiting.push(...paths.map((path) => ({ path, number: this.#removals })));
    await this.#removeFree();
  }

  /** Waits until no question is being answered. */
  async drained(): Promise<void> {
    while (this.#active.size > 0) await Promise.all([...this.#active].map(({ done }) => done));
  }

  async #removeFree(): Promise<void> {
    const oldest = Math.min(...[...this.#active].map(({ after }) => after));
    const free = this.#waiting.filter(({ number }) => number <= oldest);
    this.#waiting = this.#waiting.filter(({ number }) => number > oldest);
    for (const { path } of free) await removeFile(path);
  }
}
