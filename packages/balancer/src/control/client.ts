/** The client of the control socket. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
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
  type Refusal,
} from './protocol.js';

/** No process answers on a control socket. */
export class NotRunningError extends Error {
  override name = 'NotRunningError';
}

/** The balancer ended while it answered. */
export class RequestEndedError extends Error {
  override name = 'RequestEndedError';

  /** @internal */
  constructor() {
    super('the balancer ended during the capture');
  }
}

/** Asks a running balancer: here over its control socket, or elsewhere over its API. */
export interface BalancerClient {
  /** Sends a request. @throws RequestError if the request is at fault; NotRunningError; Error if it failed. */
  call<Name extends CallName>(name: Name, body: Calls[Name]['body']): Promise<Calls[Name]['answer']>;
  /**
   * Sends a request about flows; the lines of the answer come as the tables are walked.
   *
   * @throws As {@link call}.
   */
  lines<Name extends LineCallName>(
    name: Name,
    body: LineCalls[Name],
  ): AsyncGenerator<FlowLine, void, undefined>;
  /**
   * Captures until the signal aborts; packets captured before still arrive.
   *
   * @param onBytes Receives the pieces of a pcapng file, one after another.
   * @throws As {@link call}.
   */
  capture(
    body: CaptureBody,
    signal: AbortSignal,
    onBytes: (bytes: Uint8Array) => Promise<void>,
  ): Promise<CaptureEnd>;
}

/** Sends requests to a running balancer. */
export class ControlClient implements BalancerClient {
  readonly #socket: string;

  /** Makes a client of the control socket at a path; nothing connects yet. */
  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Sends a request. @throws RequestError if the request is at fault; NotRunningError; Error if it failed. */
  async call<Name extends CallName>(name: Name, body: Calls[Name]['body']): Promise<Calls[Name]['answer']> {
    const { response } = this.#send(`/${name}`, JSON.stringify(body));
    return JSON.parse(await readAll(await response)) as Calls[Name]['answer'];
  }

  /**
   * Sends a request about flows; the lines of the answer come as the tables are walked.
   *
   * @throws As {@link call}.
   */
  async *lines<Name extends LineCallName>(
    name: Name,
    body: LineCalls[Name],
  ): AsyncGenerator<FlowLine, void, undefined> {
    const { response } = this.#send(`/${name}`, JSON.stringify(body));
    const answer = await response;
    yield* readFlowLines(answer);
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
    const { request, response } = this.#send(`/capture?${encodeURIComponent(JSON.stringify(body))}`);
    signal.addEventListener('abort', () => request.end());
    if (signal.aborted) request.end();
    const answer = await response;
    for await (const bytes of answer) await onBytes(bytes as Uint8Array);
    request.end();
    const { [packetsTrailer]: packets, [lostTrailer]: lost } = answer.trailers;
    if (packets === undefined) throw new RequestEndedError();
    return { packets: Number(packets), lost: Number(lost) };
  }

  /** @param body The request's body; without it, the request stays open. */
  #send(path: string, body?: string): { request: ClientRequest; response: Promise<IncomingMessage> } {
    const sent = request({ socketPath: this.#socket, path, method: 'POST' });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve).on('error', (error) => reject(this.#explained(error)));
    });
    if (body === undefined) sent.flushHeaders();
    else sent.end(body);
    return { request: sent, response: answered.then(accepted) };
  }

  #explained(error: NodeJS.ErrnoException): Error {
    const socket = this.#socket;
    switch (error.code) {
      case 'ENOENT':
        return new NotRunningError(`no balancer runs here: there is no socket ${socket}`, { cause: error });
      case 'ECONNREFUSED':
        return new NotRunningError(`no balancer runs here any more: no process answers on ${socket}`, {
          cause: error,
        });
      case 'ECONNRESET':
        return new Error('the balancer ended before its answer did', { cause: error });
      case 'EACCES':
        return new Error(
          `${socket}: permission denied; only root may use it, and the group in the configuration (control.group)`,
        );
      default:
        return error;
    }
  }
}

/** The lines of an answer about flows. @throws Error where it ends before its last line, or has an error */
export async function* readFlowLines(answer: IncomingMessage): AsyncGenerator<FlowLine, void, undefined> {
  let rest = '';
  let ended = false;
  answer.setEncoding('utf8');
  try {
    for await (const text of answer) {
      const parts = (rest + text).split('\n');
      rest = parts.pop()!;
      for (const part of parts) {
        const line = JSON.parse(part) as FlowLine;
        if (line.error !== undefined) throw new Error(line.error);
        ended ||= line.end !== undefined;
        yield line;
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  }
  if (!ended) throw new Error('the balancer ended before its answer did');
}

/** @throws RequestError, Error for any answer without status 200. */
async function accepted(response: IncomingMessage): Promise<IncomingMessage> {
  if (response.statusCode === 200) return response;
  const { kind, message } = JSON.parse(await readAll(response)) as Refusal;
  throw kind === 'request' ? new RequestError(message) : new Error(message);
}
