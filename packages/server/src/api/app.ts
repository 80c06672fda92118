/** The HTTP API as a whole: what is checked of every request, and how routes are called. */
import type { HttpBindings } from '@hono/node-server';
import {
  API_BASE,
  type ApiInfo,
  openApiDocument,
  ProblemError,
  type ProblemKind,
  pathOf,
  problemKinds,
  problemResponse,
  readBody,
  readPath,
  readQuery,
} from '@weir/http/api';
import type { AuditSink, Refusals } from '@weir/http/auth';
import { type AllowedHosts, isAllowedOrigin, isOwnHost, securityHeaders } from '@weir/http/auth';
import { IDLE_TIMEOUT_MS } from '@weir/http/server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Authenticator } from '../auth/authenticator.js';
import type { Page } from '../page/page-response.js';
import { AnswerBudget } from './answer-budget.js';
import { authorize } from './authorize.js';
import { problemOf } from './failure.js';
import type { ApiHistory } from './history.js';
import { QueryGate } from './query-gate.js';
import type { Route } from './route.js';
import { allRoutes } from './routes/index.js';
import type { RouteServices } from './services.js';

/** What an app is made of. */
export interface AppOptions {
  readonly services: RouteServices;
  readonly authenticator: Authenticator;
  /** Asked for each request: a reload may change it. */
  readonly allowedHosts: () => AllowedHosts;
  readonly audit?: AuditSink;
  /** Where refused requests are written to. */
  readonly refusals?: Refusals;
  /** Reports what went wrong inside. */
  readonly onError: (error: unknown) => void;
  /** Called when a question has gone on for long after it was ended: some work cannot be interrupted. */
  readonly onStuck?: () => void;
  /** Milliseconds after which that is so. Default 10 seconds. */
  readonly stuckMs?: number;
  /** Files of a page: everything outside of the API. Undefined for a file that there is not. */
  readonly page?: Page;
  /** Checks answers by the schemas of their routes, as tests do. Default false. */
  readonly checkAnswers?: boolean;
}

/** What a request brings along. */
export interface AppEnvironment {
  readonly Bindings: HttpBindings;
}

type AppContext = Context<AppEnvironment>;

function apiInfo(version: string): ApiInfo {
  return { version, summary: 'The memory of every connection of a host.' };
}

/** Makes the app. */
export function createApp(options: AppOptions): Hono<AppEnvironment> {
  const routes = allRoutes(options.services);
  const caller = new RouteCaller(options);
  const app = new Hono<AppEnvironment>();
  app.use(withHeaders);
  app.use(checkHost(options));
  app.use(`${API_BASE}/*`, checkOrigin(options));
  for (const route of routes) {
    const path = pathOf(route).replace(/\{(\w+)\}/g, ':$1');
    if (route.isRoot === true) app.use(path, checkOrigin(options));
    app.on(route.method.toUpperCase(), path, (context) => caller.call(route, context));
  }
  const document = JSON.stringify(openApiDocument(routes, apiInfo(options.services.status().version)));
  app.get(`${API_BASE}/openapi.json`, ({ body }) =>
    body(document, 200, { 'content-type': 'application/json' }),
  );
  app.notFound((context) => notFound(routes, options, context));
  app.onError((error) => {
    if (!(error instanceof ProblemError)) options.onError(error);
    return problemResponse(
      error instanceof ProblemError ? error : new ProblemError('internal', 'see the log'),
    );
  });
  return app;
}

function isTls({ env }: AppContext): boolean {
  return 'encrypted' in env.incoming.socket;
}

const withHeaders: MiddlewareHandler<AppEnvironment> = async (context, next) => {
  await next();
  for (const [name, value] of Object.entries(securityHeaders(isTls(context))))
    if (!context.res.headers.has(name)) context.res.headers.set(name, value);
};

/** Problems that a client is to be known for: what it sent was meant for somebody else, is too long, or not allowed. */
const logged: ReadonlySet<ProblemKind> = new Set([
  'host',
  'origin',
  'too-long',
  'header-too-long',
  'statement',
]);

