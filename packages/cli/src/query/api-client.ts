/** Requests to a running server, over HTTP or its local socket. */
import { type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { text } from 'node:stream/consumers';
import { InterruptedError } from '@weir/history';
import { UsageError } from '../failure.js';
import { connectionFailure, NO_API, problemError } from './api-failure.js';

/** Where a server is asked, and as whom. */
export interface ServerPlace {
  /** A URL, or the path of its local socket. */
  readonly name: string;
  readonly url: URL;
  readonly socketPath?: string;
  readonly token?: string;
  /** Certificates in PEM by which that of the server is checked, instead of the usual ones. */
  readonly ca?: Buffer;
  /** What to do where it wants a token. */
  readonly loginAdvice?: string;
}

/** Parameters of a request; those that are undefined are left out. */
export type Parameters = Readonly<Record<string, string | undefined>>;

const CONNECT_MS = 10_000;

/** A client of the API. Each request has a connection of its own: a reader may take its time between two pages. */
export class ApiClient {
  readonly place: ServerPlace;

  constructor(place: ServerPlace) {
    this.place = place;
  }

  /** The answer's JSON. @throws UsageError, HistoryError, InterruptedError */
  async get(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<unknown> {
    return this.#json(await this.open(path, parameters, signal), signal);
  }

  /** The answer's JSON. @throws UsageError, HistoryError, InterruptedError */
  async post(path: string, body: object, signal?: AbortSignal): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    return this.#json(
      await this.#send(path, { method: 'POST', headers, signal }, JSON.stringify(body)),
      signal,
    );
  }

  /** An answer whose body is still to be read. @throws UsageError, HistoryError, InterruptedError */
  open(path: string, parameters: Parameters, signal?: AbortSignal): Promise<IncomingMessage> {
    const given = Object.entries(parameters).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const query = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
    return this.#send(`${path}${query}`, { method: 'GET', headers: {}, signal }, '');
  }

  async #json(response: IncomingMessage, signal: AbortSignal | undefined): Promise<unknown> {
    try {
      return JSON.parse(await text(response));
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  async #send(
    path: string,
    { signal, headers, method }: { signal: AbortSignal | undefined; headers: object; method: string },
    body: string,
  ): Promise<IncomingMessage> {
    const { url, socketPath, token, ca } = this.place;
    const options: RequestOptions & { ca?: Buffer } = {
      method,
      // A connection of its own.
      agent: false,
      path: `${url.pathname.replace(/\/$/, '')}/api/v1${path}`,
      headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(socketPath === undefined
        ? { hostname: url.hostname.replace(/^\[|\]$/g, ''), port: url.port }
        : { socketPath }),
      ...(signal !== undefined && { signal }),
      ...(ca !== undefined && { ca }),
    };
    let response: IncomingMessage;
    try {
      response = await answerOf(url.protocol === 'https:', options, body);
    } catch (error) {
      throw this.#failure(error, signal);
    }
    if (response.statusCode === 200) return response;
    const answer = await text(response).catch(() => '');
    throw problemError(this.place, response.statusCode ?? 0, answer);
  }

  #failure(error: unknown, signal: AbortSignal | undefined): Error {
    if (signal?.aborted === true) return new InterruptedError('the question was interrupted');
    if (error instanceof SyntaxError)
      return new UsageError(`${this.place.name} ${NO_API}: check the URL`, { cause: error });
    return connectionFailure(this.place, error as NodeJS.ErrnoException);
  }
}

function answerOf(isTls: boolean, options: RequestOptions, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (isTls ? requestTls : requestPlain)(options, resolve);
    const late = setTimeout(
      () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
      CONNECT_MS,
    );
    request.on('socket', (socket) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(late));
    });
    request.on('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
    request.end(body);
  });
}
