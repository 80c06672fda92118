/** Runs the statement of the link, and says how that goes. */
import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ApiRange, SqlAnswer } from '../../api/api-types.js';
import { askSql } from '../../api/client.js';
import { ApiProblem } from '../../api/problem.js';
import { recovery } from '../../api/server-state.js';
import { pageRange } from '../../state/page-range.js';
import { currentRange } from '../../state/page-state.js';
import { bindRange, mistakeOf, type SqlMistake } from './sql-text.js';

/** How a statement goes. */
export interface SqlRun {
  readonly isRunning: boolean;
  /** The last answer. */
  readonly answer?: SqlAnswer;
  /** The statement that it answers. */
  readonly sql?: string;
  /** The range that `$from` and `$to` were. */
  readonly range?: ApiRange;
  /** Milliseconds until the answer was there. */
  readonly tookMs?: number;
  readonly problem?: ApiProblem;
  /** Where the problem is in the statement. */
  readonly mistake?: SqlMistake;
  /** Its user has stopped it. */
  readonly isStopped?: boolean;
}

/** A statement that is run, and what stops it. */
export interface RunningSql {
  readonly run: ReadonlySignal<SqlRun>;
  readonly stop: () => void;
}

/**
 * Runs a statement, and again when it changes, or when another range of the page is chosen that it asks about.
 *
 * @param sql Empty: nothing is run.
 * @param version It is also run again when this changes.
 */
export function useSql(sql: string, limit: number, version: number): RunningSql {
  const run = useSignal<SqlRun>({ isRunning: false });
  const controller = useSignal<AbortController | undefined>(undefined);
  const range = pageRange.value;
  const { hasRange } = bindRange(sql, '', '');
  const isReady = !hasRange || range?.asked === currentRange.value;
  const again = recovery.value;
  // A range that ends now moves on without another run: an answer stays while somebody reads it.
  useEffect(() => {
    if (sql.trim() === '') {
      run.value = { isRunning: false };
      return;
    }
    if (!isReady) return;
    const mine = new AbortController();
    controller.value = mine;
    const asked = range?.coverage.range;
    const bound = bindRange(sql, asked?.from ?? '', asked?.to ?? '');
    const began = performance.now();
    const { problem: _problem, mistake: _mistake, isStopped: _stopped, ...kept } = run.value;
    run.value = { ...kept, isRunning: true };
    askSql(bound.text, limit, { signal: mine.signal }).then(
      (answer) => {
        if (controller.value !== mine) return;
        const tookMs = performance.now() - began;
        run.value = { isRunning: false, answer, sql, tookMs, ...(asked && { range: asked }) };
      },
      (error: unknown) => {
        if (controller.value !== mine) return;
        if (mine.signal.aborted) run.value = { ...kept, isRunning: false, isStopped: true };
        else if (error instanceof ApiProblem) {
          const { message, offset } = mistakeOf(error.message, bound.text);
          const place = offset === undefined ? undefined : bound.placeBefore(offset);
          run.value = { isRunning: false, problem: error, sql, mistake: { message, offset: place } };
        }
      },
    );
    return () => {
      controller.value = undefined;
      mine.abort();
    };
  }, [sql, limit, version, again, isReady, hasRange ? currentRange.value : '']);
  return { run, stop: () => controller.value?.abort() };
}
