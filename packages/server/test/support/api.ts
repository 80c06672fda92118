/** A server of the API on a port of loopback, for real HTTP. */
import assert from 'node:assert/strict';
import type { AllowedHosts, AuditLog } from '@weir/http/auth';
import { Refusals } from '@weir/http/auth';
import type { TlsFiles } from '@weir/http/server';
import { ApiServer, type ListenPlace } from '@weir/http/server';
import { createApp } from '../../src/api/app.js';
import { appListener } from '../../src/api/app-listener.js';
import type { ApiHistory, ImportedFiles } from '../../src/api/history.js';
import type { BalancerServices, PeerStatus, RequestLimits } from '../../src/api/services.js';
import { Authenticator, type AuthenticatorOptions } from '../../src/auth/authenticator.js';
import type { Page } from '../../src/page/page-response.js';
import type { HistoryPart } from '../../src/peers/history-part.js';
import { LiveHub } from '../../src/stream/live-hub.js';

export interface ApiOptions {
  readonly history: ApiHistory;
  readonly imports?: ImportedFiles;
  readonly balancers?: BalancerServices;
  readonly limits?: Partial<RequestLimits>;
  readonly login?: Partial<AuthenticatorOptions>;
  /** Instead of one with `login`. */
  readonly authenticator?: Authenticator;
  readonly allowed?: Partial<AllowedHosts>;
  readonly audit?: AuditLog;
  readonly places?: readonly ListenPlace[];
  readonly tls?: TlsFiles;
  readonly collectors?: number;
  readonly onStuck?: () => void;
  readonly temporaryFolder?: string;
  readonly onError?: (error: unknown) => void;
  readonly page?: Page;
  readonly metrics?: { text(): Promise<string> };
  readonly own?: HistoryPart;
  readonly peers?: readonly PeerStatus[];
}

export interface RunningApi extends AsyncDisposable {
  readonly live: LiveHub;
  readonly origin: string;
  readonly server: ApiServer;
  /** Requests a path below `/api/v1`. */
  get(path: string, init?: RequestInit): Promise<Response>;
}

/** Starts a server whose answers are checked by the schemas of their routes. */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { history, imports, balancers, allowed, audit, page, tls, collectors = 1 } = options;
  const live = new LiveHub();
  const limits = { rows: 10_000, timeMs: 10_000, queries: 2, waiting: 2, streams: 4, ...options.limits };
  const refusals = audit && new Refusals(audit);
  const app = createApp({
    services: {
      ...{ history, live, limits, temporaryFolder: options.temporaryFolder ?? '/nonexistent' },
      ...(imports !== undefined && { imports }),
      ...(balancers !== undefined && { balancers }),
      ...(options.metrics !== undefined && { metrics: options.metrics }),
      ...(options.own !== undefined && { own: options.own }),
      ...(options.peers !== undefined && { peers: options.peers }),
      status: () => ({ version: '1.2.3', collectors }),
    },
    authenticator:
      options.authenticator ?? new Authenticator({ tokens: [], insecure: false, ...options.login }),
    allowedHosts: () => ({ names: [], origins: [], ...allowed }),
    onError: options.onError ?? ((error) => assert.fail(error as Error)),
    ...(audit !== undefined && { audit, refusals }),
    ...(page !== undefined && { page }),
    checkAnswers: true,
    ...(options.onStuck !== undefined && { onStuck: options.onStuck, stuckMs: 300 }),
  });
  const places = options.places ?? [{ host: '127.0.0.1', port: 0 }];
  const server = await ApiServer.listen({
    listener: appListener(app),
    places,
    ...(tls !== undefined && { tls }),
    ...(refusals && { refusals }),
  });
  const origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${server.addresses[0]?.port}`;
  return {
    ...{ live, origin, server },
    get: (path, init) => fetch(`${origin}/api/v1${path}`, init),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The problem that an answer is. */
export async function problemOf(response: Response) {
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const problem = (await response.json()) as {
    type: string;
    title: string;
    status: number;
    detail: string;
    column?: number;
    suggestion?: string;
    errors?: { parameter: string; message: string }[];
  };
  assert.equal(problem.status, response.status);
  return { ...problem, kind: problem.type.replace('urn:weir:problem:', '') };
}
