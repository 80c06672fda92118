/** Passes connections on to clients as they are stored. A client that does not keep up loses some, which are counted for it. */
import type { Batch } from '@weir/history/schema';
import { Services } from '@weir/tracer/enrich';
import { everything, type Filter, filterPredicate } from '@weir/tracer/filter';
import { endOf, lossOf } from '../api/row-json.js';

/** Connections that a client lost at this place. */
interface Lost {
  count: number;
}

/** A client. */
interface Subscriber {
  readonly isWanted: (record: ReturnType<typeof endOf>) => boolean;
  /** What waits for it, the oldest first: messages, and how many it lost in between. */
  readonly queue: (string | Lost)[];
  bytes: number;
  /** Called when there is something to read. */
  wake: (() => void) | undefined;
}

/** Bytes that wait for a client. */
const QUEUE_BYTES = 1_000_000;
/** Bytes that one read takes, and a message: clients share what waits, and what was taken is each one's own. */
const READ_BYTES = 32_768;

/** A message as server-sent events have it. The JSON has no line breaks. */
function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** What a client reads. */
export interface Subscription extends Disposable {
  /** A part of what has come since the last call, the oldest; waits for something. @throws the signal's reason */
  next(signal: AbortSignal): Promise<string>;
}

/** All clients of the live stream. */
export class LiveHub {
  readonly #subscribers = new Set<Subscriber>();
  readonly #services = Services.read();
  #dropped = 0;

  /** Clients. */
  get clients(): number {
    return this.#subscribers.size;
  }

  /** Connections that clients lost, of all clients so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds a client. */
  subscribe(filter: Filter = everything): Subscription {
    const predicate = filterPredicate(filter, { services: this.#services });
    const subscriber: Subscriber = {
      isWanted: (record) => predicate(record),
      queue: [],
      bytes: 0,
      wake: undefined,
    };
    this.#subscribers.add(subscriber);
    return {
      next: (signal) => next(subscriber, signal),
      [Symbol.dispose]: () => {
        this.#subscribers.delete(subscriber);
      },
    };
  }

  /** Passes a batch on. Each connection becomes text once, however many clients want it. */
  publish(batch: Batch): void {
    if (this.#subscribers.size === 0) return;
    // Not before: rows that a batch has as columns are made when they are asked for.
    const { ends = [], losses = [] } = batch;
    for (const row of ends) {
      const record = endOf(row);
      let text: string | undefined;
      for (const subscriber of this.#subscribers) {
        if (!subscriber.isWanted(record)) continue;
        text ??= message('connection', record);
        this.#offer(subscriber, text);
      }
    }
    for (const loss of losses) {
      const text = message('loss', lossOf(loss));
      for (const subscriber of this.#subscribers) this.#offer(subscriber, text);
    }
  }

  #offer(subscriber: Subscriber, text: string): void {
    if (subscriber.bytes + text.length > QUEUE_BYTES) {
      this.#dropped++;
      const last = subscriber.queue.at(-1);
      if (typeof last === 'object') last.count++;
      else subscriber.queue.push({ count: 1 });
      return;
    }
    subscriber.queue.push(text);
    subscriber.bytes += text.length;
    subscriber.wake?.();
  }
}

async function next(subscriber: Subscriber, signal: AbortSignal): Promise<string> {
  if (subscriber.queue.length === 0) {
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.throwIfAborted();
      signal.addEventListener('abort', onAbort, { once: true });
      subscriber.wake = () => {
        subscriber.wake = undefined;
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
    });
  }
  let count = 0;
  let bytes = 0;
  while (count < subscriber.queue.length && bytes < READ_BYTES) bytes += sizeOf(subscriber.queue[count++]!);
  subscriber.bytes -= bytes;
  return subscriber.queue
    .splice(0, count)
    .map((part) => (typeof part === 'string' ? part : message('dropped', { ...part })))
    .join('');
}

function sizeOf(part: string | Lost): number {
  return typeof part === 'string' ? part.length : 0;
}
