/** Errors of the history. Each says what happened, and what to do about it. */

/** Base of what goes wrong with a history. A question that makes no sense is an OptionError instead. */
export class HistoryError extends Error {
  override name = 'HistoryError';
}

/** Another process has the history open. */
export class HistoryInUseError extends HistoryError {
  override name = 'HistoryInUseError';
}

/** There is no history in the folder. */
export class NoHistoryError extends HistoryError {
  override name = 'NoHistoryError';
}

/** The disk is full, and there is nothing left that could be removed. */
export class DiskFullError extends HistoryError {
  override name = 'DiskFullError';
}

/** The history may only be read: its disk is read-only, or it was opened so. */
export class ReadOnlyError extends HistoryError {
  override name = 'ReadOnlyError';
}

/** A file of the history, or of what was exported of one, has what no history has. */
export class DamagedHistoryError extends HistoryError {
  override name = 'DamagedHistoryError';
}

/** A database of others has answered, and cannot be read as it is: another configuration of Weir or of it is needed. */
export class UnreadableDatabaseError extends HistoryError {
  override name = 'UnreadableDatabaseError';
}

/** A question was ended: by its signal, or by its limits. */
export class InterruptedError extends HistoryError {
  override name = 'InterruptedError';
  /** Whether a limit on its time ended it, rather than whoever asked. */
  readonly timedOut: boolean;

  /** Makes an error about a question that was ended. */
  constructor(message: string, timedOut = false) {
    super(message);
    this.timedOut = timedOut;
  }
}
