/** The remote API of a running balancer. */
import { lstatSync } from 'node:fs';
import { OptionError } from '@weir/ebpf';
import { openApiDocument } from '@weir/http/api';
import {
  type AuditEntry,
  AuditLog,
  type AuditSink,
  ownTokenFile,
  Refusals,
  TokenLogins,
  TokenSource,
} from '@weir/http/auth';
import { ApiServer, readTlsFiles } from '@weir/http/server';
import type { ApiConfig } from '../config/api-schema.js';
import { type BalancerRole, balancerRoles } from '../control/command-roles.js';
import type { EventFeed } from '../control/event-feed.js';
import type { Handlers } from '../control/server.js';
import type { BalancerRoute } from './api-answer.js';
import { apiListener } from './api-listener.js';
import { auditText } from './audit-text.js';
import { captureRoutes } from './capture-routes.js';
import { CertificateWatch } from './certificate-watch.js';
import { commandRoutes } from './command-routes.js';
import { eventRoute } from './event-route.js';
import { probeRoutes } from './probe-routes.js';
import { viewRoutes } from './view-routes.js';

/** What the API is about. */
export interface BalancerApiOptions {
  readonly handlers: Handlers;
  readonly events: EventFeed;
  /** Whether packets are balanced. */
  isReady(): boolean;
  /** Version of Weir. */
  readonly version: string;
  /** Receives messages for the operator: one line without its line break. */
  log(line: string): void;
}

/** So that clients that do nothing cannot keep others away. */
const limits = {
  ...{ connections: 256, perAddress: 64, requestMs: 30_000 },
  // A handshake takes 2 ms of the process that checks reals, too.
  rates: { perAddress: 20, total: 100 },
};

/** Serves the API until it is closed. */
export class BalancerApi implements AsyncDisposable {
  readonly #server: ApiServer;
  readonly #resources: readonly Disposable[];
  readonly #ending: AbortController;
  readonly #isTls: boolean;

  /**
   * Listens at the addresses of a configuration. Tokens and certificates are read again when their files change.
   *
   * @throws OptionError for files that cannot be used; FormatError for a file of tokens that is none; Error of the system
   */
  static async listen(config: ApiConfig, options: BalancerApiOptions): Promise<BalancerApi> {
    const resources: Disposable[] = [];
    try {
      return await BalancerApi.#open(config, options, resources);
    } catch (error) {
      for (const each of resources) each[Symbol.dispose]();
      throw error;
    }
  }

  static async #open(
    config: ApiConfig,
    options: BalancerApiOptions,
    resources: Disposable[],
  ): Promise<BalancerApi> {
    const { log } = options;
    requireOwnFile(config.tokens);
    const logins = new TokenLogins<BalancerRole>([]);
    const changed = () => logins.update(source.tokens);
    const report = (message: string) => log(`api: ${message}`);
    const source = new TokenSource(ownTokenFile(config.tokens, balancerRoles), changed, report);
    resources.push(source);
    changed();
    if (source.tokens.length === 0)
      report(`nobody has a token in ${config.tokens}: "weir balance token add NAME" makes one`);
    const ending = new AbortController();
    const audit = auditOf(config, report, resources);
    const refusals = new Refusals(audit);
    const routes = apiRoutes(options);
    const listener = apiListener({
      ...{ routes, logins, names: config.names, audit, refusals, signal: ending.signal },
    });
    const tls = config.tls && readTlsFiles(config.tls);
    const server = await ApiServer.listen({
      ...{ listener, places: config.listen, refusals, limits },
      ...(tls !== undefined && { tls }),
    });
    if (config.tls !== undefined) {
      const use: ConstructorParameters<typeof CertificateWatch>[1] = (files) => {
        server.setTls(files);
        report('the certificate was read again');
      };
      resources.push(new CertificateWatch(config.tls, use, report));
    }
    return new BalancerApi(server, resources, ending, config.tls !== undefined);
  }

  private constructor(server: ApiServer, resources: Disposable[], ending: AbortController, isTls: boolean) {
    this.#server = server;
    this.#resources = resources;
    this.#ending = ending;
    this.#isTls = isTls;
  }

  /** The URLs at which it is reached. */
  get urls(): string[] {
    return this.#server.addresses.map(
      ({ address, port, family }) =>
        `${this.#isTls ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    );
  }

  /** Takes no more requests, and ends answers that go on. Others are completed. */
  close(): void {
    this.#ending.abort();
    this.#server.stopListening();
  }

  /** Ends all connections: those with an answer under way after a second at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#server[Symbol.asyncDispose]();
    for (const each of this.#resources) each[Symbol.dispose]();
  }
}

/** All routes. The last one describes the others. */
export function apiRoutes({
  handlers,
  events,
  isReady,
  version,
}: Omit<BalancerApiOptions, 'log'>): BalancerRoute[] {
  const routes = [
    ...commandRoutes(handlers),
    ...viewRoutes(handlers),
    ...probeRoutes(isReady),
    eventRoute(events),
    ...captureRoutes(handlers),
  ];
  const document = openApiDocument(routes, {
    version,
    summary: 'A running balancer: what it does, and what is to change.',
  });
  return [
    ...routes,
    {
      method: 'get',
      path: '/openapi.json',
      summary: 'This document.',
      role: 'none',
      handle: () => document,
    },
  ];
}

/** Who may write to the file gives everybody tokens. @throws OptionError */
function requireOwnFile(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.uid === 0 || found.uid === process.geteuid?.()) return;
  throw new OptionError(
    `${path} belongs to user ${found.uid}, who could give tokens to everybody: chown root ${path}`,
  );
}

function auditOf(
  { audit }: ApiConfig,
  report: (message: string) => void,
  resources: Disposable[],
): AuditSink {
  if (audit !== undefined) {
    const log = new AuditLog(audit, report);
    resources.push(log);
    return log;
  }
  return { add: (entry: AuditEntry) => report(auditText(entry)) };
}
