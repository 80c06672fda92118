/** What follows a source of reals. */
import type { FoundReal } from './found-real.js';

/** What a source reports. */
export interface SourceEvents {
  /**
   * All reals that there are now. An answer that is the same as before is reported as well: the source is alive.
   *
   * @returns Whether the answer counts; one that does not is a failure.
   */
  answer(reals: readonly FoundReal[]): boolean;
  /** The last answer still holds. */
  unchanged(): void;
  /** The source does not answer, or not as it should. */
  fails(error: Error): void;
}

/** Follows a source until it is disposed of. */
export type Source = Disposable;

/** Waits after failures, each twice as long as the one before, milliseconds. */
export const LEAST_WAIT_MS = 1000;
/** The longest of these waits. */
export const MOST_WAIT_MS = 30_000;

/** The wait after some failures in a row. */
export function waitAfter(failures: number): number {
  return Math.min(MOST_WAIT_MS, LEAST_WAIT_MS * 2 ** Math.max(0, failures - 1));
}
