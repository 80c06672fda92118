/** Answers requests of the API: who asks, what for, and whether that makes sense, before a command is called. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import {
  API_BASE,
  type BodySource,
  MAX_BODY_BYTES,
  ProblemError,
  pathOf,
  problemBody,
  problemKinds,
  readBody,
  readQuery,
  readText,
} from '@weir/http/api';
import {
  type AllowedHosts,
  type AuditSink,
  bearerToken,
  isAllowedOrigin,
  isOwnHost,
  type Refusals,
  type StoredToken,
  securityHeaders,
  type TokenLogins,
} from '@weir/http/auth';
import { loginProblem } from '@weir/http/server';
import { type BalancerRole, includesRole } from '../control/command-roles.js';
import { type BalancerRoute, StatusAnswer, StreamedAnswer } from './api-answer.js';
import { apiProblem } from './api-problem.js';

/** What the listener is made of. */
export interface ApiListenerOptions {
  readonly routes: readonly BalancerRoute[];
  readonly logins: TokenLogins<BalancerRole>;
  readonly names: AllowedHosts['names'];
  readonly audit: AuditSink;
  readonly refusals: Refusals;
  /** Ends answers that go on. */
  readonly signal: AbortSignal;
}

/** Requests that are answered at the same time, without answers that go on. */
const MOST_REQUESTS = 32;
/** Time in which the rest of a request that was refused is read, so that its client gets to see why, milliseconds. */
const LINGER_MS = 2_000;

/** The listener. */
export function apiListener(options: ApiListenerOptions): RequestListener {
  const caller = new RouteCaller(options);
  return (request, response) => {
    for (const [name, value] of Object.entries(securityHeaders(isTls(request))))
      response.setHeader(name, value);
    void caller.answer(request, response);
  };
}

class RouteCaller {
  readonly #options: ApiListenerOptions;
  readonly #byPath = new Map<string, BalancerRoute[]>();
  #running = 0;

  constructor(options: ApiListenerOptions) {
    this.#options = options;
    for (const route of options.routes) {
      const path = pathOf(route);
      this.#byPath.set(path, [...(this.#byPath.get(path) ?? []), route]);
    }
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen: Seen = {};
    try {
      await this.#call(request, response, seen);
      this.#auditChange(request, response.statusCode, seen);
    } catch (error) {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      if (seen.token === undefined) endAfter(response);
      const problem = apiProblem(error);
      const { kind, message, extras } = problem;
      const { status, headers, body } = problemBody(kind, message, extras);
      if (seen.token !== undefined && kind !== 'role') this.#auditChange(request, status, seen, message);
      else if (logged.has(kind)) this.#refused(request, problem, seen);
      if (!request.complete) endAfter(response);
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
      if (request.complete) response.end(body);
      else lingerAfter(body, request, response);
    }
  }

