/** Answers to what is no request, as bytes: there is no request that a route could answer. Pure. */
import { PROBLEM_TYPE, type ProblemKind, problemKinds } from '../api/problem.js';

/** What is wrong. @param code Node.js' name of that. */
export function rawProblemOf(code: string | undefined): {
  readonly kind: ProblemKind;
  readonly detail: string;
} {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { kind: 'header-too-long', detail: 'the address and the headers may have 64 KiB together' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { kind: 'request', detail: 'the request did not arrive in time' };
    default:
      return { kind: 'request', detail: 'this is no request of HTTP/1.1' };
  }
}

/** The answer, after which the connection ends. */
export function rawProblem(code: string | undefined): string {
  const { kind, detail } = rawProblemOf(code);
  const { status, title } = problemKinds[kind];
  const body = JSON.stringify({ type: `urn:weir:problem:${kind}`, title, status, detail });
  return [
    `HTTP/1.1 ${status} ${title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
