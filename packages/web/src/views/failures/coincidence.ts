/** What changed when something began to fail. Only what the history shows is said. Pure. */
import type { CompareAnswer, Coverage, Key } from '../../api/api-types.js';
import { lossSpans, overlap, type Span, spansOf } from '../../chart/steps.js';

/** A change. */
export type Coincidence =
  /** Nothing was recorded until shortly before: it may have failed for longer. */
  | { readonly kind: 'recording'; readonly at: number }
  /** Something was lost around the time: there may have been more. */
  | { readonly kind: 'loss'; readonly span: Span; readonly count: number | undefined }
  /** A process or a peer had connections from then on, and had none before; or the other way round. */
  | {
      readonly kind: 'began' | 'ended';
      readonly field: string;
      readonly value: string | number | null;
      readonly connections: number;
      /** It is the one that fails. */
      readonly isOwn: boolean;
    };

/** The two spans that are compared. */
export interface OnsetSpans {
  readonly before: Span;
  readonly after: Span;
}

const LEAST_MS = 60_000;
const MOST_MS = 15 * 60_000;
/** What changes causes failures at once, or a little before. */
const EARLIER_PART = 0.2;
const MOST_CHANGES = 4;

/** Spans around the moment at which something began. @param range The range that is looked at */
export function onsetSpans(onset: number, range: Span): OnsetSpans {
  const length = Math.max(LEAST_MS, Math.min(MOST_MS, (range.to - range.from) / 12));
  const split = onset - length * EARLIER_PART;
  return {
    before: { from: split - 3 * length, to: split },
    after: { from: split, to: split + length },
  };
}

/** Where recording began, or something was lost, close to a moment. */
export function coverageChanges(
  onset: number,
  { before, after }: OnsetSpans,
  coverage: Coverage,
): Coincidence[] {
  const holes = spansOf(coverage.unrecorded).filter(({ to }) => to <= onset && to >= before.to - LEAST_MS);
  const losses = coverage.losses.flatMap((loss): Coincidence[] => {
    const span = lossSpans([loss])[0]!;
    const isNear = overlap({ from: span.from, to: span.to + 1 }, { from: before.to, to: after.to }) > 0;
    return isNear ? [{ kind: 'loss', span, count: loss.count }] : [];
  });
  return [
    ...holes.slice(-1).map(({ to }) => ({ kind: 'recording' as const, at: to })),
    ...losses.slice(0, 2),
  ];
}

/** Whether enough of the span before was recorded to say that something is new. */
export function isKnownBefore({ before }: OnsetSpans, { against }: CompareAnswer): boolean {
  const missing = spansOf(against.unrecorded).reduce((sum, hole) => sum + overlap(hole, before), 0);
  return missing < (before.to - before.from) / 2;
}

/** What began and what ended, by a field. @param own The key of what fails */
export function fieldChanges(
  spans: OnsetSpans,
  field: string,
  answer: CompareAnswer,
  own: Key,
): Coincidence[] {
  if (!isKnownBefore(spans, answer)) return [];
  const changes = answer.differences.flatMap(({ key, changes: kinds, now, before }): Coincidence[] => {
    const value = key[field] ?? null;
    const isOwn = value !== null && value === own[field];
    if (value === null) return [];
    if (kinds.includes('new'))
      return [{ kind: 'began', field, value, isOwn, connections: now?.connections ?? 0 }];
    // Three times as long a span has more that comes seldom: what had few connections has not ended.
    const isFrequent = (before?.connections ?? 0) >= 9;
    return kinds.includes('gone') && isFrequent
      ? [{ kind: 'ended', field, value, isOwn, connections: before?.connections ?? 0 }]
      : [];
  });
  const rank = (change: Coincidence) =>
    'isOwn' in change ? (change.isOwn ? Number.MAX_SAFE_INTEGER : change.connections) : 0;
  return changes.sort((a, b) => rank(b) - rank(a)).slice(0, MOST_CHANGES);
}
