/** Requests of OTLP over HTTP. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { gzipSync } from 'node:zlib';
import { retryAfterMs } from '../back-off.js';
import { plain } from '../exported-record.js';
import { TimeLimit } from '../time-limit.js';
import type { OtlpSettings } from './otlp-settings.js';

/** What became of a request. */
export type Posted =
  | { readonly kind: 'answer'; readonly body: Buffer }
  | { readonly kind: 'retry'; readonly message: string; readonly afterMs?: number }
  | { readonly kind: 'refused'; readonly message: string };

/** Answers after which the same request may succeed, by the specification of OTLP. */
const passing = new Set([429, 502, 503, 504]);
const MOST_ANSWER_BYTES = 64 * 1024;
/** Level 1 takes a third of the time of the default, for a tenth more bytes. */
const GZIP_LEVEL = 1;

/** Sends request after request, over one connection where the receiver keeps it open. */
export class OtlpTransport implements Disposable {
  readonly #settings: OtlpSettings;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: HttpAgent;

  /** @param version Of Weir. */
  constructor(settings: OtlpSettings, version: string) {
    this.#settings = settings;
    const kept = { keepAlive: true, maxSockets: 1 };
    this.#agent =
      settings.url.protocol === 'https:' ? new HttpsAgent({ ...kept, ...settings.tls }) : new HttpAgent(kept);
    this.#headers = {
      'user-agent': `weir/${version}`,
      ...settings.headers,
      'content-type': 'application/x-protobuf',
      ...(settings.compresses && { 'content-encoding': 'gzip' }),
    };
  }

  /** A request's body as it is sent. */
  pack(request: Uint8Array): Uint8Array {
    return this.#settings.compresses ? gzipSync(request, { level: GZIP_LEVEL }) : request;
  }

  /** Sends a body that {@link pack} made; never throws. */
  async post(body: Uint8Array, signal: AbortSignal): Promise<Posted> {
    const { url, timeoutMs } = this.#settings;
    using limit = new TimeLimit(timeoutMs, signal);
    try {
      const response = await this.#request(body, limit.signal);
      return postedOf(response, await bodyOf(response));
    } catch (error) {
      const message = limit.isOver ? `no answer within ${timeoutMs / 1000} s` : (error as Error).message;
      return { kind: 'retry', message: `${url.host}: ${message}` };
    }
  }

  #request(body: Uint8Array, signal: AbortSignal): Promise<IncomingMessage> {
    const { url } = this.#settings;
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = { ...this.#headers, 'content-length': `${body.length}` };
    return new Promise((resolve, reject) => {
      const sent = request(url, { method: 'POST', headers, agent: this.#agent, signal }, resolve);
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** Closes its connection. */
  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    length += piece.length;
    // What is read on is not kept.
    if (length <= MOST_ANSWER_BYTES) pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function postedOf({ statusCode = 0, headers }: IncomingMessage, body: Buffer): Posted {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'answer', body };
  const isText = /^text\/|json/.test(headers['content-type'] ?? '');
  const reason = isText ? plain(body.toString('utf8', 0, 300)).trim() : '';
  const message = `the receiver answered ${statusCode}${reason === '' ? '' : `: ${reason}`}`;
  if (!passing.has(statusCode)) return { kind: 'refused', message };
  const afterMs = retryAfterMs(headers['retry-after'], Date.now());
  return { kind: 'retry', message, ...(afterMs !== undefined && { afterMs }) };
}
