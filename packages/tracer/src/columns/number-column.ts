/** Numbers that not every event has. */
import { offsetsTcpEvent, sizeofTcpEvent } from '../generated/tcp.js';
import type { EventRows } from './event-rows.js';

const WORDS = sizeofTcpEvent / 4;
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
  const { kinds, mask = 0, zeroIsUnknown = false, nanoseconds = false } = source;
  const { words } = rows;
  const values = source.bits === 64 ? wide(rows, source.at) : narrow(rows, source.at, source.bits);
  for (let row = 0, base = 0; row < values.length; row++, base += WORDS) {
    const has = ((kinds >>> words[base + KIND]!) & 1) !== 0 && (words[base + FLAGS]! & mask) === mask;
    if (!has || (zeroIsUnknown && values[row] === 0)) values[row] = Number.NaN;
    else if (nanoseconds) values[row] = Math.round(values[row]! / 1000);
  }
  return values;
}

function narrow({ words, length }: EventRows, at: number, bits: 16 | 32): Float64Array {
  const values = new Float64Array(length);
  const shift = 8 * (at & 3);
  const mask = bits === 16 ? 0xffff : 0xffff_ffff;
  for (let row = 0, from = at >>> 2; row < length; row++, from += WORDS) {
    values[row] = ((words[from]! >>> shift) & mask) >>> 0;
  }
  return values;
}

function wide({ words, length }: EventRows, at: number): Float64Array {
  const values = new Float64Array(length);
  for (let row = 0, from = at >>> 2; row < length; row++, from += WORDS) {
    values[row] = words[from]! + words[from + 1]! * 2 ** 32;
  }
  return values;
}
