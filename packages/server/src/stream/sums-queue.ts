/** What waits for a client that wants sums. One that does not keep up gets fewer events with the same sums: it loses nothing. */
import { timeText } from '@weir/history/rows';
import type { z } from 'zod';
import type { secondJson } from '../api/schemas/values.js';
import { addSums, type SumsBySecond } from './batch-sums.js';
import { eventText } from './event-text.js';
import { WaitingReader } from './waiting-reader.js';

/** Sums of a batch, or of several. */
interface Waiting {
  /** The newest of these batches. */
  id: string;
  readonly sums: SumsBySecond;
}

/** Events that wait for a client: a second of a busy collector. */
const MOST_WAITING = 50;

/** Sums, the oldest first. */
export class SumsQueue {
  readonly #reader = new WaitingReader();
  readonly #waiting: (Waiting | string)[] = [];

  /** Adds an event as it is, where there is room: what it says is in the history. */
  offer(text: string): void {
    if (this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push(text);
    this.#reader.wake();
  }

  /** Adds sums, which become the queue's own. */
  add(id: string, sums: SumsBySecond): void {
    if (sums.size === 0) return;
    const last = this.#waiting.at(-1);
    if (this.#waiting.length >= MOST_WAITING && typeof last === 'object') {
      addSums(last.sums, sums);
      last.id = id;
    } else this.#waiting.push({ id, sums });
    this.#reader.wake();
  }

  /** Takes all that waits; waits for something. @throws the signal's reason */
  async next(signal: AbortSignal): Promise<string> {
    if (this.#waiting.length === 0) await this.#reader.wait(signal);
    return this.#waiting
      .splice(0)
      .map((part) => (typeof part === 'string' ? part : sumsText(part)))
      .join('');
  }
}

function sumsText({ id, sums }: Waiting): string {
  const seconds = [...sums.values()].map(
    ({ second, ...rest }): z.input<typeof secondJson> => ({
      time: timeText(BigInt(second) * 1_000_000_000n),
      ...rest,
    }),
  );
  return eventText('sums', seconds, id);
}
