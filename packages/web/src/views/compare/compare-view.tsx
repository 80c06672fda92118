/** Two ranges side by side: what is new, gone, slower, fails more, moves more. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { Change, Coverage, Measures } from '../../api/api-types.js';
import { type Asked, useAnswer, usePageAnswer } from '../../api/use-answer.js';
import { overlap, spansOf } from '../../chart/steps.js';
import { formatCount, formatRatio, formatShort } from '../../format/number-text.js';
import { formatRange, parseApiTime } from '../../format/time-text.js';
import { Panel } from '../../parts/panel.js';
import { pageRange } from '../../state/page-range.js';
import { currentFilter, viewParameter } from '../../state/page-state.js';
import { FieldSelect } from '../../table/field-select.js';
import { readFields } from '../../table/group-fields.js';
import { againstChoices, againstRange } from './against.js';
import { compareFigures } from './compare-figures.js';
import { DifferenceTable } from './difference-table.js';
import { changeNames, changeTitles, chosenDifferences, countChanges } from './differences.js';

const againstParameter = viewParameter('against', 'before');
const byParameter = viewParameter('by', 'process,peer_name');
const changeParameter = viewParameter('change');

const MOST_DIFFERENCES = 1_000;
const MOST_FIELDS = 4;

/** Shows it. */
export function CompareView(): VNode {
  const range = pageRange.value;
  const filter = currentFilter.value;
  const choice = againstParameter.value.value;
  const fields = readFields(byParameter.value.value, MOST_FIELDS);
  const by = fields.length > 0 ? fields : ['process', 'peer_name'];
  const against = range === undefined ? undefined : againstRange(choice, range);
  const asked = usePageAnswer(
    'compare',
    against === undefined ? undefined : { against, by: by.join(','), limit: MOST_DIFFERENCES },
  );
  const now = usePageAnswer('groups', {});
  const before = useAnswer('groups', against === undefined ? undefined : { range: against, filter });
  const { answer } = asked;
  const isOfFields = answer?.differences.every(({ key }) => by.every((name) => name in key)) ?? false;
  const differences = isOfFields ? (answer?.differences ?? []) : [];
  const change = changeNames.find((name) => name === changeParameter.value.value);
  const counts = countChanges(differences);
  const shown = chosenDifferences(differences, change);
  return (
    <div class="compare">
      <div class="compare-tools">
        <AgainstSelect choice={choice} />
        <FieldSelect
          label="By"
          fields={by}
          most={MOST_FIELDS}
          onChange={(next) => byParameter.set(next.join(','))}
        />
      </div>
      <div class="compare-totals">
        <SideTotals title="This range" side="now" asked={now} other={before.answer?.total} />
        <SideTotals title="Against" side="before" asked={before} other={undefined} />
      </div>
      <Panel
        title="What differs"
        asked={asked}
        aside={
          answer !== undefined && (
            <span class="muted">
              {differences.length >= MOST_DIFFERENCES && 'at least '}
              {formatCount(differences.length)} of {formatCount(answer.count)} differ
            </span>
          )
        }
      >
        <fieldset class="segments compare-changes" aria-label="In which way">
          <ChangeButton change={undefined} current={change} count={differences.length} />
          {changeNames.map((name) => (
            <ChangeButton key={name} change={name} current={change} count={counts[name]} />
          ))}
        </fieldset>
        {answer !== undefined && recordedPart(answer.against) === 0 && (
          <p class="notice">Nothing was recorded in the other range: all is new.</p>
        )}
        {shown.length === 0 ? (
          <p class="empty">{differences.length === 0 ? 'Nothing differs much.' : 'None.'}</p>
        ) : (
          <DifferenceTable
            by={by}
            differences={shown}
            nowRange={range?.text ?? ''}
            beforeRange={
              answer === undefined ? '' : `${answer.against.range.from}..${answer.against.range.to}`
            }
          />
        )}
      </Panel>
    </div>
  );
}

function AgainstSelect({ choice }: { readonly choice: string }): VNode {
  const isNamed = againstChoices.some(({ name }) => name === choice);
  const [text, setText] = useState(isNamed ? '' : choice);
  return (
    <form
      class="compare-against"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== '') againstParameter.set(text.trim());
      }}
    >
      <span class="muted">Against</span>
      <span class="segments">
        {againstChoices.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === choice}
            onClick={() => {
              setText('');
              againstParameter.set(name);
            }}
          >
            {title}
          </button>
        ))}
      </span>
      <input
        aria-label="Another range"
        placeholder="or: yesterday, -3h..-2h"
        value={text}
        aria-current={isNamed ? undefined : 'true'}
        onInput={({ currentTarget: { value } }) => setText(value)}
      />
    </form>
  );
}

interface ChangeButtonProps {
  readonly change: Change | undefined;
  readonly current: Change | undefined;
  readonly count: number;
}

function ChangeButton({ change, current, count }: ChangeButtonProps): VNode {
  return (
    <button type="button" aria-pressed={change === current} onClick={() => changeParameter.set(change ?? '')}>
      {change === undefined ? 'All' : changeTitles[change]}{' '}
      <span class="compare-count">{formatShort(count)}</span>
    </button>
  );
}

/** The part of a range that was recorded. */
function recordedPart({ range, unrecorded }: Coverage): number {
  const span = spansOf([range])[0]!;
  const missing = spansOf(unrecorded).reduce((sum, hole) => sum + overlap(hole, span), 0);
  return 1 - missing / (span.to - span.from);
}

interface SideTotalsProps {
  readonly title: string;
  readonly side: 'now' | 'before';
  readonly asked: Asked<Coverage & { readonly total: Measures }>;
  /** The totals of the other side, for factors. */
  readonly other: Measures | undefined;
}

function SideTotals({ title, side, asked, other }: SideTotalsProps): VNode {
  const { answer } = asked;
  const part = answer === undefined ? 1 : recordedPart(answer);
  return (
    <Panel
      title={title}
      asked={asked}
      class={`compare-side is-${side}`}
      aside={
        answer !== undefined && (
          <span class="muted">
            {formatRange(parseApiTime(answer.range.from), parseApiTime(answer.range.to))}
          </span>
        )
      }
    >
      {answer !== undefined && (
        <dl>
          {compareFigures.map(({ title: name, value, format }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <strong>{format(value(answer.total))}</strong>{' '}
                {other !== undefined && <Factor is={value(answer.total)} was={value(other)} />}
              </dd>
            </div>
          ))}
        </dl>
      )}
      {part < 0.98 && <p class="muted">{formatRatio(part)} of it was recorded.</p>}
    </Panel>
  );
}

function Factor({
  is,
  was,
}: {
  readonly is: number | undefined;
  readonly was: number | undefined;
}): VNode | null {
  if (is === undefined || was === undefined || was === 0 || Math.abs(is / was - 1) < 0.02) return null;
  const change = is / was - 1;
  const text =
    change > 2 ? `× ${formatShort(change + 1)}` : `${change > 0 ? '+' : '−'}${formatRatio(Math.abs(change))}`;
  return <small class="muted">{text}</small>;
}
