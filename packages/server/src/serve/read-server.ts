/** A server that answers about the histories of many hosts, and records nothing. */
import { HistoryError } from '@weir/history';
import { AuditLog, Refusals } from '@weir/http/auth';
import { ApiServer } from '@weir/http/server';
import { createApp } from '../api/app.js';
import { appListener } from '../api/app-listener.js';
import type { ServeConfig } from '../config/serve-schema.js';
import { ImportedHistories } from '../imports/imported-histories.js';
import { readingMetrics } from '../metrics/reading-metrics.js';
import type { Page } from '../page/page-response.js';
import { seldom } from '../spool/seldom.js';
import { Access, listenAt, makeServerFolder, readTls, urlsAt } from './access.js';
import { serverPlaces } from './places.js';
import { type Reading, startReading } from './reading.js';
import { Resources } from './resources.js';

/** What it is started with. */
export interface ReadServerOptions {
  readonly config: ServeConfig & { readonly read: NonNullable<ServeConfig['read']> };
  /** Version of Weir. */
  readonly version: string;
  /** A Unix socket for root and the server's own user, who need no token there. */
  readonly localSocket?: string;
  /** Descriptors that listen already, instead of the configuration's addresses. */
  readonly inherited?: readonly number[];
  readonly page?: Page;
  /** Called with the URLs of the API once it listens. It is disposed of when the API ends. */
  readonly publish?: (urls: readonly string[]) => Disposable;
  /** Reports what users should know, a line each. */
  readonly onProblem: (message: string) => void;
}

/** A running server. */
export class ReadServer implements AsyncDisposable {
  readonly #options: ReadServerOptions;
  readonly #resources = new Resources();
  readonly #access: Access;
  #config: ServeConfig;
  #api!: ApiServer;

  private constructor(options: ReadServerOptions) {
    const { config, onProblem } = options;
    this.#options = options;
    this.#config = config;
    makeServerFolder(config.folder);
    this.#access = this.#resources.use(new Access(config, onProblem));
  }

  /**
   * Starts a server, or leaves nothing behind.
   *
   * @throws OptionError where it would be reached from elsewhere unprotected, or an address is in use; UnreadableDatabaseError;
   * FormatError for a damaged file of tokens
   */
  static async start(options: ReadServerOptions): Promise<ReadServer> {
    const server = new ReadServer(options);
    try {
      await server.#start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { config, inherited = [], localSocket, onProblem } = this.#options;
    const tls = readTls(config);
    if (inherited.length === 0) this.#access.requireProtection(config, config.listen);
    const reading = this.#resources.use(await startReading(config.read, onProblem));
    const audit = this.#resources.use(new AuditLog(serverPlaces(config.folder).audit, onProblem));
    const refusals = new Refusals(audit);
    const app = this.#createApp(reading, audit, refusals);
    const open = inherited.length > 0 ? inherited.map((fd) => ({ fd })) : config.listen;
    const places = [...open, ...(localSocket === undefined ? [] : [{ path: localSocket }])];
    this.#api = this.#resources.use(
      await ApiServer.listen({
        listener: appListener(app),
        places,
        refusals,
        ...(tls !== undefined && { tls }),
      }),
    );
    this.#access.requireProtection(config, listenAt(this.#api.addresses));
    const published = this.#options.publish?.(this.urls);
    if (published !== undefined) this.#resources.use(published);
  }

  #createApp(reading: Reading, audit: AuditLog, refusals: Refusals) {
    const { version, page, onProblem } = this.#options;
    const { limits, folder } = this.#config;
    const { temporary } = serverPlaces(folder);
    const say = seldom(onProblem);
    return createApp({
      services: {
        history: reading.history,
        imports: this.#resources.use(new ImportedHistories({ temporaryFolder: temporary })),
        metrics: readingMetrics({ version, reading }),
        limits: { ...limits, timeMs: limits.time },
        status: () => ({ version, collectors: 0, reading: reading.status }),
        details: () => ({ listen: this.urls, reading: reading.status, collectors: [] }),
        temporaryFolder: temporary,
      },
      authenticator: this.#access.authenticator,
      allowedHosts: () => this.#config,
      audit,
      refusals,
      onError: (error) => {
        // Whoever asks is answered that, too.
        if (error instanceof HistoryError) say(error.message);
        else onProblem(`a request failed: ${error instanceof Error ? error.stack : String(error)}`);
      },
      ...(page !== undefined && { page }),
    });
  }

  /** URLs at which the API listens, without Unix sockets. */
  get urls(): string[] {
    return urlsAt(this.#api.addresses, this.#config);
  }

  /**
   * Uses another configuration for what can be changed while it runs: certificates, tokens, names, origins, the proxy.
   *
   * @returns Keys of the configuration that only a restart changes.
   * @throws OptionError, Error of the system for files that cannot be used; then everything is as before
   */
  reload(config: ServeConfig): string[] {
    const tls = readTls(config);
    this.#access.refresh(config);
    this.#access.requireProtection(config, listenAt(this.#api.addresses));
    if (tls !== undefined) this.#api.setTls(tls);
    const fixed = ['folder', 'user', 'read', 'listen', 'limits'] as const;
    const left = fixed.filter((key) => JSON.stringify(config[key]) !== JSON.stringify(this.#config[key]));
    const { tokens, names, origins, proxy } = config;
    const { proxy: _, ...rest } = this.#config;
    this.#config = { ...rest, tokens, names, origins, ...(proxy !== undefined && { proxy }) };
    this.#access.update(this.#config);
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
