/** Errors of a history that is asked, as people understand them. */
import { FormatError, OptionError } from '@weir/ebpf/errors';
import { DamagedHistoryError, HistoryInUseError, NoHistoryError } from '@weir/history';
import { UsageError } from '../failure.js';

/** The error to show. @param folder Where the history is. */
export function historyFailure(error: unknown, folder: string): unknown {
  const isOfInput =
    error instanceof OptionError || error instanceof FormatError || error instanceof DamagedHistoryError;
  if (isOfInput) return new UsageError(error.message, { cause: error });
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
