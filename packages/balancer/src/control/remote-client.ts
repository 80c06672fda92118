/** The client of the remote API. */
import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestPlain,
} from 'node:http';
import { request as requestTls } from 'node:https';
import { text as readAll } from 'node:stream/consumers';
import { OptionError } from '@weir/ebpf';
import { isAddress } from '@weir/ebpf/address';
import { API_BASE } from '@weir/http/api';
import { isLoopback } from '@weir/http/auth';
import { type BalancerClient, NotRunningError, RequestEndedError, readFlowLines } from './client.js';
import { controlCommands, lineCommands } from './control-commands.js';
import type { FlowLine } from './flow-requests.js';
import { RequestError } from './names.js';
import type { CaptureEnd } from './pcap-stream.js';
import {
  type CallName,
  type Calls,
  type CaptureBody,
  type LineCallName,
  type LineCalls,
  lostTrailer,
  packetsTrailer,
} from './protocol.js';

/** Where a balancer is asked, and as whom. */
export interface RemotePlace {
  /** Such as `https://edge-1.example:9437`; `http://` for loopback only, as the token would be readable on the way. */
  readonly url: string;
  readonly token?: string;
  /** Certificates in PEM by which the server's is checked, instead of those of Node.js. */
  readonly ca?: Buffer;
}

const CONNECT_MS = 10_000;

/** Sends requests to a running balancer over HTTPS, with the answers of the control socket. */
export class RemoteClient implements BalancerClient {
  readonly #place: RemotePlace;
  readonly #url: URL;

  /** Makes a client; nothing connects yet. @throws OptionError for what is no URL of an API */
  constructor(place: RemotePlace) {
    this.#place = place;
    this.#url = apiUrl(place.url);
  }

