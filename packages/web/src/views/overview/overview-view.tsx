/** One glance at the host: whether anything is wrong, and what is going on. */
import type { VNode } from 'preact';
import { useAnswer, usePageAnswer } from '../../api/use-answer.js';
import { spansOf } from '../../chart/steps.js';
import { formatCount, formatMany } from '../../format/number-text.js';
import { continueTotal } from '../../live/continue-answer.js';
import { liveSums } from '../../live/live-sums.js';
import { useSlowly } from '../../parts/use-slowly.js';
import { pageRange } from '../../state/page-range.js';
import { currentFilter } from '../../state/page-state.js';
import { rangeBefore, rangeBetween } from '../../time/range-text.js';
import { FiguresStrip } from './figures-strip.js';
import { ErrorsPanel, LargestPanel, LossesPanel, NewPanel, PeersPanel } from './overview-panels.js';
import { TrafficCharts } from './traffic-charts.js';
import { concernsOf, unrecordedSeconds, type VerdictInput } from './verdict.js';

const DAY_MS = 86_400_000;
/** Time after which what the range is compared with is asked for again. */
const COMPARED_MS = 60_000;
const NOTHING_ENDED =
  'No connection ended in this range. Connections of this host appear here as they end: open some, for instance with curl.';
const NOTHING_MEETS = 'No connection that ended in this range meets the filter.';

/** Shows it. */
export function OverviewView(): VNode {
  const range = pageRange.value;
  const filter = currentFilter.value;
  const total = usePageAnswer('groups', {});
  const errors = usePageAnswer('groups', { by: 'error', order: 'failures', limit: 9 });
  // What it is compared with hardly changes while the range moves on, and takes the server longest.
  const slow = useSlowly(range, `${range?.asked} ${filter}`, COMPARED_MS);
  const beforeRange = slow === undefined ? undefined : rangeBefore(slow.from, slow.to);
  const before = useAnswer('groups', beforeRange === undefined ? undefined : { range: beforeRange, filter });
  // A range of more than a day is compared with what is right before it.
  const back = slow === undefined ? 0 : Math.max(DAY_MS, slow.to - slow.from);
  const against = slow && { range: slow.text, against: rangeBetween(slow.from - back, slow.to - back) };
  const compared = usePageAnswer('compare', against && { ...against, limit: 200 });
  const answer = total.answer && continueTotal(total.answer, liveSums.value);
  if (range === undefined || answer === undefined)
    return total.problem === undefined ? (
      <p class="empty">…</p>
    ) : (
      <p class="notice is-bad">{total.problem.message}</p>
    );
  // The page may have another range already.
  const span = spansOf([answer.range])[0]!;
  const seconds = (span.to - span.from) / 1000;
  const spanBefore = spansOf(before.answer === undefined ? [] : [before.answer.range])[0] ?? span;
  const secondsBefore =
    before.answer === undefined ? 0 : seconds - unrecordedSeconds(spanBefore, before.answer);
  // Less than half of a range is no measure for another.
  const known = before.answer !== undefined && secondsBefore > seconds / 2 ? before.answer.total : undefined;
  const input: VerdictInput = {
    range: span,
    now: answer.total,
    before: known,
    errors: errors.answer,
    differences: compared.answer?.differences ?? [],
    coverage: answer,
  };
  return (
    <div class={`overview ${total.problem === undefined ? '' : 'is-old'}`}>
      <Verdict input={input} />
      {answer.total.connections === 0 && (
        <p class="notice">{filter === '' ? NOTHING_ENDED : NOTHING_MEETS}</p>
      )}
      <FiguresStrip
        now={answer.total}
        before={known}
        seconds={seconds - unrecordedSeconds(span, answer)}
        secondsBefore={secondsBefore}
      />
      <TrafficCharts />
      <ErrorsPanel asked={errors} total={answer.total} />
      <PeersPanel />
      <LargestPanel title="Top processes" by="process" column="Process" />
      <LargestPanel title="Top peers" by="peer_name" column="Peer" />
      <NewPanel asked={compared} />
      <LossesPanel range={span} coverage={answer} />
    </div>
  );
}

function Verdict({ input }: { readonly input: VerdictInput }): VNode {
  const concerns = concernsOf(input);
  const isBad = concerns.some(({ level }) => level === 'bad');
  const { connections, failures } = input.now;
  return (
    <section class={`verdict ${isBad ? 'is-bad' : concerns.length > 0 ? 'is-note' : 'is-good'}`}>
      <strong aria-live="polite">{isBad ? 'Look at this' : 'Nothing looks wrong'}</strong>
      <span>
        {formatMany(connections, 'connection')} ended, {formatCount(failures)} failed
      </span>
      {concerns.map(({ level, text }) => (
        <span key={text} class={`concern is-${level}`}>
          {text}
        </span>
      ))}
    </section>
  );
}