/** The answer to a request that is refused. */
function refuse({ refusals }: AppOptions, { req, env }: AppContext, error: ProblemError): Response {
  const { kind, message } = error;
  if (logged.has(kind)) {
    const { remoteAddress } = env.incoming.socket;
    refusals?.add({
      kind,
      method: req.method,
      path: req.path,
      status: problemKinds[kind].status,
      detail: message,
      ...(remoteAddress !== undefined && { address: remoteAddress }),
    });
  }
  return problemResponse(error);
}

function checkHost(options: AppOptions): MiddlewareHandler<AppEnvironment> {
  return async (context, next) => {
    const { headers, socket } = context.env.incoming;
    if (!isOwnHost(headers.host, socket.localAddress, options.allowedHosts())) {
      const name = JSON.stringify((headers.host ?? '').slice(0, 100));
      const detail = `this server is not called ${name}: add the name to names in the configuration`;
      return refuse(options, context, new ProblemError('host', detail));
    }
    return next();
  };
}

function checkOrigin(options: AppOptions): MiddlewareHandler<AppEnvironment> {
  return async (context, next) => {
    const { origin, host = '', 'sec-fetch-site': site } = context.env.incoming.headers;
    const scheme = isTls(context) ? 'https' : 'http';
    const asked = { origin, host, scheme, site: typeof site === 'string' ? site : undefined } as const;
    if (!isAllowedOrigin(asked, options.allowedHosts())) {
      const page = origin === undefined ? 'another page' : JSON.stringify(origin.slice(0, 200));
      const detail = `${page} may not use this server: add it to origins in the configuration`;
      return refuse(options, context, new ProblemError('origin', detail));
    }
    const isForeign = origin !== undefined && origin !== `${scheme}://${host}`;
    if (!isForeign) return next();
    if (context.req.method === 'OPTIONS') {
      const headers = {
        ...crossOrigin(origin),
        'access-control-allow-headers': 'authorization, content-type',
      };
      return new Response(null, {
        status: 204,
        headers: {
          ...headers,
          'access-control-allow-methods': 'GET, POST, DELETE',
          'access-control-max-age': '600',
        },
      });
    }
    await next();
    for (const [name, value] of Object.entries(crossOrigin(origin))) context.res.headers.set(name, value);
  };
}

function crossOrigin(origin: string): Readonly<Record<string, string>> {
  return {
    'access-control-allow-origin': origin,
    'cross-origin-resource-policy': 'cross-origin',
    vary: 'Origin',
  };
}

/** Calls routes. */
class RouteCaller {
  readonly #options: AppOptions;
  readonly #gate: QueryGate;
  readonly #peerGate: QueryGate;
  readonly #budget = new AnswerBudget();

  constructor(options: AppOptions) {
    this.#options = options;
    this.#gate = new QueryGate(options.services.limits);
    this.#peerGate = new QueryGate(options.services.limits);
  }

