/** The column of wall-clock times. */
import { offsetsTcpEvent } from '../generated/tcp.js';
import type { WallClock } from '../stream/clock.js';
import { EVENT_STRIDE_WORDS } from '../stream/staging.js';
import type { EventRows } from './event-rows.js';

const TIME = offsetsTcpEvent.timeNs / 4;
const WORD = 2 ** 32;

/** Nanoseconds since 1970 need more than the 53 bits of a number: each is made of two words of 32 bits. */
export function wallTimes(rows: EventRows, clock: WallClock): BigInt64Array {
  const halves = rows.words32(2);
  if (rows.length > 0 && !addToFirst(halves, rows, clock)) locateEach(halves, rows, clock);
  return new BigInt64Array(halves.buffer, 0, rows.length);
}

const timeAt = (words: Uint32Array, event: number): number =>
  words[event + TIME]! + words[event + TIME + 1]! * WORD;

/** False if the clock was set in between, or a row is older than the first. */
function addToFirst(halves: Uint32Array, rows: EventRows, clock: WallClock): boolean {
  const { words, first: start } = rows;
  const first = timeAt(words, start);
  if (!clock.isSteadySince(first)) return false;
  clock.locate(first);
  const base = BigInt.asUintN(64, BigInt(clock.second) * 1_000_000_000n + BigInt(clock.nanosecond));
  const low = Number(base & 0xffff_ffffn);
  const high = Number(base >> 32n);
  for (let row = 0, event = start; row < rows.length; row++, event += EVENT_STRIDE_WORDS) {
    const later = timeAt(words, event) - first;
    if (later < 0) return false;
    const sum = low + later;
    halves[2 * row] = sum;
    halves[2 * row + 1] = high + Math.floor(sum / WORD);
  }
  return true;
}

function locateEach(halves: Uint32Array, rows: EventRows, clock: WallClock): void {
  for (let row = 0, event = rows.first; row < rows.length; row++, event += EVENT_STRIDE_WORDS) {
    clock.locate(timeAt(rows.words, event));
    const upper = Math.floor(clock.second / 2 ** 16);
    const high = upper * 1e9;
    const lower = (clock.second - upper * 2 ** 16) * 1e9 + clock.nanosecond;
    const carried = Math.floor(high / 2 ** 16);
    const low = (high - carried * 2 ** 16) * 2 ** 16 + lower;
    halves[2 * row] = low % WORD;
    halves[2 * row + 1] = carried + Math.floor(low / WORD);
  }
}
