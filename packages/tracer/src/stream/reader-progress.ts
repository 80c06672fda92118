/** Whether the reader of a tracer still reads. A loop may be in the middle of its body for ever. */

/** The time without a question after which a reader counts as one that does not read, milliseconds. */
const RESTS_AFTER_MS = 1_000;

export class ReaderProgress {
  /** Whether the reader waits for records now. */
  waits = false;
  #asked = 0;

  /** The reader asks for a record, or a batch. */
  ask(): void {
    this.#asked++;
  }

  /** Resolves once the reader has not asked for a while, or with `end`. */
  async rests(end: Promise<unknown>, afterMs = RESTS_AFTER_MS): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let asked = this.#asked;
    const rests = new Promise<void>((resolve) => {
      timer = setInterval(() => {
        if (!this.waits && asked === this.#asked) resolve();
        asked = this.#asked;
      }, afterMs);
    });
    await Promise.race([rests, end]).finally(() => clearInterval(timer));
  }
}
