/** The limits of a question, as a signal and as settings of ClickHouse. */
import type { QueryLimits } from '../../query/answer.js';

/** Ends a question at its signal, or when its time is over. */
export interface AskLimits {
  readonly signal: AbortSignal | undefined;
  /** ClickHouse ends it by itself, too, should the connection be lost. */
  readonly settings: Readonly<Record<string, number>>;
  /** Its time is over. */
  readonly isLate: boolean;
  /** It was ended, by either. */
  readonly isEnded: boolean;
}

/** Its timer runs from now on. */
export function limitsOf({ signal, timeLimitMs }: QueryLimits): AskLimits {
  const late = timeLimitMs === undefined ? undefined : AbortSignal.timeout(timeLimitMs);
  const signals = [signal, late].filter((each) => each !== undefined);
  const any = signals.length === 0 ? undefined : AbortSignal.any(signals);
  return {
    signal: any,
    settings: timeLimitMs === undefined ? {} : { max_execution_time: Math.ceil(timeLimitMs / 1000) + 1 },
    get isLate() {
      return late?.aborted === true && signal?.aborted !== true;
    },
    get isEnded() {
      return any?.aborted === true;
    },
  };
}
