/** Questions about flows that were sent to a collector, until they are answered. */
import type { FoundFlow, LookupAnswer, LookupRequest } from '../wire/balancer-messages.js';

/** Why there is no answer about a flow. */
export type LookupFailure = 'request' | 'missing' | 'failed' | 'busy';

/** A question about a flow has no answer. */
export class LookupError extends Error {
  override name = 'LookupError';
  readonly kind: LookupFailure;

  /** An error of a kind. @param message Why, for whoever asked */
  constructor(kind: LookupFailure, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Each makes the balancer run its program. */
const MOST = 8;
const TIMEOUT_MS = 5_000;

interface Waiting {
  readonly resolve: (found: FoundFlow) => void;
  readonly reject: (error: LookupError) => void;
  readonly timer: NodeJS.Timeout;
}

/** The questions to one collector. */
export class PendingLookups {
  readonly #send: (request: LookupRequest) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** @param send Sends a question. */
  constructor(send: (request: LookupRequest) => void) {
    this.#send = send;
  }

  /** Asks. @throws LookupError where there is no answer */
  ask(request: Omit<LookupRequest, 'id'>): Promise<FoundFlow> {
    if (this.#waiting.size >= MOST)
      throw new LookupError('busy', `${MOST} questions about flows wait: ask again later`);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(id, new LookupError('failed', 'the collector did not answer in time'));
      }, TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#send({ ...request, id });
    });
  }

  /** An answer arrived. One that nobody waits for is dropped. */
  answer({ id, found, problem }: LookupAnswer): void {
    const waiting = this.#waiting.get(id);
    if (found === undefined || waiting === undefined) {
      const { kind, message } = problem ?? { kind: 'failed', message: 'the collector found nothing' };
      this.#fail(id, new LookupError(kind, message));
      return;
    }
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    waiting.resolve(found);
  }

  /** No answer will come any more. */
  end(): void {
    for (const id of [...this.#waiting.keys()])
      this.#fail(id, new LookupError('failed', 'the collector has ended'));
  }

  #fail(id: number, error: LookupError): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    waiting.reject(error);
  }
}
