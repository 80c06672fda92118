/** What went wrong with a question to ClickHouse, in a line for whoever asked. */
import { OptionError } from '@weir/ebpf/errors';
import { HistoryError, InterruptedError, UnreadableDatabaseError } from '../../errors.js';
import type { QueryLimits } from '../../query/answer.js';
import { serverErrorCode } from '../clickhouse-connection.js';
import type { ClickhouseTarget } from '../clickhouse-target.js';
import type { AskLimits } from './ask-limits.js';

/** Numbers of ClickHouse's errors. */
export const errorCodes = {
  unknownTable: 60,
  unknownDatabase: 81,
  timeout: 159,
  readonly: 164,
  memory: 241,
  tooManyBytes: 396,
  cancelled: 394,
  accessDenied: 497,
  authentication: 516,
} as const;

/** What the question was asked with. */
export interface FailedQuestion {
  readonly target: ClickhouseTarget;
  readonly ending: AskLimits;
  readonly limits: QueryLimits;
}

/** The error for whoever asked. */
export function readFailure(error: unknown, { target, ending, limits }: FailedQuestion): unknown {
  if (error instanceof OptionError || error instanceof HistoryError) return error;
  const code = serverErrorCode(error);
  if (ending.isLate || code === errorCodes.timeout)
    return new InterruptedError(
      `the question took longer than ${limits.timeLimitMs ?? 0} ms: ask about less`,
      true,
    );
  if (ending.isEnded || code === errorCodes.cancelled) return new InterruptedError('the question was ended');
  const message = `ClickHouse at ${target.shown} ${reasonOf(error, code, target)}`;
  const isRefusal = (code !== undefined && refusals.has(code)) || isOfFile(error);
  return new (isRefusal ? UnreadableDatabaseError : HistoryError)(message, { cause: error });
}

/** A password or a certificate that cannot be read. */
function isOfFile(error: unknown): boolean {
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall === 'open' || syscall === 'read';
}

/** Errors that the same question has again, until somebody changes a configuration. */
const refusals: ReadonlySet<number> = new Set([
  ...[errorCodes.authentication, errorCodes.accessDenied, errorCodes.readonly],
  ...[errorCodes.unknownDatabase, errorCodes.unknownTable],
]);

function reasonOf(error: unknown, code: number | undefined, { user }: ClickhouseTarget): string {
  switch (code) {
    case errorCodes.authentication:
      return `refuses the user ${user} or its password: check the user, and passwordFile or WEIR_CLICKHOUSE_PASSWORD`;
    case errorCodes.accessDenied:
      return `does not let the user ${user} read: grant it SELECT on the tables`;
    case errorCodes.readonly:
      return `does not let the user ${user} set limits: its profile may have readonly = 2, but not 1`;
    case errorCodes.unknownDatabase:
    case errorCodes.unknownTable:
      return 'has no tables of Weir in this database: weir serve --store makes them';
    case errorCodes.memory:
      return 'needs more memory for this question than it may use: ask about less';
    default:
      return code === undefined ? `cannot be asked: ${firstLine(error)}` : `answered: ${firstLine(error)}`;
  }
}

const LONGEST = 400;

/** The first line of a message; errors of the network have theirs in what they have collected. */
export function firstLine(error: unknown): string {
  const { message, errors, code } = error as Error & { errors?: readonly Error[]; code?: string };
  const text = message || errors?.[0]?.message || code || String(error);
  const line = text.split('\n')[0]!.replace(/\s+/g, ' ').trim();
  // Some have a whole statement in them.
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
