/**
 * Decides what counts of a source's answers, and when: a difference must last, few reals leave at once, and a real that left keeps its flows for
 * a while. Pure functions, which receive the time.
 */
import type { RealConfig } from '../config/schema.js';
import type { Portion, SourceConfig } from '../config/source-schema.js';
import { realKey } from '../service.js';

/** How changes are damped. Times are milliseconds. */
export type ChangeLimits = Pick<SourceConfig, 'delay' | 'maxRemovals' | 'drain'>;

/** A real that counts. */
interface CountingReal {
  readonly real: RealConfig;
  /** When it left; undefined while it is there. */
  readonly left: number | undefined;
}

/** What counts, and what is about to. Times are milliseconds of one clock. */
export interface RealChanges {
  /** By key; undefined before the first answer. */
  readonly counting: ReadonlyMap<string, CountingReal> | undefined;
  /** The last answer, by key. */
  readonly answer: ReadonlyMap<string, RealConfig>;
  /** Since when the last answers have differed in a real from what counts. */
  readonly differs: ReadonlyMap<string, number>;
  /** When reals last left. */
  readonly removed: number;
}

/** Nothing is known. */
export const noReals: RealChanges = {
  counting: undefined,
  answer: new Map(),
  differs: new Map(),
  removed: Number.NEGATIVE_INFINITY,
};

/** Reals that an earlier process knew. */
export function knownReals(reals: readonly RealConfig[]): RealChanges {
  const answer = byKey(reals);
  const counting = new Map([...answer].map(([key, real]) => [key, { real, left: undefined }]));
  return { ...noReals, counting, answer };
}

function byKey(reals: readonly RealConfig[]): Map<string, RealConfig> {
  return new Map(reals.map((real) => [realKey(real), real]));
}

/** The reals of the VIP: those that left have weight 0. Undefined before the first answer. */
export function realsOf({ counting }: RealChanges): RealConfig[] | undefined {
  return (
    counting &&
    [...counting.values()].map(({ real, left }) => (left === undefined ? real : { ...real, weight: 0 }))
  );
}

/** Number of differences that do not count yet. */
export function pendingCount({ differs }: RealChanges): number {
  return differs.size;
}

/** The state after an answer. The first one counts at once. */
export function afterAnswer(state: RealChanges, reals: readonly RealConfig[], now: number): RealChanges {
  const answer = byKey(reals);
  if (state.counting === undefined) return knownReals(reals);
  const differs = new Map<string, number>();
  for (const key of new Set([...answer.keys(), ...state.counting.keys()])) {
    if (!isDifferent(state.counting.get(key), answer.get(key))) continue;
    const isSame = sameReal(answer.get(key), state.answer.get(key));
    differs.set(key, isSame ? (state.differs.get(key) ?? now) : now);
  }
  return { ...state, answer, differs };
}

/** Whether an answer has other than what counts. */
function isDifferent(counting: CountingReal | undefined, real: RealConfig | undefined): boolean {
  if (counting === undefined) return real !== undefined;
  if (counting.left !== undefined) return real !== undefined;
  return !sameReal(counting.real, real);
}

/** Keys are equal, so that only the weight can differ. */
function sameReal(a: RealConfig | undefined, b: RealConfig | undefined): boolean {
  return a?.weight === b?.weight;
}

/** The state after what is due counts. Equal to the given one if nothing is. */
export function afterDue(state: RealChanges, limits: ChangeLimits, now: number): RealChanges {
  if (state.counting === undefined || (nextDue(state, limits) ?? Number.POSITIVE_INFINITY) > now)
    return state;
  const counting = new Map(state.counting);
  const differs = new Map(state.differs);
  for (const [key, { left }] of counting)
    if (left !== undefined && now - left >= limits.drain) counting.delete(key);
  const due = [...differs].filter(([, since]) => now - since >= limits.delay).map(([key]) => key);
  for (const key of due.filter((each) => state.answer.has(each))) {
    counting.set(key, { real: state.answer.get(key)!, left: undefined });
    differs.delete(key);
  }
  const leaving = now - state.removed >= limits.delay ? due.filter((each) => !state.answer.has(each)) : [];
  const present = [...counting.values()].filter(({ left }) => left === undefined).length;
  const some = leaving.slice(0, mostOf(limits.maxRemovals, present));
  for (const key of some) {
    differs.delete(key);
    if (limits.drain > 0) counting.set(key, { real: counting.get(key)!.real, left: now });
    else counting.delete(key);
  }
  return { ...state, counting, differs, removed: some.length > 0 ? now : state.removed };
}

function mostOf(portion: Portion, present: number): number {
  return 'count' in portion ? portion.count : Math.max(1, Math.ceil((present * portion.percent) / 100));
}

/** When something is due next; undefined if nothing is. */
export function nextDue(state: RealChanges, { delay, drain }: ChangeLimits): number | undefined {
  const times = [
    ...[...state.differs].map(([key, since]) =>
      state.answer.has(key) ? since + delay : Math.max(since, state.removed) + delay,
    ),
    ...[...(state.counting?.values() ?? [])].flatMap(({ left }) =>
      left === undefined ? [] : [left + drain],
    ),
  ];
  return times.length === 0 ? undefined : Math.min(...times);
}
