/** The answer to those who are not recognized. */
import { ProblemError } from '../api/problem.js';
import type { AuditEntry, AuditSink } from '../auth/audit-log.js';
import type { Refusals } from '../auth/refusals.js';
import type { TokenFailure } from '../auth/token-logins.js';

/** Where it is written who asked. */
export interface RequestLogs {
  readonly audit?: AuditSink;
  readonly refusals?: Refusals;
}

/** The problem of a failed login, which is written to the audit log. @param request What was asked for, and from where. */
export function loginProblem(
  result: TokenFailure | { readonly failure: 'missing' },
  request: Pick<AuditEntry, 'method' | 'path' | 'address'>,
  { audit, refusals }: RequestLogs,
): ProblemError {
  switch (result.failure) {
    case 'blocked':
      refusals?.add({ event: 'blocked', kind: 'too-many', status: 429, ...request });
      return new ProblemError('too-many', `too many wrong tokens from ${request.address}`, {
        retryAfter: result.waitMs / 1000,
      });
    case 'wrong':
      audit?.add({ event: 'login_failed', status: 401, ...request });
      return new ProblemError('login', 'the token is not known, or has expired');
    case 'missing':
      return new ProblemError('login', 'send the header Authorization: Bearer TOKEN');
  }
}
