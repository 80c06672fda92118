/** Which problem an error is, as the control socket has it: the request is at fault, or the action failed. */
import { ConfigError } from '@weir/config';
import { OptionError } from '@weir/ebpf';
import { ProblemError } from '@weir/http/api';
import { RequestError } from '../control/names.js';

/** The problem of an error. Whoever has a token may read why an action failed. */
export function apiProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const isRequests = [RequestError, ConfigError, OptionError].some((kind) => error instanceof kind);
  return new ProblemError(isRequests ? 'request' : 'failed', message, {}, { cause: error });
}
