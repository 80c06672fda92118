/** Checks of numbers that users give, and the unit in which the program has times. */
import { OptionError } from '@weir/ebpf';

/** Nanoseconds of a tick of the program's clock. */
export const TICK_NS = 2 ** 24;

/** Checks that a number lies in a range. @throws OptionError */
export function within(what: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new OptionError(`${what} ${value}: expected ${least} to ${most}`);
}

/** A time in ticks, of which there is at least one. @throws OptionError */
export function ticksOf(what: string, seconds: number): number {
  return within(`ticks of ${what}`, Math.round((seconds * 1e9) / TICK_NS), 1, 2 ** 30);
}
