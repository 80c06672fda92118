/** A failure: exactly when it was first and last, and what changed when it began. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { EndedConnection, Key, SeriesAnswer } from '../../api/api-types.js';
import { useAnswer, usePageAnswer } from '../../api/use-answer.js';
import { lossSpans, perSecond, type Span, spansOf, stepsOf } from '../../chart/steps.js';
import { TimeChart } from '../../chart/time-chart.js';
import type { ChartContent } from '../../chart/uplot-options.js';
import { joinFilters, narrowFilter } from '../../filter/filter-term.js';
import { errnoText } from '../../format/errno-text.js';
import {
  formatCount,
  formatMicroseconds,
  formatSeconds,
  formatShort,
  UNKNOWN,
} from '../../format/number-text.js';
import { formatClock, formatTime, parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { pageRange } from '../../state/page-range.js';
import { currentFilter, linkTo } from '../../state/page-state.js';
import { rangeBetween, stepSeconds } from '../../time/range-text.js';
import { type Coincidence, coverageChanges, fieldChanges, onsetSpans } from './coincidence.js';
import type { FailureKind } from './failure-kinds.js';
import type { Steps } from './strip-bars.js';

/** What it has. */
export interface FailureDetailProps {
  readonly kind: FailureKind;
  readonly failing: Key;
  /** Undefined until it is known, or where there is none. */
  readonly steps: Steps | undefined;
  /** Whether it did not fail in the range before; undefined until that is known. */
  readonly isNew: boolean | undefined;
}

const MOST_STEPS = 120;
const formatPerSecond = (value: number) => `${formatShort(value)}/s`;
const rangeOf = ({ from, to }: Span) => rangeBetween(from, to);

/** Shows it. */
export function FailureDetail({ kind, failing, steps, isNew }: FailureDetailProps): VNode | null {
  const range = pageRange.value;
  const filter = currentFilter.value;
  const failed = joinFilters(narrowFilter(filter, failing), kind.filter);
  const one = { filter: failed, limit: 1 };
  const first = useAnswer(
    'connections',
    steps === undefined ? undefined : { ...one, range: rangeOf(steps.first), order: 'oldest' },
  ).answer?.connections[0];
  const last = useAnswer(
    'connections',
    steps === undefined ? undefined : { ...one, range: rangeOf(steps.last), order: 'newest' },
  ).answer?.connections[0];
  const pair = {
    process: failing.process ?? null,
    peer_name: failing.peer_name ?? null,
    port: failing.port ?? null,
  };
  const step = range === undefined ? undefined : `${stepSeconds(range.from, range.to, MOST_STEPS)}s`;
  const withOthers = usePageAnswer(
    'series',
    step === undefined ? undefined : { step, filter: narrowFilter(filter, pair) },
  );
  const failures = usePageAnswer('series', step === undefined ? undefined : { step, filter: failed });
  const content = useMemo(
    () =>
      withOthers.answer === undefined || failures.answer === undefined
        ? undefined
        : contentOf(withOthers.answer, failures.answer),
    [withOthers.answer, failures.answer],
  );
  if (range === undefined) return null;
  const what = failing[kind.by[0]!];
  return (
    <Panel
      title="This failure"
      class="failures-detail"
      asked={withOthers}
      aside={<a href={linkTo({ view: 'table', filter: failed })}>Its connections</a>}
    >
      <p class="failures-title">
        <strong>
          <Name name={failing.process} />
        </strong>{' '}
        to{' '}
        <strong>
          <Name name={failing.peer_name} />:{failing.port}
        </strong>
        : {kind.name === 'cut' ? 'cut by ' : ''}
        {(typeof what === 'string' ? errnoText(what) : undefined) ?? ''} <Name name={what} />
      </p>
      <dl class="failures-figures">
        <Moment title="First in this range" connection={first} />
        <Moment title="Last" connection={last} />
        <div>
          <dt>Before this range</dt>
          <dd>{isNew === undefined ? '…' : isNew ? 'did not fail so' : <Earlier range={range} />}</dd>
        </div>
      </dl>
      {first !== undefined && (
        <Coincidences key={first.time} onset={parseApiTime(first.time)} failing={failing} range={range} />
      )}
      {content !== undefined && (
        <TimeChart label="This process to this peer, over time" content={content} height={150} />
      )}
    </Panel>
  );
}

