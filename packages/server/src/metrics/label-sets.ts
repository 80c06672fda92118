/** All sets of labels, of which there are no more than a number of series allows. Pure. */
import {
  BASE_SERIES,
  closers,
  HISTOGRAM_SERIES,
  type HistogramName,
  LabelSet,
  TimeHistogram,
} from './label-set.js';
import { LabelValues } from './label-values.js';
import { TupleTable } from './tuple-table.js';

/** The value of all labels but the fixed ones for what is beyond the limit. */
export const OTHER = 'other';

/** Labels that keep their value beyond the limit, with all their values; they come first. */
export const fixedLabels = { direction: ['outbound', 'inbound', ''], transport: ['tcp', 'udp', ''] } as const;
/** Names of these labels. */
export const fixedNames = Object.keys(fixedLabels) as (keyof typeof fixedLabels)[];
const OTHER_SETS = fixedLabels.direction.length * fixedLabels.transport.length;

/** Errors that what is beyond the limit has by name. */
const OTHER_ERRORS = 40;
/** Series that are kept free for what is beyond the limit. */
const RESERVED = OTHER_SETS * (BASE_SERIES + closers.length + OTHER_ERRORS + 1 + 2 * HISTOGRAM_SERIES);
/** The lowest limit that makes sense. */
export const LEAST_SERIES = 1_000;

/** A limit is not reached again and again to find nothing that has expired. */
const EXPIRE_EVERY_MS = 10_000;
/** Values that no set has are forgotten when there are so many more of them than sets. */
const MOST_UNUSED_VALUES = 20_000;

/** Numbers of values are less than this. */
const MOST_VALUES = 2 ** 26;

/** How sets are bounded. */
export interface LabelSetsOptions {
  /** Names of the labels behind the fixed ones. */
  readonly names: readonly string[];
  /** Series of all sets together, {@link LEAST_SERIES} or more. */
  readonly maxSeries: number;
  /** Milliseconds after which a set that nothing uses is removed. */
  readonly idleMs: number;
}

/** Sets of labels by their values. */
export class LabelSets implements Iterable<LabelSet> {
  readonly #names: readonly string[];
  readonly #options: LabelSetsOptions;
  #values = new LabelValues();
  #table: TupleTable<LabelSet>;
  #all: LabelSet[] = [];
  /** Sets for what is beyond the limit, by the numbers of their fixed labels. */
  readonly #others = new Map<number, LabelSet>();
  /** Series without those of sets for what is beyond the limit. */
  #used = 0;
  #nowMs = 0;
  #expireAtMs = 0;
  #removed = 0;

  constructor(options: LabelSetsOptions) {
    this.#options = options;
    this.#names = [...fixedNames, ...options.names];
    this.#table = new TupleTable(this.#names.length);
  }

  /** Numbers of a key. */
  get width(): number {
    return this.#names.length;
  }

  /** Values of labels: another object after {@link begin}. */
  get values(): LabelValues {
    return this.#values;
  }

  /** Series of all sets. */
  get series(): number {
    return this.#all.reduce((sum, { series }) => sum + series, 0);
  }

  /** Sets that were removed because nothing used them. */
  get removed(): number {
    return this.#removed;
  }

  [Symbol.iterator](): Iterator<LabelSet> {
    return this.#all[Symbol.iterator]();
  }

  /** What follows happens now. Numbers of values that were asked for before are not valid any more. */
  begin(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#values.size <= this.#all.length * this.width + MOST_UNUSED_VALUES) return;
    this.#values = new LabelValues();
    this.#index();
  }

  /** The set of values by their numbers; one for what is beyond the limit where there is no room for another. */
  find(key: Int32Array): LabelSet {
    const set = this.#table.get(key) ?? this.#add(key);
    set.usedMs = this.#nowMs;
    return set;
  }

  #add(key: Int32Array): LabelSet {
    if (!this.#hasRoom(BASE_SERIES)) return this.#otherOf(key[0]!, key[1]!);
    const set = this.#make(Array.from(key, (id) => this.#values.textOf(id)));
    this.#used += set.series;
    this.#table.add(key, set);
    return set;
  }

