/** Asks a history for moments. What was asked, and what may be asked next, is kept for a while. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import type { Answer, Coverage, OpenAtQuery, QueryLimits } from '@weir/history/query';
import type { RowRecord } from '@weir/history/rows';
import { localTime } from '../../query/times.js';
import { isGap, NEAR_NS, near } from './near-coverage.js';
import type { RecordedMoment } from './past-frame.js';

type Range = Answer<unknown>['range'];

/** What is asked of a history. */
export interface PastQuestions {
  openAt(
    query: OpenAtQuery,
  ): Promise<Answer<{ readonly records: readonly RowRecord[]; readonly count: number }>>;
  coverage(query: QueryLimits & { readonly range: Range }): Promise<Answer<null>>;
}

export interface TimelineOptions {
  /** Rows of a moment. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
}

/** Coverage is asked for so much at once. */
const CHUNK_NS = 600_000_000_000n;
/** So long after a moment, all looks that say something about it are in. */
const COMPLETE_NS = 150_000_000_000n;
const SECOND_NS = 1_000_000_000n;
/** All times that can be asked about. */
const ALWAYS: Range = { from: 0n, to: 2n ** 62n };

/** Moments that are kept, and rows of them together. */
const MOST_MOMENTS = 256;
const MOST_ROWS = 200_000;

export class Timeline {
  readonly #questions: PastQuestions;
  readonly #options: TimelineOptions;
  readonly #moments = new BoundedMap<bigint, RecordedMoment>(MOST_MOMENTS, (_, { records }) => {
    this.#rows -= records.length;
  });
  #rows = 0;
  readonly #asked = new Map<bigint, Promise<RecordedMoment>>();
  readonly #chunks = new BoundedMap<bigint, Coverage>(64);

  constructor(questions: PastQuestions, options: TimelineOptions) {
    this.#questions = questions;
    this.#options = options;
  }

  /** The state of a moment; where nothing is recorded before it, or behind it, of the first or the last moment instead. */
  async nearest(at: bigint): Promise<RecordedMoment | undefined> {
    const found = await this.#momentAt(at);
    if (!isGap(found.coverage, at)) return found;
    const range = await this.recorded();
    if (range === undefined) return undefined;
    if (at < range.from) return { ...(await this.#momentAt(range.from)), edge: 'first' };
    return at > range.to ? { ...(await this.#momentAt(range.to)), edge: 'last' } : found;
  }

  /** The first and the last moment of which anything is recorded, whole seconds; undefined where nothing is. */
  async recorded(): Promise<Range | undefined> {
    const { signal } = this.#options;
    const { unrecorded } = await this.#questions.coverage({ range: ALWAYS, signal });
    const [before, behind] = [unrecorded[0], unrecorded.at(-1)];
    const from = before?.from === ALWAYS.from ? before.to : ALWAYS.from;
    const end = behind?.to === ALWAYS.to ? behind.from : ALWAYS.to;
    if (from >= end) return undefined;
    const first = ((from + SECOND_NS - 1n) / SECOND_NS) * SECOND_NS;
    const last = ((end - 1n) / SECOND_NS) * SECOND_NS;
    return first <= last ? { from: first, to: last } : { from, to: from };
  }

  /** Whether to ask for a moment ahead: it is not there, and will be kept. */
  wants(at: bigint): boolean {
    return !this.#moments.has(at) && this.#isComplete(at) && this.#rows < MOST_ROWS / 2;
  }

  #isComplete(at: bigint): boolean {
    return at + COMPLETE_NS < this.#options.now();
  }

  #momentAt(at: bigint): Promise<RecordedMoment> {
    const known = this.#moments.get(at);
    if (known !== undefined) return Promise.resolve(known);
    const asked = this.#asked.get(at) ?? this.#ask(at).finally(() => this.#asked.delete(at));
    this.#asked.set(at, asked);
    return asked;
  }

  async #ask(at: bigint): Promise<RecordedMoment> {
    const { limit, signal } = this.#options;
    const [{ result }, coverage] = await Promise.all([
      this.#questions.openAt({ at, limit, figures: 'moment', signal }),
      this.#coverageNear(at),
    ]);
    const moment = { at, records: result.records, count: result.count, coverage };
    if (this.#isComplete(at)) this.#keep(moment);
    return moment;
  }

  #keep(moment: RecordedMoment): void {
    this.#moments.set(moment.at, moment);
    this.#rows += moment.records.length;
    for (const [at, { records }] of this.#moments) {
      if (this.#rows <= MOST_ROWS || at === moment.at) break;
      this.#moments.delete(at);
      this.#rows -= records.length;
    }
  }

  async #coverageNear(at: bigint): Promise<Coverage> {
    const start = (at / CHUNK_NS) * CHUNK_NS;
    const range = { from: start - NEAR_NS, to: start + CHUNK_NS + NEAR_NS };
    const isComplete = this.#isComplete(range.to);
    const known = this.#chunks.get(start);
    if (known !== undefined) return near(known, at);
    const asked = isComplete ? range : { from: at - NEAR_NS, to: at + NEAR_NS };
    const coverage = await this.#questions.coverage({ range: asked, signal: this.#options.signal });
    if (isComplete) this.#chunks.set(start, coverage);
    return this.#withoutFuture(near(coverage, at), at);
  }

  /** What is still to come is no gap, unless the moment is in it. */
  #withoutFuture({ losses, unrecorded }: Coverage, at: bigint): Coverage {
    const now = this.#options.now() - COMPLETE_NS;
    return { losses, unrecorded: unrecorded.filter(({ from }) => from < now || from <= at) };
  }
}

/** Says what is recorded. */
export function recordedText(at: bigint, range: Range | undefined): string {
  if (range === undefined) return 'nothing is recorded there: weir serve does that';
  const [first, last] = [localTime(range.from), localTime(range.to)];
  const end = first.slice(0, 10) === last.slice(0, 10) ? last.slice(11) : last;
  return `nothing is recorded of ${localTime(at)}, but of ${first} to ${end}`;
}