  async #call(request: IncomingMessage, response: ServerResponse, seen: Seen): Promise<void> {
    const { headers, socket, method = '', url = '' } = request;
    const { names, signal } = this.#options;
    if (!isOwnHost(headers.host, socket.localAddress, { names, origins: [] })) throw wrongHost(headers.host);
    const { origin, host = '', 'sec-fetch-site': site } = headers;
    const asked = { origin, host, scheme: isTls(request) ? 'https' : 'http', site: texts(site) } as const;
    if (!isAllowedOrigin(asked, { names, origins: [] }))
      throw new ProblemError('origin', 'pages may not use this server');
    const [path = '', search = ''] = url.split('?', 2);
    const route = this.#routeOf(path, method, response);
    seen.route = route;
    const token = this.#authorize(route, request, seen);
    if (token === undefined) endAfter(response);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const query = readQuery(route, new URLSearchParams(search));
    const input = {
      query,
      role: token?.role,
      signal: AbortSignal.any([signal, gone.signal]),
      mayRead: () => token === undefined || this.#options.logins.isValid(token.name, token.role),
    };
    const answer = await this.#inPlace(async () =>
      route.handle({ ...input, body: await bodyOf(route, query, request) }),
    );
    if (answer instanceof StreamedAnswer) return answer.send(response);
    const { status, json } = answer instanceof StatusAnswer ? answer : { status: 200, json: answer };
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(json));
  }

  #routeOf(path: string, method: string, response: ServerResponse): BalancerRoute {
    const routes = this.#byPath.get(path);
    if (routes === undefined)
      throw new ProblemError('missing', `there is no such path: ${API_BASE}/openapi.json lists them`);
    const route = routes.find((each) => each.method.toUpperCase() === method);
    if (route !== undefined) return route;
    const methods = routes.map((each) => each.method.toUpperCase());
    response.setHeader('allow', methods.join(', '));
    throw new ProblemError('method', `it takes ${methods.join(' and ')}`);
  }

  /** @throws ProblemError for whoever may not ask that */
  #authorize(
    route: BalancerRoute,
    request: IncomingMessage,
    seen: Seen,
  ): StoredToken<BalancerRole> | undefined {
    const { role } = route;
    if (role === 'none') return undefined;
    const { logins, audit, refusals } = this.#options;
    const { authorization } = request.headers;
    const { remoteAddress: address = '::' } = request.socket;
    const entry = { method: route.method.toUpperCase(), path: pathOf(route), address };
    if (authorization === undefined) throw loginProblem({ failure: 'missing' }, entry, { audit, refusals });
    const found = logins.logIn(bearerToken(authorization) ?? '', address);
    if ('failure' in found) throw loginProblem(found, entry, { audit, refusals });
    seen.token = found;
    if (includesRole(found.role, role)) return found;
    refusals.add({ kind: 'role', principal: found.name, status: 403, ...entry });
    throw new ProblemError('role', `this needs the role ${role}, and ${found.name} has ${found.role}`);
  }

  async #inPlace<T>(handle: () => Promise<T>): Promise<T> {
    if (this.#running >= MOST_REQUESTS)
      throw new ProblemError('busy', `${MOST_REQUESTS} requests are answered already`, { retryAfter: 1 });
    this.#running++;
    try {
      return await handle();
    } finally {
      this.#running--;
    }
  }

  /** What asks for more than to read, and how it ended. */
  #auditChange(request: IncomingMessage, status: number, { route, token }: Seen, detail?: string): void {
    if (route === undefined || token === undefined || route.role === 'read') return;
    const { remoteAddress: address } = request.socket;
    this.#options.audit.add({
      event: 'request',
      ...(address !== undefined && { address }),
      principal: token.name,
      method: route.method.toUpperCase(),
      path: pathOf(route),
      status,
      ...(detail !== undefined && { detail: detail.slice(0, 300) }),
    });
  }

  #refused(request: IncomingMessage, { kind, message }: ProblemError, { route }: Seen): void {
    const { remoteAddress: address } = request.socket;
    this.#options.refusals.add({
      kind,
      status: problemKinds[kind].status,
      detail: message,
      ...(route !== undefined && { method: route.method.toUpperCase(), path: pathOf(route) }),
      ...(address !== undefined && { address }),
    });
  }
}

/** What is known of a request so far. */
interface Seen {
  route?: BalancerRoute;
  token?: StoredToken<BalancerRole>;
}

/** Problems for which a client is to be known. Wrong tokens are written elsewhere. */
const logged: ReadonlySet<string> = new Set(['host', 'origin', 'too-long']);

/** Who has no token makes a connection for each request: these are bounded. */
function endAfter(response: ServerResponse): void {
  response.setHeader('connection', 'close');
}

function wrongHost(host = ''): ProblemError {
  const name = JSON.stringify(host.slice(0, 100));
  return new ProblemError('host', `this server is not called ${name}: add the name to api.names in its file`);
}

function isTls({ socket }: IncomingMessage): boolean {
  return 'encrypted' in socket;
}

function texts(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

async function bodyOf(route: BalancerRoute, query: unknown, request: IncomingMessage): Promise<unknown> {
  if (route.body === undefined) return undefined;
  const most = route.maxBody ?? MAX_BODY_BYTES;
  if (Number(request.headers['content-length'] ?? 0) > most)
    throw new ProblemError('too-long', `the body may have ${most} bytes at most`);
  const source: BodySource = {
    headers: { get: (name) => texts(request.headers[name]) ?? null },
    // A refusal is still to be sent when reading stops.
    body: request.iterator({ destroyOnReturn: false }),
  };
  const type = source.headers.get('content-type') ?? '';
  if (route.fromText === undefined || /^application\/json\b/i.test(type)) return readBody(route, source);
  if (!/^(?:application\/(?:x-)?yaml|text\/(?:x-)?yaml|text\/plain) *(?:;|$)/i.test(type))
    throw new ProblemError('media-type', 'the body must be application/yaml or application/json');
  return route.body.parse(route.fromText(await readText(source, most), query));
}

/**
 * Refuses a request of which more is to come. The connection ends when all of it has come, or after a while: an end before that makes
 * the kernel reset it, and a client that is still sending would never read the refusal.
 */
function lingerAfter(body: string, request: IncomingMessage, response: ServerResponse): void {
  response.write(body);
  request.resume();
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.once('end', () => response.end());
  request.once('close', () => clearTimeout(timer));
}
