/** Errors of a history that is asked, as people understand them. */
import { OptionError } from '@weir/ebpf/errors';
import { HistoryInUseError, NoHistoryError } from '@weir/history';
import { UsageError } from '../failure.js';

/** The error to show. @param folder Where the history is. */
export function historyFailure(error: unknown, folder: string): unknown {
  if (error instanceof OptionError) return new UsageError(error.message, { cause: error });
  if (error instanceof NoHistoryError)
    return new UsageError(`${error.message}: weir serve keeps one there, or --folder names another`, {
      cause: error,
    });
  if (error instanceof HistoryInUseError) {
    const what = `${folder}: weir serve has this history open; end it, or ask a file that was exported`;
    return new HistoryInUseError(what, { cause: error });
  }
  return error;
}
