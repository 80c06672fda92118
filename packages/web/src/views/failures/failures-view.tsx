/** What failed: who, to whom, how often, since when. */
import type { VNode } from 'preact';
import type { Group, SeriesAnswer } from '../../api/api-types.js';
import { useAnswer, usePageAnswer } from '../../api/use-answer.js';
import { spansOf } from '../../chart/steps.js';
import { joinFilters } from '../../filter/filter-term.js';
import { errnoText } from '../../format/errno-text.js';
import { formatCount, formatShort } from '../../format/number-text.js';
import { formatTick } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { NumberHeading } from '../../parts/number-heading.js';
import { Panel } from '../../parts/panel.js';
import { useSlowly } from '../../parts/use-slowly.js';
import { pageRange } from '../../state/page-range.js';
import { currentFilter, linkTo, viewParameter } from '../../state/page-state.js';
import { rangeBefore, stepSeconds } from '../../time/range-text.js';
import { FailureDetail } from './failure-detail.js';
import { keyFromText, keyText } from './failure-key.js';
import { countKinds, type FailureKind, failureKinds, kindOf } from './failure-kinds.js';
import { type Steps, stepsOfPoints, stripBars } from './strip-bars.js';
import { TimeStrip } from './time-strip.js';

const kindParameter = viewParameter('kind', 'all');
const chosenParameter = viewParameter('of');

/** Milliseconds after which the comparison is made again. */
const COMPARED_MS = 60_000;
const MOST_ROWS = 100;
const MOST_STEPS = 60;

/** Shows it. */
export function FailuresView(): VNode {
  const kind = kindOf(kindParameter.value.value);
  const filter = currentFilter.value;
  const range = pageRange.value;
  const wanted = joinFilters(filter, kind.filter);
  const by = kind.by.join(',');
  const question = { by, filter: wanted, order: 'connections', limit: MOST_ROWS };
  const groups = usePageAnswer('groups', question);
  const step = range === undefined ? undefined : `${stepSeconds(range.from, range.to, MOST_STEPS)}s`;
  const series = usePageAnswer('series', step === undefined ? undefined : { ...question, step });
  const errors = usePageAnswer('groups', {
    ...{ by: 'error', order: 'connections', limit: 100 },
    filter: joinFilters(filter, 'event=fail'),
  });
  const cut = usePageAnswer('groups', { filter: joinFilters(filter, kindOf('cut').filter) });
  // What failed before hardly changes while the range moves on.
  const slow = useSlowly(range, `${range?.asked} ${wanted}`, COMPARED_MS);
  const compared = usePageAnswer(
    'compare',
    slow && { range: slow.text, against: rangeBefore(slow.from, slow.to), by, filter: wanted, limit: 1000 },
  );
  const counts = countKinds(errors.answer, cut.answer);
  const rows = (groups.answer?.groups ?? []).filter(
    ({ connections, key }) => connections > 0 && kind.by.every((name) => name in key),
  );
  const chosenText = chosenParameter.value.value;
  const chosen =
    rows.find(({ key }) => keyText(kind.by, key) === chosenText)?.key ??
    keyFromText(kind.by, chosenText) ??
    rows[0]?.key;
  const isNew = newKeys(kind, compared.answer);
  const all = useAnswer('groups', range === undefined ? undefined : { range: range.text, filter });
  return (
    <div class="failures">
      <fieldset class="failures-kinds segments" aria-label="Kind of failure">
        {failureKinds.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === kind.name}
            onClick={() => {
              kindParameter.set(name);
              chosenParameter.set('', { replace: true });
            }}
          >
            {title}{' '}
            <span class={(counts[name] ?? 0) > 0 ? 'failures-count' : 'muted'}>
              {formatShort(counts[name])}
            </span>
          </button>
        ))}
      </fieldset>
      <Panel
        title={kind.name === 'cut' ? 'Connections that were cut' : 'Attempts that failed'}
        asked={groups}
        class="failures-list"
        aside={
          <a href={linkTo({ view: 'table', filter: wanted })}>
            {formatCount(groups.answer?.total.connections)}
            {all.answer !== undefined && ` of ${formatCount(all.answer.total.connections)}`} connections
          </a>
        }
      >
        {rows.length === 0 ? (
          <p class="empty">{kind.name === 'all' ? 'No attempt to connect failed.' : 'None in this range.'}</p>
        ) : (
          <FailureRows {...{ kind, rows, chosen, isNew }} series={series.answer} />
        )}
        {(groups.answer?.count ?? 0) > rows.length && rows.length === MOST_ROWS && (
          <p class="muted">
            The {MOST_ROWS} most frequent of {formatCount(groups.answer?.count)}.{' '}
            <a
              href={linkTo({
                view: 'table',
                filter: wanted,
                parameters: { by: 'process,peer_name', order: 'connections' },
              })}
            >
              All, in the table
            </a>
          </p>
        )}
      </Panel>
      {chosen !== undefined && range !== undefined && (
        <FailureDetail
          key={`${kind.name} ${keyText(kind.by, chosen)}`}
          kind={kind}
          failing={chosen}
          steps={stepsOf(series.answer, kind, chosen)}
          isNew={compared.answer === undefined ? undefined : isNew.has(keyText(kind.by, chosen))}
        />
      )}
    </div>
  );
}

