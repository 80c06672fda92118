/** Ranges and defaults of numbers in options, and the unit of the program's times. */
import { OptionError } from '@weir/ebpf';
import { Limit } from './generated/balancer.js';

/** Range and default of an option. */
export interface Range {
  readonly least: number;
  readonly most: number;
  readonly default: number;
}

export const DEFAULT_HASH_MAX_VIPS = 512;

const entries: Range = { least: 1, most: 2 ** 24, default: 65_536 };

/** Options of a balancer that are whole numbers. */
export const ranges = {
  maxFrame: { least: 1294, most: 9014, default: 1514 },
  icmpMtu: { least: 0, most: 65_535, default: 1500 },
  flows: { least: 1, most: 2 ** 31, default: 8_000_000 },
  fallbackFlows: { least: 1, most: 2 ** 24, default: 1024 },
  hashMaxVips: { least: 1, most: 65_535, default: DEFAULT_HASH_MAX_VIPS },
  newFlowLimit: { least: 0, most: 2 ** 32 - 1, default: 125_000 },
  maxReals: { least: 2, most: Limit.MAX_REALS, default: Limit.MAX_REALS },
  maxServerIds: entries,
  maxSourceRoutes: entries,
  maxGlobalFlows: entries,
  syncFlows: { least: 0, most: 2 ** 24, default: 0 },
} as const satisfies Readonly<Record<string, Range>>;

/** Idle times of the option `nat`, seconds. */
export const natSeconds = {
  tcpIdleSeconds: 900,
  tcpOpeningSeconds: 30,
  tcpHalfClosedSeconds: 120,
  tcpClosedSeconds: 60,
  udpIdleSeconds: 30,
} as const;

export const DEFAULT_UDP_IDLE_SECONDS = 30;
export const DEFAULT_GUE_PORT = 6080;
/** First and last port on each source of the option `nat`. */
export const DEFAULT_NAT_PORTS = [10_000, 32_767] as const;
export const MAX_NAT_SOURCES = 1024;
export const MAX_CPU = 4095;
export const MAX_WEIGHT = 2 ** 31;
export const MAX_SERVER_ID = 0xffff_ffff;

/** Nanoseconds in a tick of the program's clock. */
export const TICK_NS = 2 ** Limit.CLOCK_SHIFT;

/** Checks that a number lies in a range. @throws OptionError */
export function within(what: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new OptionError(`${what} ${value}: expected ${least} to ${most}`);
}

/** Checks an option of {@link ranges}, and applies its default. @throws OptionError */
export function inRange(name: keyof typeof ranges, value: number | undefined): number {
  const { least, most, default: usual } = ranges[name];
  return within(name, value ?? usual, least, most);
}

/** Converts a time to ticks, at least one. @throws OptionError */
export function ticksOf(what: string, seconds: number): number {
  return within(`ticks of ${what}`, Math.round((seconds * 1e9) / TICK_NS), 1, 2 ** 30);
}
