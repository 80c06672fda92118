/** What went wrong with a question, as RFC 9457 has it. */

/** A problem that the server reports, or that no server answers. */
export class ApiProblem extends Error {
  override name = 'ApiProblem';
  /** The last part of its type, such as `filter`; `no-answer` where there was none. */
  readonly kind: string;
  /** HTTP; 0 where there was no answer. */
  readonly status: number;
  readonly title: string;
  /** A filter: where it is wrong, from 1 on. */
  readonly column: number | undefined;
  /** A filter: what may have been meant. */
  readonly suggestion: string | undefined;
  /** Seconds after which it may work. */
  readonly retryAfter: number | undefined;

  constructor(fields: ProblemFields) {
    super(fields.detail);
    this.kind = fields.kind;
    this.status = fields.status;
    this.title = fields.title;
    this.column = fields.column;
    this.suggestion = fields.suggestion;
    this.retryAfter = fields.retryAfter;
  }

  /** No server answers. */
  static noAnswer(): ApiProblem {
    const detail = 'the server does not answer';
    return new ApiProblem({ kind: 'no-answer', status: 0, title: 'No answer', detail });
  }
}

interface ProblemFields {
  readonly kind: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly column?: number | undefined;
  readonly suggestion?: string | undefined;
  readonly retryAfter?: number | undefined;
}

/** The problem of an answer. A proxy's has no body that says more. */
export async function readProblem(response: Response): Promise<ApiProblem> {
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const body: unknown = await response.json().catch(() => undefined);
  const { type, title, detail, column, suggestion } = isRecord(body) ? body : {};
  const status = response.status;
  return new ApiProblem({
    kind: typeof type === 'string' ? (type.split(':').at(-1) ?? 'unknown') : 'unknown',
    status,
    title: typeof title === 'string' ? title : `HTTP ${status}`,
    detail: typeof detail === 'string' ? detail : `the server answered with HTTP ${status}`,
    column: typeof column === 'number' ? column : undefined,
    suggestion: typeof suggestion === 'string' ? suggestion : undefined,
    retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
