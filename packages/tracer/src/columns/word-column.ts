/** Words, as their numbers, that not every event has. */
import { offsetsTcpEvent } from '../generated/tcp.js';
import { EVENT_STRIDE_WORDS } from '../stream/staging.js';
import type { EventRows } from './event-rows.js';

const KIND = offsetsTcpEvent.event / 4;
const FLAGS = offsetsTcpEvent.flags / 4;

/** Where a word's number is in an event, and which events have it. */
export interface WordSource {
  /** Bytes from the start of the event; -1 where it is always 0. */
  readonly at: number;
  /** Kinds of events that have it, as bits. */
  readonly kinds: number;
  /** Flags that must be set. */
  readonly mask?: number;
  /** Added to the number, where 0 stands for an absent word. */
  readonly plus: 0 | 1;
}

/** A word for each event; 0 where the event has none. */
export function wordColumn(rows: EventRows, { at, kinds, mask = 0, plus }: WordSource): Uint8Array {
  const { words, first } = rows;
  const values = rows.bytes();
  const word = at >> 2;
  for (let row = 0, base = first; row < values.length; row++, base += EVENT_STRIDE_WORDS) {
    if (((kinds >>> words[base + KIND]!) & 1) === 0 || (words[base + FLAGS]! & mask) !== mask) continue;
    values[row] = plus + (word < 0 ? 0 : words[base + word]!);
  }
  return values;
}
