/** Which problem an error is. */
import { OptionError } from '@weir/ebpf/errors';
import { HistoryError, InterruptedError } from '@weir/history';
import { ProblemError } from '@weir/http/api';

/** What a failed request was about. */
export interface FailureContext {
  /** The time for the request was over. */
  readonly hasTimedOut: boolean;
  readonly timeMs: number;
  /** Reports an error that is no user's fault. */
  readonly onError: (error: unknown) => void;
}

/** The problem that an error is. What happened inside is not for those who ask. */
export function problemOf(error: unknown, { hasTimedOut, timeMs, onError }: FailureContext): ProblemError {
  if (error instanceof ProblemError) return error;
  if (hasTimedOut || (error instanceof InterruptedError && error.timedOut)) {
    const detail = `the answer took longer than ${timeMs} ms: ask about a shorter range, or fewer groups`;
    return new ProblemError('timeout', detail);
  }
  if (error instanceof OptionError) return new ProblemError('request', error.message);
  onError(error);
  if (error instanceof HistoryError) return new ProblemError('history', error.message, { retryAfter: 5 });
  return new ProblemError('internal', "the server's log says more");
}
