/** Numbers that not every event has. */
import { offsetsTcpEvent } from '../generated/tcp.js';
import { EVENT_STRIDE_WORDS } from '../stream/staging.js';
import type { EventRows } from './event-rows.js';

const WORDS = EVENT_STRIDE_WORDS;
const KIND = offsetsTcpEvent.event / 4;
const FLAGS = offsetsTcpEvent.flags / 4;

/** Where a number is in an event, and which events have it. */
export interface NumberSource {
  /** Bytes from the start of the event. */
  readonly at: number;
  readonly bits: 16 | 32 | 64;
  /** Kinds of events that have it, as bits. */
  readonly kinds: number;
  /** Flags that must be set. */
  readonly mask?: number;
  /** 0 means that it is not known. */
  readonly zeroIsUnknown?: boolean;
  /** It is in nanoseconds, and shown in microseconds. */
  readonly nanoseconds?: boolean;
}

/** A number for each event; NaN where the event has none. */
export function numberColumn(rows: EventRows, source: NumberSource): Float64Array {
  const { at, bits, kinds, mask = 0, zeroIsUnknown = false, nanoseconds = false } = source;
  const { words, first } = rows;
  const values = rows.numbers();
  const low = at >>> 2;
  const high = bits === 64 ? low + 1 : -1;
  const shift = bits === 16 ? 8 * (at & 3) : 0;
  const part = bits === 16 ? 0xffff : -1;
  for (let row = 0, base = first; row < values.length; row++, base += WORDS) {
    let value = Number.NaN;
    if (((kinds >>> words[base + KIND]!) & 1) !== 0 && (words[base + FLAGS]! & mask) === mask) {
      value = ((words[base + low]! >>> shift) & part) >>> 0;
      if (high >= 0) value += words[base + high]! * 2 ** 32;
      if (zeroIsUnknown && value === 0) value = Number.NaN;
      else if (nanoseconds) value = Math.round(value / 1000);
    }
    values[row] = value;
  }
  return values;
}
