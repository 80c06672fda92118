/** Whether rows of intervals have the bytes of a connection in the spans in which they flowed. */
import assert from 'node:assert/strict';
import type { Message } from './talker-program.js';

/** What a row says that moved until a moment of CLOCK_MONOTONIC, nanoseconds. */
export interface FlowedSpan {
  readonly untilNs: number;
  readonly sent: number;
  readonly received: number;
}

/**
 * Compares the sums up to each row with what had been sent for certain, and could have been sent at most.
 *
 * @param spans Of the side that sends the messages, in their order.
 * @returns the sums of all rows.
 */
export function assertFlowed(
  spans: readonly FlowedSpan[],
  messages: readonly Message[],
): { readonly sent: number; readonly received: number } {
  let [sent, received] = [0, 0];
  for (const [index, span] of spans.entries()) {
    sent += span.sent;
    received += span.received;
    // A row has the time at which a sweep begins to read; it has ended before the next one begins.
    const readNs = spans[index + 1]?.untilNs ?? Number.POSITIVE_INFINITY;
    const begun = messages.filter(({ begunNs }) => begunNs <= readNs);
    const done = messages.filter(({ doneNs }) => doneNs <= span.untilNs);
    const [least, most] = [sum(done), sum(begun)];
    assert.ok(least <= sent && sent <= most, `${sent} bytes were sent, and not from ${least} to ${most}`);
    assert.ok(done.length <= received && received <= begun.length, `${received} bytes were received`);
  }
  return { sent, received };
}

/** The bytes of messages. */
export function sum(messages: readonly Message[]): number {
  return messages.reduce((total, { bytes }) => total + bytes, 0);
}
