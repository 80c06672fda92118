/** Requests of the method GET. */
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** What a request needs besides its address. */
export interface GetOptions {
  readonly signal: AbortSignal;
  /** Headers besides those of the token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A file with a token, which is read for each request, since tokens are replaced. Absent: none is sent. */
  readonly tokenFile?: string | undefined;
  /** A PEM file with the authorities that sign the server's certificate. Absent: those of Node.js. */
  readonly ca?: string | undefined;
  /** Milliseconds within which an answer has to begin. */
  readonly answerMs: number;
  /** Milliseconds of silence after which an answer has failed. */
  readonly silenceMs: number;
}

/** The answer has another status than 200. */
export class HttpStatusError extends Error {
  override name = 'HttpStatusError';
  readonly status: number;

  /** Makes an error of a status. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The answer with status 200 to a request on a connection of its own. Redirections are not followed: a token is for the server that
 * was named.
 *
 * @throws HttpStatusError for another status; Error of the system or the network
 */
export function httpGet(
  url: URL,
  { signal, headers = {}, tokenFile, ca, answerMs, silenceMs }: GetOptions,
): Promise<IncomingMessage> {
  const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trim();
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      headers: {
        accept: 'application/json',
        ...headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      agent: false,
      signal,
      timeout: silenceMs,
      ...(ca !== undefined && { ca: readFileSync(ca) }),
    });
    const late = () => sent.destroy(new Error(`no answer in ${Math.round(answerMs / 1000)} s`));
    const deadline = setTimeout(late, answerMs);
    sent.on('timeout', () => sent.destroy(new Error('the connection is silent')));
    sent.on('error', (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    sent.on('response', (response) => {
      clearTimeout(deadline);
      if (response.statusCode === 200) return resolve(response);
      response.resume();
      const { statusCode = 0 } = response;
      reject(new HttpStatusError(statusCode, `${url.pathname} is answered with status ${statusCode}`));
    });
    sent.end();
  });
}