function Earlier({ range }: { readonly range: Span }): VNode {
  const earlier = { from: range.from - (range.to - range.from), to: range.to };
  return (
    <>
      failed too, or not recorded · <a href={linkTo({ range: rangeOf(earlier) })}>Look further back</a>
    </>
  );
}

function Moment({
  title,
  connection,
}: {
  readonly title: string;
  readonly connection: EndedConnection | undefined;
}): VNode {
  if (connection === undefined)
    return (
      <div>
        <dt>{title}</dt>
        <dd>{UNKNOWN}</dd>
      </div>
    );
  const { flow_id, time, duration_us } = connection;
  const text = formatTime(parseApiTime(time));
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        {flow_id === undefined ? (
          text
        ) : (
          <a href={linkTo({ view: 'connection', parameters: { id: flow_id } })}>{text}</a>
        )}
        {duration_us !== undefined && <span class="muted"> after {formatMicroseconds(duration_us)}</span>}
      </dd>
    </div>
  );
}

/** What coincided with the first failure. Nothing is said where the history shows nothing. */
function Coincidences({
  onset,
  failing,
  range,
}: {
  readonly onset: number;
  readonly failing: Key;
  readonly range: Span;
}): VNode | null {
  const spans = onsetSpans(onset, range);
  const question = { range: rangeOf(spans.after), against: rangeOf(spans.before), limit: 1000 };
  const processes = useAnswer('compare', { ...question, by: 'process' }).answer;
  const peers = useAnswer('compare', { ...question, by: 'peer_name' }).answer;
  const wide = { from: spans.before.from, to: spans.after.to };
  const coverage = useAnswer('losses', { range: rangeOf(wide) }).answer;
  const changes: Coincidence[] = [
    ...(coverage === undefined ? [] : coverageChanges(onset, spans, coverage)),
    ...(processes === undefined ? [] : fieldChanges(spans, 'process', processes, failing)),
    ...(peers === undefined ? [] : fieldChanges(spans, 'peer_name', peers, failing)),
  ];
  if (changes.length === 0) return null;
  const beforeText = formatSeconds((spans.before.to - spans.before.from) / 1000);
  return (
    <section class="failures-changes" aria-label="What changed when it began">
      <h3>
        What changed at that time{' '}
        <a
          href={linkTo({
            view: 'compare',
            filter: '',
            range: rangeOf(spans.after),
            parameters: { against: rangeOf(spans.before) },
          })}
        >
          Compare
        </a>
      </h3>
      <ul>
        {changes.map((change) => (
          <li key={JSON.stringify(change)}>
            <ChangeText change={change} before={beforeText} />
          </li>
        ))}
      </ul>
    </section>
  );
}

const nouns: Readonly<Record<string, string>> = { process: 'process', peer_name: 'peer' };

function ChangeText({ change, before }: { readonly change: Coincidence; readonly before: string }): VNode {
  switch (change.kind) {
    case 'recording':
      return <>Weir began to record at {formatClock(change.at)}: it may have failed before.</>;
    case 'loss':
      return (
        <>
          {change.count === undefined ? 'Events' : `${formatCount(change.count)} events`} were lost until{' '}
          {formatClock(change.span.to)}: there may have been more.
        </>
      );
    default: {
      const noun = nouns[change.field] ?? change.field;
      const began = change.kind === 'began';
      return (
        <>
          {change.isOwn ? `The ${noun} itself, ` : `The ${noun} `}
          <strong>
            <Name name={change.value} />
          </strong>
          {change.isOwn ? ', ' : ' '}
          {began
            ? `has connections from then on (${formatCount(change.connections)}), and had none in the ${before} before.`
            : `has none from then on, and had ${formatCount(change.connections)} in the ${before} before.`}
        </>
      );
    }
  }
}

function contentOf(all: SeriesAnswer, failed: SeriesAnswer): ChartContent {
  const range = spansOf([all.range])[0]!;
  const unrecorded = spansOf(all.unrecorded);
  const step = all.step_seconds;
  const steps = (answer: SeriesAnswer) => stepsOf(range, step, answer.series[0]?.points ?? [], unrecorded);
  const rate = (answer: SeriesAnswer) =>
    steps(answer).map((each) => perSecond(each, step, ({ connections }) => connections));
  return {
    ...{ range, unrecorded, stepSeconds: step, lost: lossSpans(all.losses) },
    times: steps(all).map(({ from }) => from),
    format: formatPerSecond,
    series: [
      { label: 'all connections', color: '--series-3', values: rate(all) },
      { label: 'this failure', color: '--bad', values: rate(failed) },
    ],
  };
}