  async call(route: Route, context: AppContext): Promise<Response> {
    const { timeMs = this.#options.services.limits.timeMs } = route;
    const timeout = route.isQuery === true ? AbortSignal.timeout(timeMs) : undefined;
    // Nothing is sent while the answer is made: the connection must not count as idle then.
    if (timeout !== undefined) context.env.incoming.socket.setTimeout(timeMs + IDLE_TIMEOUT_MS);
    const gone = clientGone(context);
    const signal = timeout === undefined ? gone : AbortSignal.any([gone, timeout]);
    try {
      const answer = this.#answer(route, context, signal);
      return await (timeout === undefined ? answer : inTime(answer, signal, this.#options));
    } catch (error) {
      const hasTimedOut = timeout?.aborted === true && !gone.aborted;
      // Nobody is there to read what went wrong.
      const onError = gone.aborted ? () => {} : this.#options.onError;
      return refuse(this.#options, context, problemOf(error, { hasTimedOut, timeMs, onError }));
    }
  }

  async #answer(route: Route, context: AppContext, signal: AbortSignal): Promise<Response> {
    const { authenticator, checkAnswers = false } = this.#options;
    const principal = authorize(route, context.env.incoming, authenticator, this.#options);
    const request = context.req.raw;
    const parameters = {
      query: readQuery(route, new URL(request.url).searchParams),
      path: readPath(route, context.req.param()),
    };
    const mayRead = () => authenticator.isValid(principal);
    const handle = async (body: unknown) => {
      const input = { ...parameters, body };
      const history = this.#historyOf(input);
      return route.handle({ ...input, history, principal, signal, request, mayRead });
    };
    // Bodies of other servers are long: no more of them are read than are answered.
    const answer = await (route.isPeer === true
      ? this.#peerGate.run(signal, async () => handle(await readBody(route, request)))
      : this.#answerTo(route, handle, await readBody(route, request), signal));
    if (answer instanceof Response) return answer;
    if (checkAnswers) route.answer.parse(answer);
    const text = JSON.stringify(answer);
    const sent = this.#budget.reserve(text.length);
    context.env.outgoing.once('close', sent);
    return new Response(text, {
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    });
  }

  async #answerTo(
    route: Route,
    handle: (body: unknown) => Promise<unknown>,
    body: unknown,
    signal: AbortSignal,
  ): Promise<unknown> {
    return route.isQuery === true ? this.#gate.run(signal, () => handle(body)) : handle(body);
  }

  #historyOf({ query, body }: { readonly query: unknown; readonly body: unknown }): ApiHistory {
    const { history, imports } = this.#options.services;
    const id = (query as Sourced).source ?? (body as Sourced | undefined)?.source;
    if (id === undefined) return history;
    const imported = imports?.get(id);
    if (imported === undefined)
      throw new ProblemError('missing', `there is no imported file ${id}, or it was not asked for long`);
    return imported;
  }
}

/** Time in which a question that was ended has to end; then nobody waits for it any more. */
const GRACE_MS = 1_000;
const STUCK_MS = 10_000;

/** An answer, or soon after its signal none. What goes on in spite of it keeps its place among those that run. */
function inTime<T>(
  answer: Promise<T>,
  signal: AbortSignal,
  { onStuck = () => {}, stuckMs = STUCK_MS }: AppOptions,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let timers: NodeJS.Timeout[] = [];
    const ended = () => {
      timers = [
        setTimeout(() => reject(signal.reason), Math.min(GRACE_MS, stuckMs)),
        setTimeout(onStuck, stuckMs),
      ];
    };
    if (signal.aborted) ended();
    else signal.addEventListener('abort', ended, { once: true });
    const finished = () => {
      signal.removeEventListener('abort', ended);
      for (const timer of timers) clearTimeout(timer);
    };
    answer.finally(finished).then(resolve, reject);
  });
}

/** A question that may name an imported file. */
interface Sourced {
  readonly source?: string;
}

/** Aborted when the connection is closed before the answer is sent. */
function clientGone({ env: { outgoing } }: AppContext): AbortSignal {
  const controller = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort(new Error('the client has gone away'));
  });
  return controller.signal;
}

async function notFound(
  routes: readonly Route[],
  { page }: AppOptions,
  context: AppContext,
): Promise<Response> {
  const { path, method, raw } = context.req;
  const methods = routes.filter((route) => matches(route, path)).map((route) => route.method.toUpperCase());
  if (methods.length === 0 && !path.startsWith(`${API_BASE}/`)) {
    const isRead = method === 'GET' || method === 'HEAD';
    const file = isRead ? await page?.(path, raw.headers) : undefined;
    return file ?? problemResponse(new ProblemError('missing', `the API is below ${API_BASE}`));
  }
  if (methods.length === 0)
    return problemResponse(
      new ProblemError('missing', `there is no such path: ${API_BASE}/openapi.json lists them`),
    );
  const response = problemResponse(new ProblemError('method', `it takes ${methods.join(' and ')}`));
  response.headers.set('allow', methods.join(', '));
  return response;
}

function matches(route: Route, asked: string): boolean {
  return new RegExp(`^${pathOf(route).replace(/\{\w+\}/g, '[^/]+')}$`).test(asked);
}
