/** Ranges of time as text of the API. Pure. */
import { apiTime } from '../format/time-text.js';

/** A range that is offered by name. */
export interface Preset {
  readonly range: string;
  readonly label: string;
}

/** Ranges that are offered. */
export const presets: readonly Preset[] = [
  { range: '-5m', label: '5 min' },
  { range: '-15m', label: '15 min' },
  { range: '-1h', label: '1 h' },
  { range: '-6h', label: '6 h' },
  { range: '-1d', label: '1 day' },
  { range: '-7d', label: '7 days' },
];

/** Whether a range ends now, and so moves on. */
export function isLiveRange(range: string): boolean {
  return /^-\s*\d[\d.a-z\s]*(?:\.\.\s*(?:now)?)?$/i.test(range.trim());
}

/** The range from one moment to another, milliseconds since 1970. */
export function rangeBetween(from: number, to: number): string {
  return `${apiTime(Math.floor(from))}..${apiTime(Math.ceil(to))}`;
}

/** The range of the same length before. @param back How many lengths before; 1: right before */
export function rangeBefore(from: number, to: number, backMs = to - from): string {
  return rangeBetween(from - backMs, to - backMs);
}

const niceSteps = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3600),
  ...[1, 2, 7].map((days) => days * 86_400),
];

/** The length of a step, in seconds, with which a range has at most so many. */
export function stepSeconds(from: number, to: number, most: number): number {
  const least = (to - from) / 1000 / most;
  return niceSteps.find((step) => step >= least) ?? Math.ceil(least / 86_400) * 86_400;
}

/** Milliseconds after which a range that ends now is asked for again. */
export function refreshMs(from: number, to: number): number {
  return Math.min(60_000, Math.max(2_000, (to - from) / 300));
}
