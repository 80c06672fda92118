/** Errors as RFC 9457 describes them. Pure. */

/** The kinds of errors, with their statuses and titles. The last part of `type` names the kind. */
export const problemKinds = {
  request: { status: 400, title: 'The request makes no sense' },
  filter: { status: 400, title: 'The filter makes no sense' },
  statement: { status: 400, title: 'The statement makes no sense, or is not allowed' },
  login: { status: 401, title: 'A token is needed' },
  role: { status: 403, title: 'The token does not allow this' },
  origin: { status: 403, title: 'Pages of other servers may not use this one' },
  missing: { status: 404, title: 'There is no such thing' },
  method: { status: 405, title: 'This cannot be done with it' },
  'too-long': { status: 413, title: 'The request is too long' },
  'media-type': { status: 415, title: 'The body has another type' },
  host: { status: 421, title: 'This server has another name' },
  'too-many': { status: 429, title: 'Too many attempts' },
  'header-too-long': { status: 431, title: 'The address or a header is too long' },
  internal: { status: 500, title: 'Something went wrong here' },
  failed: { status: 500, title: 'It did not work' },
  unavailable: { status: 501, title: 'This history cannot do that' },
  busy: { status: 503, title: 'Too many requests at a time' },
  history: { status: 503, title: 'The history cannot be asked now' },
  timeout: { status: 504, title: 'The answer takes too long' },
} as const;

/** A kind of errors. */
export type ProblemKind = keyof typeof problemKinds;

/** What else an answer says about a problem. */
export interface ProblemExtras {
  /** Seconds after which the request may be made again. */
  readonly retryAfter?: number;
  /** A filter: where it is wrong, counted from 1. */
  readonly column?: number;
  /** A filter: what may have been meant. */
  readonly suggestion?: string;
  /** A request: which parameters are wrong. */
  readonly errors?: readonly { readonly parameter: string; readonly message: string }[];
}

/** An error that becomes an answer. */
export class ProblemError extends Error {
  override name = 'ProblemError';
  readonly kind: ProblemKind;
  readonly extras: ProblemExtras;

  /** @param detail What happened, why, and what to do. */
  constructor(kind: ProblemKind, detail: string, extras: ProblemExtras = {}, options?: ErrorOptions) {
    super(detail, options);
    this.kind = kind;
    this.extras = extras;
  }
}

/** The type of answers with a problem. */
export const PROBLEM_TYPE = 'application/problem+json';

const MAX_DETAIL = 2000;

/** A problem as an answer has it. */
export function problemBody(kind: ProblemKind, detail: string, extras: ProblemExtras = {}) {
  const { status, title } = problemKinds[kind];
  const { retryAfter, ...more } = extras;
  const body = {
    type: `urn:weir:problem:${kind}`,
    title,
    status,
    detail: detail.slice(0, MAX_DETAIL),
    ...more,
  };
  return {
    status,
    body: JSON.stringify(body),
    headers: {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      ...(retryAfter !== undefined && { 'retry-after': String(Math.ceil(retryAfter)) }),
      ...(kind === 'login' && { 'www-authenticate': 'Bearer realm="weir"' }),
    },
  };
}

/** An answer with a problem. */
export function problemResponse({ kind, message, extras }: ProblemError): Response {
  const { body, ...init } = problemBody(kind, message, extras);
  return new Response(body, init);
}
