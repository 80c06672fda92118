/** One question to several histories: who answers, who does not, and what each counts. */
import { countedOnce, type SideIds, type UncountedEnds } from '@weir/history/merge';
import type { Answer, Coverage, Incomplete } from '@weir/history/query';
import type { LossRow } from '@weir/history/schema';
import type { Range } from '../api/history.js';
import { type HistoryPart, PeerError } from './history-part.js';
import { MAX_ALL_IDS, MAX_IDS } from './peer-protocol.js';
import { Turns } from './turns.js';

/** A history with its answer. */
export interface Answered<T> {
  readonly part: HistoryPart;
  readonly answer: T;
}

/** What a history counts, and of how much of the range. */
export interface CountedPart {
  readonly part: HistoryPart;
  readonly uncounted: UncountedEnds;
  /** Up to here its ends were looked at: what comes in later counts in the next answer. */
  readonly range: Range;
}

/** Ends of a history, by which it is known what counts. */
type SidesAnswer = Answer<SideIds & { readonly isCut: boolean }>;

/** Answers of which each connection counts once. */
export interface CountedAnswers<S, T> {
  readonly sides: readonly Answered<S>[];
  readonly answers: readonly Answered<T>[];
}

/** Asks several histories. Who does not answer is left out from then on, and named. */
export class MergedQuestion {
  readonly #signal: AbortSignal | undefined;
  readonly #incomplete: Incomplete[] = [];
  readonly #turns: Turns;
  #parts: readonly HistoryPart[];

  /** @param turns Shared by all questions: counting takes memory. */
  constructor(parts: readonly HistoryPart[], signal: AbortSignal | undefined, turns = new Turns()) {
    this.#parts = parts;
    this.#signal = signal;
    this.#turns = turns;
  }

  /** The histories that have answered so far. */
  get parts(): readonly HistoryPart[] {
    return this.#parts;
  }

  /** Numbers of connections that each history may give, of each side. */
  get mostIds(): number {
    return Math.min(MAX_IDS, Math.floor(MAX_ALL_IDS / this.#parts.length));
  }

  /** What is lacking. */
  get incomplete(): readonly Incomplete[] {
    return this.#incomplete;
  }

  /** Says what of a host's part is lacking, once. */
  note({ name: host }: HistoryPart, reason: string): void {
    if (!this.#incomplete.some((each) => each.host === host && each.reason === reason))
      this.#incomplete.push({ host, answered: true, reason });
  }

  /** Asks all histories that have answered so far, at the same time. @throws what this host's own history throws */
  async each<T>(
    ask: (part: HistoryPart, signal: AbortSignal | undefined, index: number) => Promise<T>,
  ): Promise<Answered<T>[]> {
    const asked = this.#parts;
    const results = await Promise.allSettled(asked.map((part, index) => ask(part, this.#signal, index)));
    const answered: Answered<T>[] = [];
    for (const [index, result] of results.entries()) {
      const part = asked[index]!;
      if (result.status === 'fulfilled') answered.push({ part, answer: result.value });
      else this.#leaveOut(part, result.reason);
    }
    return answered;
  }

  #leaveOut(part: HistoryPart, error: unknown): void {
    if (!(error instanceof PeerError)) throw error;
    this.#parts = this.#parts.filter((each) => each !== part);
    this.#incomplete.push({ host: part.name, answered: false, reason: error.message });
  }

  /**
   * Asks which ends there are, and then each history for what it counts. Where one of them does not answer the second time, its ends do
   * not count either: the others are asked again.
   */
  countOnce<S extends SidesAnswer, T>(
    sides: (part: HistoryPart, signal: AbortSignal | undefined) => Promise<S>,
    ask: (counted: CountedPart, all: readonly Answered<S>[], signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<CountedAnswers<S, T>> {
    return this.#turns.run(this.#signal, () => this.#countOnce(sides, ask));
  }

  async #countOnce<S extends SidesAnswer, T>(
    sides: (part: HistoryPart, signal: AbortSignal | undefined) => Promise<S>,
    ask: (counted: CountedPart, all: readonly Answered<S>[], signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<CountedAnswers<S, T>> {
    let found = await this.each(sides);
    while (true) {
      for (const { part, answer } of found)
        if (answer.result.isCut) this.note(part, 'too many connections: some count at both of their ends');
      const uncounted = countedOnce(found.map(({ answer }) => answer.result));
      const counted = new Map(
        found.map(({ part, answer }, index) => [
          part,
          { part, uncounted: uncounted[index]!, range: knownRange(answer) },
        ]),
      );
      const all = found;
      const answers = await this.each((part, signal) => ask(counted.get(part)!, all, signal));
      if (answers.length === found.length) return { sides: found, answers };
      found = found.filter(({ part }) => this.#parts.includes(part));
    }
  }
}

/** The part of the range of which all is in: what comes in between two questions must not count at one end only. */
function knownRange({ range, unrecorded }: Answer<unknown>): Range {
  const last = unrecorded.at(-1);
  return last?.to === range.to ? { from: range.from, to: last.from + 1n } : range;
}

/** What all answers say about the range together: a span in which one of the hosts recorded nothing is one. */
export function mergedCoverage(coverages: readonly Coverage[]): Omit<Coverage, 'incomplete'> {
  return {
    losses: coverages.flatMap(({ losses }) => losses).toSorted(byTime),
    unrecorded: unionOf(coverages.flatMap(({ unrecorded }) => unrecorded)),
  };
}

function byTime(a: LossRow, b: LossRow): number {
  return a.time < b.time ? -1 : a.time > b.time ? 1 : 0;
}

function unionOf(ranges: readonly Range[]): Range[] {
  const union: Range[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const last = union.at(-1);
    if (last === undefined || from > last.to) union.push({ from, to });
    else if (to > last.to) union[union.length - 1] = { from: last.from, to };
  }
  return union;
}