  #make(values: readonly string[]): LabelSet {
    const set = new LabelSet(this.#names, values);
    this.#all.push(set);
    return set;
  }

  /** The set for what is beyond the limit. */
  #otherOf(direction: number, transport: number): LabelSet {
    const place = direction * MOST_VALUES + transport;
    let other = this.#others.get(place);
    if (other === undefined) {
      other = this.#makeOther(direction, transport);
      this.#others.set(place, other);
    }
    other.usedMs = this.#nowMs;
    return other;
  }

  #makeOther(direction: number, transport: number): LabelSet {
    const key = new Int32Array(this.width).fill(this.#values.idOf(OTHER));
    key.set([direction, transport]);
    const known = this.#table.get(key);
    if (known !== undefined) {
      // Connections may have just these values.
      if (!known.isOther) this.#used -= known.series;
      known.isOther = true;
      return known;
    }
    const set = this.#make(Array.from(key, (id) => this.#values.textOf(id)));
    set.isOther = true;
    this.#table.add(key, set);
    return set;
  }

  #hasRoom(series: number): boolean {
    const limit = this.#options.maxSeries - RESERVED;
    if (this.#used + series > limit && this.#nowMs >= this.#expireAtMs) this.expire(this.#nowMs);
    return this.#used + series <= limit;
  }

  /** Removes sets that nothing has used for long, and that have no open connections. */
  expire(nowMs: number): void {
    this.#expireAtMs = nowMs + EXPIRE_EVERY_MS;
    const isLive = ({ open, usedMs }: LabelSet) => open > 0 || nowMs - usedMs < this.#options.idleMs;
    const left = this.#all.filter(isLive);
    if (left.length === this.#all.length) return;
    this.#removed += this.#all.length - left.length;
    this.#all = left;
    this.#used = left.reduce((sum, { isOther, series }) => sum + (isOther ? 0 : series), 0);
    this.#index();
  }

  #index(): void {
    this.#others.clear();
    this.#table = new TupleTable(this.width);
    for (const set of this.#all)
      this.#table.add(
        Int32Array.from(set.values, (text) => this.#values.idOf(text)),
        set,
      );
  }

  /** Counts a connection that was closed. @returns the set in which it was counted */
  addClosed(set: LabelSet, closer: number): LabelSet {
    const target = set.closed[closer] === undefined ? this.#withRoom(set, 1) : set;
    if (target.closed[closer] === undefined) this.#extend(target, 1);
    target.closed[closer] = (target.closed[closer] ?? 0) + 1;
    return target;
  }

  /** Counts a connection that failed. @returns the set in which it was counted */
  addFailed(set: LabelSet, error: string): LabelSet {
    const target = set.failed.has(error) ? set : this.#withRoom(set, 1);
    const { failed, isOther } = target;
    const isOne = !isOther || failed.has(error) || failed.size < OTHER_ERRORS;
    const name = isOne ? error : OTHER;
    if (!failed.has(name)) this.#extend(target, 1);
    failed.set(name, (failed.get(name) ?? 0) + 1);
    return target;
  }

  /** Counts a time. @returns the set in which it was counted */
  addTime(set: LabelSet, name: HistogramName, seconds: number): LabelSet {
    const target = set.times[name] === undefined ? this.#withRoom(set, HISTOGRAM_SERIES) : set;
    if (target.times[name] === undefined) this.#extend(target, HISTOGRAM_SERIES);
    target.times[name] ??= new TimeHistogram();
    target.times[name].add(seconds);
    return target;
  }

  /** The set that can get so many series more: this one, or that for what is beyond the limit. */
  #withRoom(set: LabelSet, series: number): LabelSet {
    if (set.isOther || this.#hasRoom(series)) return set;
    const [direction, transport] = set.values;
    return this.#otherOf(this.#values.idOf(direction!), this.#values.idOf(transport!));
  }

  #extend(set: LabelSet, series: number): void {
    if (!set.isOther) this.#used += series;
    set.series += series;
  }
}
