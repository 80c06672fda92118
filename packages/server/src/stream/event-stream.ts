/** An answer that goes on, as server-sent events. */
import type { Subscription } from './live-hub.js';

/** A comment that keeps connections through proxies, and finds those that are gone. */
const HEARTBEAT = ': \n\n';

/** How an answer goes on. */
export interface EventStreamOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Asked before something is sent: where the client may not read any more, the answer ends. */
  readonly mayRead?: () => boolean;
  /** Time after which something is sent where nothing happens. Default 15,000. */
  readonly heartbeatMs?: number;
}

/** The body of an answer. It reads from a subscription only as fast as the client does. */
export function eventStream(
  subscription: Subscription,
  { signal, mayRead = () => true, heartbeatMs = 15_000 }: EventStreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const end = new AbortController();
  const ended = AbortSignal.any([signal, end.signal]);
  return new ReadableStream<Uint8Array>(
    {
      // Headers are sent with the first bytes.
      start: (controller) => controller.enqueue(encoder.encode(HEARTBEAT)),
      pull: async (controller) => {
        try {
          const text = await nextOrHeartbeat(subscription, ended, heartbeatMs);
          if (!mayRead()) throw new Error('the client may not read any more');
          controller.enqueue(encoder.encode(text));
        } catch {
          subscription[Symbol.dispose]();
          controller.close();
        }
      },
      cancel: () => {
        end.abort();
        subscription[Symbol.dispose]();
      },
    },
    { highWaterMark: 1 },
  );
}

async function nextOrHeartbeat(
  subscription: Subscription,
  ended: AbortSignal,
  heartbeatMs: number,
): Promise<string> {
  const timeout = AbortSignal.timeout(heartbeatMs);
  try {
    return await subscription.next(AbortSignal.any([ended, timeout]));
  } catch (error) {
    if (ended.aborted || !timeout.aborted) throw error;
    return HEARTBEAT;
  }
}
