/** What waits for a client that wants each connection. One that does not keep up loses some, which are counted for it. */
import { eventText } from './event-text.js';
import { WaitingReader } from './waiting-reader.js';

/** Connections that a client lost at this place. */
interface Lost {
  count: number;
}

/** Bytes that wait for a client. */
const QUEUE_BYTES = 1_000_000;
/** Bytes that one read takes, and an event: clients share what waits, and what was taken is each one's own. */
const READ_BYTES = 32_768;

/** Events, the oldest first, and how many were lost in between. */
export class EventQueue {
  readonly #reader = new WaitingReader();
  readonly #parts: (string | Lost)[] = [];
  #bytes = 0;

  /** Adds an event. @returns Whether there was room */
  offer(text: string): boolean {
    if (this.#bytes + text.length > QUEUE_BYTES) {
      const last = this.#parts.at(-1);
      if (typeof last === 'object') last.count++;
      else this.#parts.push({ count: 1 });
      return false;
    }
    this.#parts.push(text);
    this.#bytes += text.length;
    this.#reader.wake();
    return true;
  }

  /** Takes a part, the oldest; waits for something. @throws the signal's reason */
  async next(signal: AbortSignal): Promise<string> {
    if (this.#parts.length === 0) await this.#reader.wait(signal);
    let count = 0;
    let bytes = 0;
    while (count < this.#parts.length && bytes < READ_BYTES) bytes += sizeOf(this.#parts[count++]!);
    this.#bytes -= bytes;
    return this.#parts
      .splice(0, count)
      .map((part) => (typeof part === 'string' ? part : eventText('dropped', { ...part })))
      .join('');
  }
}

function sizeOf(part: string | Lost): number {
  return typeof part === 'string' ? part.length : 0;
}
