/** Whether anything is wrong, in a line. Pure. */
import type { Coverage, Difference, GroupsAnswer, Measures } from '../../api/api-types.js';
import { lossSpans, overlap, type Span, spansOf } from '../../chart/steps.js';
import { errnoText } from '../../format/errno-text.js';
import { formatCount, formatMicroseconds, formatRatio, formatSeconds } from '../../format/number-text.js';

/** Something to look at. */
export interface Concern {
  readonly level: 'bad' | 'note';
  readonly text: string;
}

/** What is known when the line is written. */
export interface VerdictInput {
  readonly range: Span;
  readonly now: Measures;
  /** The range of the same length before; undefined where nothing was recorded then. */
  readonly before: Measures | undefined;
  readonly errors: GroupsAnswer | undefined;
  readonly differences: readonly Difference[];
  readonly coverage: Coverage;
}

/** So few connections say nothing about a share. */
const LEAST_CONNECTIONS = 20;
const BAD_FAILURES = 0.02;
const NOTED_FAILURES = 0.001;
const MORE_FAILURES = 2;
const BAD_RETRANSMITS = 0.02;
const SLOWER = 2;
const LEAST_SLOWER_US = 1000;
/** What is not in yet at the end of a range that ends now. */
const NOT_IN_YET_MS = 120_000;

/** What is worth a look, the worst first. */
export function concernsOf(input: VerdictInput): Concern[] {
  const all = [lost(input), unrecorded(input), failing(input), slower(input), retransmitted(input)];
  const found = all.filter((concern) => concern !== undefined);
  return [...found.filter(({ level }) => level === 'bad'), ...found.filter(({ level }) => level === 'note')];
}

function lost({ coverage: { losses } }: VerdictInput): Concern | undefined {
  if (losses.length === 0) return undefined;
  const count = losses.reduce((sum, loss) => sum + (loss.count ?? 0), 0);
  const isAllCounted = losses.every((loss) => loss.count !== undefined);
  const spans = lossSpans(losses);
  const noun = count === 1 ? 'event was' : 'events were';
  const many =
    count > 0 ? `${isAllCounted ? '' : 'at least '}${formatCount(count)} ${noun} lost` : `${noun} lost`;
  const ms = spans.reduce((sum, { from, to }) => sum + to - from, 0);
  return { level: 'bad', text: `${many} in ${formatSeconds(ms / 1000)}` };
}

/** Seconds of a range that were not recorded, without its end that is not in yet. */
export function unrecordedSeconds(range: Span, { unrecorded: ranges }: Coverage): number {
  const spans = spansOf(ranges).filter(
    ({ from, to }) => !(to >= range.to && to - from < NOT_IN_YET_MS && from > range.from),
  );
  return spans.reduce((sum, span) => sum + overlap(span, range), 0) / 1000;
}

function unrecorded({ range, coverage }: VerdictInput): Concern | undefined {
  const seconds = unrecordedSeconds(range, coverage);
  if (seconds < 1) return undefined;
  const share = seconds / ((range.to - range.from) / 1000);
  return {
    level: 'note',
    text: `${formatSeconds(seconds)} (${formatRatio(share)}) of this range not recorded`,
  };
}

function failing({ now, before, errors }: VerdictInput): Concern | undefined {
  if (now.failures === 0) return undefined;
  const share = now.failures / now.connections;
  const shareBefore =
    before === undefined || before.connections === 0 ? undefined : before.failures / before.connections;
  const hasGrown = shareBefore !== undefined && share > shareBefore * MORE_FAILURES && now.failures > 2;
  if (now.connections < LEAST_CONNECTIONS && !hasGrown) return undefined;
  if (share < NOTED_FAILURES && !hasGrown) return undefined;
  const first = errors?.groups.find(({ failures }) => failures > 0)?.key.error;
  const most = typeof first === 'string' ? `, most ${errnoText(first) ?? first}` : '';
  const was = shareBefore === undefined ? '' : ` (${formatRatio(shareBefore)} before)`;
  const level = share >= BAD_FAILURES || hasGrown ? 'bad' : 'note';
  return { level, text: `${formatRatio(share)} of connections failed${was}${most}` };
}

function slower({ now, before, differences }: VerdictInput): Concern | undefined {
  const [is, was] = [now.handshake_us, before?.handshake_us];
  if (is !== undefined && was !== undefined && is > was * SLOWER && is - was > LEAST_SLOWER_US)
    return {
      level: 'bad',
      text: `handshakes take ${formatMicroseconds(is)} (${formatMicroseconds(was)} before)`,
    };
  const count = differences.filter(({ changes }) => changes.includes('slower')).length;
  return count === 0 ? undefined : { level: 'note', text: `${formatCount(count)} slower than yesterday` };
}

function retransmitted({ now, before }: VerdictInput): Concern | undefined {
  const ratio = now.retransmit_ratio ?? 0;
  if (ratio < BAD_RETRANSMITS || now.segments_sent < 1000) return undefined;
  const was =
    before?.retransmit_ratio === undefined ? '' : ` (${formatRatio(before.retransmit_ratio)} before)`;
  return { level: 'bad', text: `${formatRatio(ratio)} of segments sent again${was}` };
}
