/** What a failed request to a server is for whoever asked: one line, and what to do. */
import { HistoryError, InterruptedError } from '@weir/history';
import { UsageError } from '../failure.js';

/** What messages say about the server. */
interface AskedPlace {
  readonly name: string;
  /** What to do where it wants a token. */
  readonly loginAdvice?: string;
}

/** A problem as the API describes it. */
interface Problem {
  readonly kind: string;
  readonly detail: string;
}

/** Said about what is no server of Weir. */
export const NO_API = 'does not answer as weir serve does';

/** The server answered, but not with what was asked for. */
export function problemError(place: AskedPlace, status: number, body: string): Error {
  const problem = readProblem(body);
  if (problem === undefined)
    return new UsageError(`${place.name} ${NO_API} (status ${status}): check the URL`);
  const { kind, detail } = problem;
  switch (kind) {
    case 'filter':
      return new UsageError(`--filter: ${detail}`);
    case 'request':
    case 'statement':
      return new UsageError(detail);
    case 'login': {
      const advice = place.loginAdvice ?? '--token FILE names a file with one (weir serve token add NAME)';
      return new UsageError(
        detail.startsWith('send the header')
          ? `${place.name} wants a token: ${advice}`
          : `${place.name} refuses the token: it is not known there, or has expired`,
      );
    }
    case 'timeout':
      return new InterruptedError(detail, true);
    case 'busy':
    case 'history':
    case 'internal':
      return new HistoryError(kind === 'internal' ? `${place.name} failed: its log says why` : detail);
    default:
      return new UsageError(`${place.name} refuses: ${detail}`);
  }
}

function readProblem(body: string): Problem | undefined {
  try {
    const { type, detail } = JSON.parse(body) as { type?: unknown; detail?: unknown };
    const kind = /^urn:weir:problem:([a-z-]+)$/.exec(String(type))?.[1];
    return kind === undefined ? undefined : { kind, detail: String(detail) };
  } catch {
    return undefined;
  }
}

const causes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is weir serve running?',
  ENOENT: 'there is no such socket: is weir serve running?',
  EACCES: 'permission denied: ask as root (sudo)',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ECONNRESET: 'it closed the connection: does it speak HTTPS?',
  EPROTO: 'it does not speak TLS: http:// perhaps, or another port',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** Causes by the beginning of the name that OpenSSL or llhttp gives them. */
const families: readonly (readonly [name: RegExp, cause: string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)/,
    'nobody known has signed its certificate: --cacert FILE names who has',
  ],
  [/^HPE_/, 'it does not speak HTTP: https:// perhaps, or another port'],
  [/^(?:ERR_SSL|ERR_TLS|CERT_)/, 'TLS failed'],
];

/** No answer came, or not all of it. */
export function connectionFailure({ name }: AskedPlace, error: NodeJS.ErrnoException): Error {
  const { code = '', message } = error;
  const cause = causes[code] ?? families.find(([pattern]) => pattern.test(code))?.[1];
  const detail = cause === undefined || cause === 'TLS failed' ? ` (${message.split('\n', 1)[0]})` : '';
  return new UsageError(`${name} cannot be asked: ${cause ?? 'the connection failed'}${detail}`, {
    cause: error,
  });
}