/** Keys of what did not fail in the range before, as far as that was recorded. */
function newKeys(kind: FailureKind, answer: ReturnType<typeof useAnswer<'compare'>>['answer']): Set<string> {
  if (answer === undefined) return new Set();
  const { range, unrecorded } = answer.against;
  if (unrecorded.some(({ from, to }) => from === range.from && to === range.to)) return new Set();
  return new Set(
    answer.differences
      .filter(({ changes, key }) => changes.includes('new') && kind.by.every((name) => name in key))
      .map(({ key }) => keyText(kind.by, key)),
  );
}

function pointsOf(answer: SeriesAnswer | undefined, kind: FailureKind, key: Group['key']) {
  const text = keyText(kind.by, key);
  return answer?.series.find((each) => keyText(kind.by, each.key) === text)?.points ?? [];
}

function spanOf({ range }: SeriesAnswer) {
  return spansOf([range])[0]!;
}

function stepsOf(answer: SeriesAnswer | undefined, kind: FailureKind, key: Group['key']): Steps | undefined {
  if (answer === undefined) return undefined;
  return stepsOfPoints(pointsOf(answer, kind, key), spanOf(answer), answer.step_seconds);
}

interface FailureRowsProps {
  readonly kind: FailureKind;
  readonly rows: readonly Group[];
  readonly chosen: Group['key'] | undefined;
  readonly isNew: ReadonlySet<string>;
  readonly series: SeriesAnswer | undefined;
}

function FailureRows({ kind, rows, chosen, isNew, series }: FailureRowsProps): VNode {
  const chosenText = chosen === undefined ? '' : keyText(kind.by, chosen);
  return (
    <table class="rank failures-table" aria-label="Failures by error, process and peer">
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">Who</th>
          <th scope="col">To whom</th>
          <NumberHeading>How often</NumberHeading>
          <th scope="col" class="failures-when">
            When
          </th>
          <NumberHeading isMinor>First</NumberHeading>
          <NumberHeading>Last</NumberHeading>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const { key, connections } = row;
          const text = keyText(kind.by, key);
          const steps = stepsOf(series, kind, key);
          const stepMs = (series?.step_seconds ?? 60) * 1000;
          // Seconds of a step that is longer say nothing.
          const clock = (ms: number | undefined) => (ms === undefined ? '' : formatTick(ms, stepMs));
          const what = key[kind.by[0]!];
          return (
            <tr key={text} class={text === chosenText ? 'is-chosen' : ''}>
              <th scope="row">
                <a
                  href={linkTo({ parameters: { of: text } })}
                  aria-current={text === chosenText ? 'true' : undefined}
                >
                  {kind.name === 'cut' ? 'by ' : ''}
                  {(typeof what === 'string' ? errnoText(what) : undefined) ?? <Name name={what} />}
                </a>{' '}
                {isNew.has(text) && (
                  <span
                    class="failures-new"
                    title="It did not fail so in the range of the same length before"
                  >
                    new
                  </span>
                )}
              </th>
              <td>
                <Name name={key.process} />
              </td>
              <td>
                <Name name={key.peer_name} />
                <span class="muted">:{key.port}</span>
              </td>
              <td class="is-number is-bad">{formatCount(connections)}</td>
              <td class="failures-when">
                {series !== undefined && (
                  <TimeStrip
                    bars={stripBars(pointsOf(series, kind, key), spanOf(series), series.step_seconds)}
                    range={spanOf(series)}
                    unrecorded={spansOf(series.unrecorded)}
                    label={
                      steps === undefined
                        ? 'not known when'
                        : `from ${clock(steps.first.from)} to ${clock(steps.last.to)}`
                    }
                  />
                )}
              </td>
              <td class="is-number is-minor">{clock(steps?.first.from)}</td>
              <td class="is-number">{clock(steps?.last.from)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
