/** Questions in SQL. */
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useLayoutEffect, useMemo } from 'preact/hooks';
import type { SqlAnswer } from '../../api/api-types.js';
import { useAnswer } from '../../api/use-answer.js';
import { visibleName } from '../../format/name-text.js';
import { formatCount, formatMany, formatMicroseconds } from '../../format/number-text.js';
import { formatRange, parseApiTime } from '../../format/time-text.js';
import { viewParameter } from '../../state/page-state.js';
import { SqlChart } from './sql-chart.js';
import { SQL_INPUT, SqlEditor } from './sql-editor.js';
import { sqlExamples } from './sql-examples.js';
import { chartOf, csvOf, jsonOf, tabbedOf } from './sql-result.js';
import { SqlResults } from './sql-results.js';
import { type SqlRun, useSql } from './sql-run.js';
import { SqlShelf } from './sql-shelf.js';
import { keepDraft, readDraft, rememberStatement } from './sql-store.js';
import { useTables } from './sql-tables.js';
import { placeOf, type SqlMistake } from './sql-text.js';

const statement = viewParameter('q');
const rowLimit = viewParameter('limit', '1000');
const shown = viewParameter('as', 'table');
const limits = [100, 1000, 10_000, 100_000];

/** Shows it. The link has the statement that was run last; one that is being written is kept by the browser. */
export function SqlView(): VNode {
  const { answer: status } = useAnswer('status', {});
  const role = status?.you.role;
  const mayAsk = role !== undefined && role !== 'read';
  const asked = statement.value.value;
  const typed = useSignal(asked || readDraft() || sqlExamples[0]!.sql);
  const version = useSignal(0);
  // Before anything is shown: what is typed into it meanwhile would be lost.
  useLayoutEffect(() => {
    if (asked !== '') typed.value = asked;
  }, [asked, typed]);
  const tables = useTables(mayAsk);
  const most = status?.limits.rows ?? 1000;
  const limit = Math.min(most, Math.max(1, Math.floor(Number(rowLimit.value.value)) || 1000));
  const { run, stop } = useSql(mayAsk ? asked : '', limit, version.value);
  const state = run.value;
  const change = (sql: string) => {
    typed.value = sql;
    keepDraft(sql);
  };
  const start = () => {
    const sql = typed.value.trim();
    if (sql === '' || !mayAsk) return;
    typed.value = sql;
    keepDraft(sql);
    rememberStatement(sql);
    if (sql === asked) version.value++;
    else statement.set(sql);
  };
  // A mistake is in the statement that was run, and so not in one that was changed since.
  const mistake = state.sql === typed.value ? state.mistake : undefined;
  if (role === 'read') return <NoRole />;
  return (
    <div class="sql">
      <section class="panel sql-question" aria-label="Question">
        <SqlEditor
          sql={typed.value}
          tables={tables}
          wrongAt={mistake?.offset}
          problemId={mistake === undefined ? undefined : 'sql-problem'}
          onChange={change}
          onRun={start}
        />
        <div class="sql-tools">
          {state.isRunning ? (
            <button type="button" onClick={stop}>
              Stop
            </button>
          ) : (
            <button type="button" class="primary" disabled={!mayAsk} title="Ctrl Enter" onClick={start}>
              Run
            </button>
          )}
          <label>
            At most{' '}
            <select value={String(limit)} onChange={({ currentTarget }) => rowLimit.set(currentTarget.value)}>
              {[...new Set([...limits.filter((each) => each < most), most, limit])]
                .sort((a, b) => a - b)
                .map((each) => (
                  <option key={each} value={String(each)}>
                    {formatCount(each)}
                  </option>
                ))}
            </select>{' '}
            rows
          </label>
          <span class="muted">
            <kbd>Ctrl</kbd>
            <kbd>Enter</kbd> runs, <kbd>Ctrl</kbd>
            <kbd>Space</kbd> completes. <code>$from</code> and <code>$to</code> are the range above. Times are
            UTC.
          </span>
        </div>
        {state.problem !== undefined && (
          <Problem mistake={state.mistake} sql={state.sql ?? ''} isHere={mistake !== undefined} />
        )}
        {state.isStopped === true && <p class="notice">Stopped.</p>}
      </section>
      <Answered state={state} />
      <SqlShelf
        sql={typed.value}
        tables={tables}
        runs={version.value}
        onChoose={(sql) => {
          change(sql);
          document.getElementById(SQL_INPUT)?.focus();
        }}
      />
    </div>
  );
}

