/** What is wrong with the server or its history, above every view. */
import type { VNode } from 'preact';
import type { Incomplete } from '../api/api-types.js';
import { missingHosts } from '../api/missing-hosts.js';
import { serverAnswers } from '../api/server-state.js';
import { useAnswer } from '../api/use-answer.js';
import { visibleName } from '../format/name-text.js';
import { formatTime } from '../format/time-text.js';
import { pageRange } from '../state/page-range.js';

/** Shows them. */
export function Banners(): VNode {
  const range = pageRange.value;
  const { answer } = useAnswer('status', {}, range?.text);
  if (!serverAnswers.value) {
    return (
      <p class="banner is-bad" role="alert">
        The server does not answer; it is tried again.
        {range !== undefined && ` What is shown is from ${formatTime(range.to)}.`}
      </p>
    );
  }
  const { unrecorded = [] } = range?.coverage ?? {};
  const isEmpty =
    unrecorded.length === 1 &&
    unrecorded[0]!.from === range?.coverage.range.from &&
    unrecorded[0]!.to === range.coverage.range.to;
  const incomplete = missingHosts.value;
  return (
    <>
      {incomplete.length > 0 && (
        <p class="banner is-bad" role="alert">
          {missingText(incomplete)}
        </p>
      )}
      {answer?.read_only === true && (
        <p class="banner is-bad" role="alert">
          The disk of the history can only be read: nothing is recorded. Mount it again, and restart weir
          serve.
        </p>
      )}
      {answer !== undefined && answer.collectors === 0 && answer.reading === undefined && (
        <p class="banner is-bad" role="alert">
          No collector is connected: nothing is recorded now.
        </p>
      )}
      {answer?.reading?.problem !== undefined && (
        <p class="banner is-bad" role="alert">
          {answer.reading.problem}
        </p>
      )}
      {isEmpty && (
        <p class="banner" role="status">
          Nothing was recorded in this range, or it is not kept any more. Choose another one above.
        </p>
      )}
    </>
  );
}

/** Who did not answer, and why. */
function missingText(incomplete: readonly Incomplete[]): string {
  const names = incomplete
    .filter(({ answered }) => !answered)
    .map(({ host, reason }) => `${visibleName(host)} (${visibleName(reason)})`);
  const parts = incomplete
    .filter(({ answered }) => answered)
    .map(({ host, reason }) => `Of ${visibleName(host)}: ${visibleName(reason)}.`);
  const absent =
    names.length === 0
      ? []
      : [`Not answered: ${names.join(', ')}. What is shown is without what they recorded.`];
  return [...absent, ...parts].join(' ');
}
