/** The control socket of a running balancer. */

import { chownSync, lstatSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { ConfigError } from '@weir/config';
import { OptionError } from '@weir/ebpf';
import { listenOnSocket, removeStaleSocket } from '@weir/ebpf/sys';
import { claimFolder } from '../lifecycle/own-folder.js';
import { lineCommands } from './control-commands.js';
import type { FlowLines } from './flow-requests.js';
import { groupId } from './groups.js';
import { RequestError } from './names.js';
import type { PcapStream } from './pcap-stream.js';
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

/** Actions of the requests. */
export type Handlers = {
  readonly [Name in CallName]: (body: Calls[Name]['body']) => Promise<Calls[Name]['answer']>;
} & {
  readonly [Name in LineCallName]: (body: LineCalls[Name]) => FlowLines;
} & {
  /** Captures until the signal aborts. */
  capture(body: CaptureBody, signal: AbortSignal): PcapStream;
};

/** Answers requests on a control socket. */
export class ControlServer {
  /** Resolves after {@link close}, once all answers are sent. */
  readonly closed: Promise<void>;
  readonly #server: Server;

  /**
   * Listens on a Unix socket that only root and a group's members may open. A socket on which no process listens any more
   * is replaced.
   *
   * @throws RequestError for an unknown group, or if a process listens there already; Error of the system
   */
  static async listen(path: string, group: string | undefined, handlers: Handlers): Promise<ControlServer> {
    const gid = group === undefined ? undefined : groupId(group);
    claimFolder(dirname(path), 0o755);
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false)
      throw new RequestError(`${path} is no socket: remove it, or name another path (control.socket)`);
    if (!(await removeStaleSocket(path)))
      throw new RequestError(
        `a process listens on ${path} already: stop it, or name another socket (control.socket)`,
      );
    const server = createServer((request, response) => void answer(handlers, request, response));
    await listenOnSocket(server, path, gid === undefined ? 0o600 : 0o660);
    if (gid !== undefined) chownSync(path, -1, gid);
    return new ControlServer(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    this.closed = new Promise((resolve) => server.on('close', resolve));
  }

  /** Removes the socket; answers in progress are completed. */
  close(): void {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeIdleConnections();
  }
}

async function answer(handlers: Handlers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const [name = '', query] = (request.url ?? '').slice(1).split('?');
    if (name === 'capture') {
      const body = JSON.parse(decodeURIComponent(query ?? '')) as CaptureBody;
      return await stream(handlers.capture, body, request, response);
    }
    const body: unknown = JSON.parse(await readAll(request));
    if (!Object.hasOwn(handlers, name))
      throw new RequestError(`unknown request /${name}: the balancer may be of another version`);
    if (isLineCall(name)) {
      const handle = handlers[name] as (body: unknown) => FlowLines;
      return await sendLines(handle(body), response);
    }
    const handle = handlers[name as CallName] as (body: unknown) => Promise<unknown>;
    send(response, 200, await handle(body));
  } catch (error) {
    if (response.headersSent) response.destroy(error as Error);
    else send(response, isRequestsFault(error) ? 400 : 500, refusal(error));
  }
}

function isLineCall(name: string): name is LineCallName {
  return Object.hasOwn(lineCommands, name);
}

/** Sends lines of JSON, until there are no more or nobody reads the answer any more. */
export async function sendLines(flowLines: FlowLines, response: ServerResponse): Promise<void> {
  const pieces = describeFailure(flowLines, () => response.headersSent);
  for await (const lines of pieces) {
    if (!response.headersSent)
      response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' });
    const isWritten = response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    if (response.destroyed) return;
    if (!isWritten) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
  }
  response.end();
}

/** Once lines were sent, an error is a line, too. */
async function* describeFailure(lines: FlowLines, isBegun: () => boolean): FlowLines {
  try {
    yield* lines;
  } catch (error) {
    if (!isBegun()) throw error;
    yield [{ error: refusal(error).message }];
  }
}

/** Sends a capture, until its request ends or nobody reads the answer any more. */
async function stream(
  capture: Handlers['capture'],
  body: CaptureBody,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const abort = new AbortController();
  request.on('end', () => abort.abort()).resume();
  response.on('close', () => abort.abort());
  const pieces = capture(body, abort.signal);
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) {
      response.addTrailers({ [packetsTrailer]: String(value.packets), [lostTrailer]: String(value.lost) });
      break;
    }
    if (!response.headersSent) {
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        trailer: `${packetsTrailer}, ${lostTrailer}`,
      });
    }
    if (response.write(value) || response.destroyed) continue;
    await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
  }
  response.end();
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(value));
}

/** Whether the request is at fault, also by options that the balancer refuses. */
function isRequestsFault(error: unknown): boolean {
  return [RequestError, ConfigError, OptionError, SyntaxError].some((kind) => error instanceof kind);
}

function refusal(error: unknown): Refusal {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: isRequestsFault(error) ? 'request' : 'failed', message };
}
