/** The history of another host, asked over HTTP. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { API_BASE } from '@weir/http/api';
import { z } from 'zod';
import { plain } from '../exporters/exported-record.js';
import { TimeLimit } from '../exporters/time-limit.js';
import { checkedAnswer } from './answer-checks.js';
import {
  type HistoryPart,
  type PartAnswers,
  type PartName,
  type PartQuestions,
  PeerError,
} from './history-part.js';
import { answerBody, PEER_PATH, PEER_PROTOCOL } from './peer-protocol.js';
import { fromWire, toWire } from './wire-value.js';

/** Another host, as the configuration names it. */
export interface Peer {
  readonly name: string;
  /** `http:` or `https:`, a host and a port. */
  readonly url: URL;
  /** Certificates that may sign its own, PEM. Absent: those of Node.js. */
  readonly ca?: string;
  /** Its token, read for each question: it may change. @throws Error where there is none */
  readonly token?: () => string | undefined;
  /** Milliseconds of a question. */
  readonly timeoutMs: number;
}

const MOST_ANSWER_BYTES = 256_000_000;
/** Questions to one host at a time; more wait, within their time. */
const MOST_AT_ONCE = 8;
/** A host that refuses a token counts how often. */
const REFUSED_PAUSE_MS = 5_000;
const MOST_DETAIL = 300;
/** After this, a host that had no place for a question is asked again. */
const BUSY_MS = 250;

/** Asks another host. */
export class RemotePart implements HistoryPart, Disposable {
  readonly name: string;
  readonly #peer: Peer;
  readonly #agent: HttpAgent;
  #host: string | undefined;
  #problem: PeerError | undefined;
  #pauseUntil = 0;

  /** Nothing is asked yet. */
  constructor(peer: Peer) {
    const { name, url, ca } = peer;
    this.name = name;
    this.#peer = peer;
    const kept = { keepAlive: true, maxSockets: MOST_AT_ONCE };
    this.#agent =
      url.protocol === 'https:'
        ? new HttpsAgent({ ...kept, ...(ca !== undefined && { ca }) })
        : new HttpAgent(kept);
  }

  get host(): string | undefined {
    return this.#host;
  }

  /** Why it did not answer the last question; undefined where it did. */
  get problem(): string | undefined {
    return this.#problem?.message;
  }

  async ask<Name extends PartName>(
    name: Name,
    query: PartQuestions[Name],
    signal: AbortSignal | undefined,
  ): Promise<PartAnswers[Name]> {
    // Nobody waits again and again for a host that is away.
    if (this.#problem !== undefined && performance.now() < this.#pauseUntil) throw this.#problem;
    const { timeoutMs } = this.#peer;
    using limit = new TimeLimit(timeoutMs, ...(signal === undefined ? [] : [signal]));
    try {
      const answer = await this.#ask(name, query, limit.signal);
      this.#problem = undefined;
      return answer;
    } catch (error) {
      signal?.throwIfAborted();
      const problem = limit.isOver
        ? new PeerError('timeout', `no answer within ${timeoutMs / 1000} s`)
        : problemOf(error as Error);
      this.#problem = problem;
      const pauseMs = { timeout: timeoutMs, refused: REFUSED_PAUSE_MS }[problem.kind as string] ?? 0;
      this.#pauseUntil = performance.now() + pauseMs;
      throw problem;
    }
  }

  async #ask<Name extends PartName>(name: Name, query: PartQuestions[Name], signal: AbortSignal) {
    const text = JSON.stringify({ protocol: PEER_PROTOCOL, question: name, query: toWire(query) });
    const body = Buffer.from(text);
    let response = await this.#postOnce(body, signal);
    let answer = (await bodyOf(response)).toString('utf8');
    // It answers others meanwhile: there is time to wait for a place.
    while (response.statusCode === 503 && answer.includes('urn:weir:problem:busy')) {
      await sleep(BUSY_MS, undefined, { signal });
      response = await this.#postOnce(body, signal);
      answer = (await bodyOf(response)).toString('utf8');
    }
    if (response.statusCode !== 200) throw refusal(response, answer);
    const { protocol, host, answer: found } = answerBody.parse(JSON.parse(answer));
    if (protocol !== PEER_PROTOCOL) throw new PeerError('version', 'it runs another version of Weir');
    const checked = checkedAnswer(name, fromWire(found));
    this.#host = host;
    return checked;
  }

  #postOnce(body: Buffer, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#post(body, signal).catch((error: RequestError) => {
      // The host had closed a connection that waited for the next question.
      if (error.wasReused !== true) throw error;
      return this.#post(body, signal);
    });
  }

  #post(body: Buffer, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, token } = this.#peer;
    const bearer = token?.();
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = {
      'content-type': 'application/json',
      'content-length': `${body.length}`,
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    };
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', headers, agent: this.#agent, signal };
      const sent = request(new URL(`${API_BASE}${PEER_PATH}`, url), options, resolve);
      sent.on('error', (error: RequestError) => {
        error.wasReused = sent.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '');
        reject(error);
      });
      sent.end(body);
    });
  }

  /** Closes its connections. */
  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

interface RequestError extends NodeJS.ErrnoException {
  wasReused?: boolean;
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MOST_ANSWER_BYTES) {
      response.destroy();
      throw new PeerError('failed', 'its answer is too long: ask about less');
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function refusal({ statusCode = 0 }: IncomingMessage, body: string): PeerError {
  const detail = detailOf(body);
  const said = detail === undefined ? '' : `: ${detail}`;
  if (statusCode === 401 || statusCode === 403 || statusCode === 429)
    return new PeerError('refused', `it refuses the token${said}`);
  if (statusCode === 404 || statusCode === 405 || (statusCode === 501 && detail?.startsWith('protocol')))
    return new PeerError('version', `it runs another version of Weir${said}`);
  return new PeerError('failed', `it answered ${statusCode}${said}`);
}

function detailOf(body: string): string | undefined {
  try {
    const { detail } = JSON.parse(body) as { readonly detail?: unknown };
    return typeof detail === 'string' ? plain(detail.slice(0, MOST_DETAIL)) : undefined;
  } catch {
    return undefined;
  }
}

function problemOf(error: Error): PeerError {
  if (error instanceof PeerError) return error;
  if (error instanceof z.ZodError || error instanceof SyntaxError)
    return new PeerError('failed', 'its answer makes no sense', { cause: error });
  return new PeerError('unreachable', plain(error.message), { cause: error });
}