function NoRole(): VNode {
  return (
    <div class="notice">
      <p>
        <strong>Your token may not ask in SQL.</strong> It has the role <code>read</code>. SQL can name any
        column, such as command lines, and costs more than the other views. Who runs the host can make a token
        for it:
      </p>
      <p>
        <code>sudo weir serve token add NAME --role sql</code>
      </p>
    </div>
  );
}

interface ProblemProps {
  readonly mistake: SqlMistake | undefined;
  readonly sql: string;
  /** Whether the statement is still as it was run. */
  readonly isHere: boolean;
}

function Problem({ mistake, sql, isHere }: ProblemProps): VNode {
  const offset = mistake?.offset;
  const place = offset === undefined ? undefined : placeOf(sql, offset);
  const go = () => {
    const input = document.getElementById(SQL_INPUT) as HTMLTextAreaElement | null;
    input?.focus();
    input?.setSelectionRange(offset!, offset!);
  };
  return (
    <p class="notice is-bad" role="alert" id="sql-problem">
      {place !== undefined && (
        <button type="button" class="quiet" disabled={!isHere} onClick={go}>
          Line {place.line}, column {place.column}
        </button>
      )}
      {visibleName(mistake?.message ?? '')}
    </p>
  );
}

function Answered({ state }: { readonly state: SqlRun }): VNode {
  const { answer, tookMs, range, isRunning } = state;
  const chart = useMemo(() => (answer === undefined ? undefined : chartOf(answer)), [answer]);
  if (answer === undefined)
    return (
      <section class="panel sql-answer" aria-label="Answer" aria-busy={isRunning}>
        <p class="empty">{isRunning ? 'Asking…' : 'The answer appears here.'}</p>
      </section>
    );
  const isChart = shown.value.value === 'chart' && chart !== undefined;
  const { rows, truncated } = answer;
  return (
    <section
      class={`panel sql-answer ${isRunning ? 'is-old' : ''}`}
      aria-label="Answer"
      aria-busy={isRunning}
    >
      <header>
        <p role="status">
          <strong>{formatMany(rows.length, 'row')}</strong>
          {truncated && ', there are more'}
          <span class="muted">
            {tookMs !== undefined && ` in ${formatMicroseconds(tookMs * 1000)}`}
            {range !== undefined &&
              state.sql?.includes('$') &&
              `, ${formatRange(parseApiTime(range.from), parseApiTime(range.to))}`}
          </span>
        </p>
        <div class="sql-tools">
          <fieldset class="segments" aria-label="Show as">
            {(['table', 'chart'] as const).map((each) => (
              <button
                key={each}
                type="button"
                aria-pressed={(each === 'chart') === isChart}
                disabled={each === 'chart' && chart === undefined}
                title={
                  each === 'chart' && chart === undefined
                    ? 'A chart needs a column of times, one of numbers, and two rows'
                    : undefined
                }
                onClick={() => shown.set(each)}
              >
                {each === 'table' ? 'Table' : 'Chart'}
              </button>
            ))}
          </fieldset>
          <Exports answer={answer} />
        </div>
      </header>
      <div class="panel-body">
        {isChart ? (
          <SqlChart chart={chart} />
        ) : rows.length === 0 ? (
          <p class="empty">No row.</p>
        ) : (
          <SqlResults answer={answer} />
        )}
      </div>
    </section>
  );
}

function Exports({ answer }: { readonly answer: SqlAnswer }): VNode {
  const said = useSignal('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(tabbedOf(answer));
      said.value = 'Copied';
    } catch {
      said.value = 'The browser does not allow it';
    }
    setTimeout(() => {
      said.value = '';
    }, 2500);
  };
  return (
    <>
      <button type="button" onClick={copy}>
        Copy
      </button>
      <button type="button" onClick={() => save(csvOf(answer), 'text/csv', 'csv')}>
        CSV
      </button>
      <button type="button" onClick={() => save(jsonOf(answer), 'application/json', 'json')}>
        JSON
      </button>
      <span role="status" class="muted">
        {said.value}
      </span>
    </>
  );
}

function save(text: string, type: string, extension: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = `weir-sql-${new Date().toISOString().replace(/[:.]/g, '-')}.${extension}`;
  link.click();
  // Some browsers begin to read it only after this.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
