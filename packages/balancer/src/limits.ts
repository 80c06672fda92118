/** Checks of numbers in options, and the unit of the program's times. */
import { OptionError } from '@weir/ebpf';
import { Limit } from './generated/balancer.js';

/** Nanoseconds in a tick of the program's clock. */
export const TICK_NS = 2 ** Limit.CLOCK_SHIFT;

/** Checks that a number lies in a range. @throws OptionError */
export function within(what: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new OptionError(`${what} ${value}: expected ${least} to ${most}`);
}

/** Converts a time to ticks, at least one. @throws OptionError */
export function ticksOf(what: string, seconds: number): number {
  return within(`ticks of ${what}`, Math.round((seconds * 1e9) / TICK_NS), 1, 2 ** 30);
}