  /** Sends a request. @throws RequestError if the request is at fault; NotRunningError; Error if it failed. */
  async call<Name extends CallName>(name: Name, body: Calls[Name]['body']): Promise<Calls[Name]['answer']> {
    const { method, toRequest = (same: object) => same } = controlCommands[name];
    const request = (toRequest as (body: object) => object)(body);
    const response = await (method === 'get'
      ? this.#send('GET', `/${name}${queryOf(request)}`)
      : this.#send('POST', `/${name}`, JSON.stringify(request)));
    return this.#json(response) as Promise<Calls[Name]['answer']>;
  }

  /** Sends a request about flows; the lines of the answer come as the tables are walked. @throws As {@link call}. */
  async *lines<Name extends LineCallName>(
    name: Name,
    body: LineCalls[Name],
  ): AsyncGenerator<FlowLine, void, undefined> {
    yield* readFlowLines(
      await (lineCommands[name].method === 'get'
        ? this.#send('GET', `/${name}${queryOf(body)}`)
        : this.#send('POST', `/${name}`, JSON.stringify(body))),
    );
  }

  /**
   * Captures until the signal aborts; packets captured before still arrive.
   *
   * @param onBytes Receives the pieces of a pcapng file, one after another.
   * @throws As {@link call}.
   */
  async capture(
    body: CaptureBody,
    signal: AbortSignal,
    onBytes: (bytes: Uint8Array) => Promise<void>,
  ): Promise<CaptureEnd> {
    const answer = await this.#send('GET', `/capture${queryOf(body)}`);
    let ending: Promise<unknown> = Promise.resolve();
    const end = () => {
      // The capture itself says what is wrong.
      ending = this.#send('DELETE', '/capture')
        .then((response) => response.resume())
        .catch(() => answer.destroy());
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    for await (const bytes of answer) await onBytes(bytes as Uint8Array);
    signal.removeEventListener('abort', end);
    await ending;
    const { [packetsTrailer]: packets, [lostTrailer]: lost } = answer.trailers;
    if (packets === undefined) throw new RequestEndedError();
    return { packets: Number(packets), lost: Number(lost) };
  }

  async #json(response: IncomingMessage): Promise<unknown> {
    const text = await readAll(response);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw this.#noApi(error);
    }
  }

  async #send(method: string, path: string, body?: string): Promise<IncomingMessage> {
    const { token, ca } = this.#place;
    const { hostname, port, protocol, pathname } = this.#url;
    const options: RequestOptions & { ca?: Buffer } = {
      method,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      ...(port !== '' && { port }),
      path: `${pathname.replace(/\/$/, '')}${API_BASE}${path}`,
      // A connection of its own.
      agent: false,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
      },
      ...(ca !== undefined && { ca }),
    };
    const isTls = protocol === 'https:';
    const sent = (isTls ? requestTls : requestPlain)(options);
    const answered = answerTo(sent, isTls);
    sent.end(body);
    let response: IncomingMessage;
    try {
      response = await answered;
    } catch (error) {
      throw this.#explained(error as NodeJS.ErrnoException);
    }
    if (response.statusCode === 200) return response;
    throw this.#refusal(response.statusCode ?? 0, await readAll(response).catch(() => ''));
  }

  #refusal(status: number, text: string): Error {
    const { url } = this.#place;
    const { kind, detail } = problemOf(text);
    switch (kind) {
      case undefined:
        return this.#noApi(`status ${status}`);
      case 'failed':
      case 'internal':
      case 'busy':
        return new Error(detail);
      case 'login':
        return new RequestError(
          this.#place.token === undefined
            ? `${url} wants a token: --token-file FILE names a file with one (weir balance token add NAME, on its host)`
            : `${url} refuses the token: it is not known there, or has expired`,
        );
      case 'request':
        return new RequestError(detail);
      default:
        return new RequestError(`${url} refuses: ${detail}`);
    }
  }

  #noApi(cause: unknown): Error {
    return new RequestError(`${this.#place.url} does not answer as the API of a balancer: check the URL`, {
      cause,
    });
  }

  #explained(error: NodeJS.ErrnoException): Error {
    const { url } = this.#place;
    const { code = '', message } = error;
    if (code === 'ECONNREFUSED')
      return new NotRunningError(`no balancer answers at ${url}: nothing listens there`, { cause: error });
    const reason = reasons.find(([pattern]) => pattern.test(code))?.[1] ?? message.split('\n', 1)[0];
    return new Error(`${url} cannot be asked: ${reason}`, { cause: error });
  }
}

const reasons: readonly (readonly [RegExp, string])[] = [
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'there is no address for that name'],
  [/^ETIMEDOUT$/, 'it does not answer'],
  [/^ECONNRESET$/, 'it ends the connection: another scheme perhaps, or too many connections'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another name'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [
    /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*)$/,
    'nobody known here has signed its certificate: --ca FILE names who has',
  ],
  [
    /^(?:HPE_|EPROTO|ERR_SSL)/,
    'the server speaks another protocol: https:// or http:// perhaps, or another port',
  ],
];

/** @throws OptionError */
function apiUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:\/\/[^/?#@]+\/$/.test(url.href))
    throw new OptionError(`${JSON.stringify(text)} is no URL of an API, such as https://edge-1.example:9437`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isHere = host === 'localhost' || (isAddress(host) && isLoopback(host));
  if (url.protocol === 'http:' && !isHere)
    throw new OptionError(
      `${text} would send the token readably: the API of another host is asked by https://`,
    );
  return url;
}

function queryOf(values: object): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

function problemOf(text: string): { readonly kind?: string; readonly detail: string } {
  try {
    const { type, detail } = JSON.parse(text) as { type?: unknown; detail?: unknown };
    const kind = /^urn:weir:problem:([a-z-]+)$/.exec(String(type))?.[1];
    return { ...(kind !== undefined && { kind }), detail: String(detail) };
  } catch {
    return { detail: '' };
  }
}

function answerTo(request: ClientRequest, isTls: boolean): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
      CONNECT_MS,
    );
    request.on('socket', (socket) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(late));
    });
    request.on('response', (response) => {
      clearTimeout(late);
      resolve(response);
    });
    request.on('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
  });
}
