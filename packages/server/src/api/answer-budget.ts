/** Bounds the bytes of answers that slow clients have not read yet. */
import { ProblemError } from '@weir/http/api';

const DEFAULT_BYTES = 128 * 1024 * 1024;
/** Answers below this are not worth counting. */
const SMALL_BYTES = 16 * 1024;

/** Bytes of answers that are under way. */
export class AnswerBudget {
  readonly #most: number;
  #bytes = 0;

  /** @param most Bytes of all answers together; a single one may be longer. */
  constructor(most = DEFAULT_BYTES) {
    this.#most = most;
  }

  /**
   * Counts an answer until it has been sent.
   *
   * @returns Called when it has been sent, or never will be.
   * @throws ProblemError where too many are under way
   */
  reserve(bytes: number): () => void {
    if (bytes < SMALL_BYTES) return () => {};
    if (this.#bytes > 0 && this.#bytes + bytes > this.#most) {
      const detail = 'clients have not read the answers to earlier questions: ask again later';
      throw new ProblemError('busy', detail, { retryAfter: 5 });
    }
    this.#bytes += bytes;
    let isCounted = true;
    return () => {
      if (isCounted) this.#bytes -= bytes;
      isCounted = false;
    };
  }
}
