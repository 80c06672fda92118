/** A server that answers about the histories of many hosts, and records nothing. */
import { mkdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { HistoryError } from '@weir/history';
import { createApp } from '../api/app.js';
import { AuditLog } from '../auth/audit-log.js';
import { Authenticator, type AuthenticatorOptions } from '../auth/authenticator.js';
import { requireProtection } from '../auth/protection.js';
import { Refusals } from '../auth/refusals.js';
import type { ServeConfig } from '../config/serve-schema.js';
import { ApiServer } from '../http/api-server.js';
import { readTlsFiles, type TlsFiles } from '../http/tls-files.js';
import { ImportedHistories } from '../imports/imported-histories.js';
import type { Page } from '../page/page-response.js';
import { seldom } from '../spool/seldom.js';
import { LiveHub } from '../stream/live-hub.js';
import { serverPlaces } from './places.js';
import { type Reading, startReading } from './reading.js';
import { Resources } from './resources.js';
import { TokenSource } from './token-source.js';

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
  readonly #authenticator: Authenticator;
  readonly #tokens: TokenSource;
  #config: ServeConfig;
  #api!: ApiServer;

  private constructor(options: ReadServerOptions) {
    const { config, onProblem } = options;
    this.#options = options;
    this.#config = config;
    const { tokens, temporary } = serverPlaces(config.folder);
    mkdirSync(config.folder, { recursive: true, mode: 0o750 });
    // What an earlier process left there is of no use.
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { mode: 0o700 });
    const onTokens = () => this.#authenticator.update(this.#login());
    this.#tokens = this.#resources.use(new TokenSource(tokens, onTokens, onProblem));
    this.#authenticator = new Authenticator(this.#login());
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
    if (inherited.length === 0) this.#requireProtection(config);
    const reading = this.#resources.use(await startReading(config.read, onProblem));
    const audit = this.#resources.use(new AuditLog(serverPlaces(config.folder).audit, onProblem));
    const refusals = new Refusals(audit);
    const app = this.#createApp(reading, audit, refusals);
    const open = inherited.length > 0 ? inherited.map((fd) => ({ fd })) : config.listen;
    const places = [...open, ...(localSocket === undefined ? [] : [{ path: localSocket }])];
    this.#api = this.#resources.use(
      await ApiServer.listen({ app, places, refusals, ...(tls !== undefined && { tls }) }),
    );
    this.#requireProtection({ ...config, listen: this.#api.addresses.map(placeOf) });
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
        live: new LiveHub(),
        limits: { ...limits, timeMs: limits.time },
        status: () => ({ version, collectors: 0, reading: reading.status }),
        details: () => ({ listen: this.urls, reading: reading.status, collectors: [] }),
        temporaryFolder: temporary,
      },
      authenticator: this.#authenticator,
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

  #login(): AuthenticatorOptions {
    const { proxy, insecure } = this.#config;
    return { tokens: this.#tokens.tokens, insecure, ...(proxy !== undefined && { proxy }) };
  }

  #requireProtection({ listen, tls, proxy, insecure }: ServeConfig): void {
    const hasLogins = this.#tokens.tokens.length > 0 || proxy !== undefined;
    requireProtection({ listen, hasTls: tls !== undefined, hasLogins, insecure });
  }

  /** URLs at which the API listens, without Unix sockets. */
  get urls(): string[] {
    const scheme = this.#config.tls === undefined ? 'http' : 'https';
    return this.#api.addresses.map(({ address, port }) => {
      return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
    });
  }

  /**
   * Uses another configuration for what can be changed while it runs: certificates, names, origins, the proxy.
   *
   * @returns Keys of the configuration that only a restart changes.
   * @throws OptionError, Error of the system for files that cannot be used; then everything is as before
   */
  reload(config: ServeConfig): string[] {
    const tls = readTls(config);
    this.#tokens.refresh();
    this.#requireProtection({ ...config, listen: this.#api.addresses.map(placeOf) });
    if (tls !== undefined) this.#api.setTls(tls);
    const fixed = ['folder', 'user', 'read', 'listen', 'limits'] as const;
    const left = fixed.filter((key) => JSON.stringify(config[key]) !== JSON.stringify(this.#config[key]));
    const { names, origins, proxy } = config;
    const { proxy: _, ...rest } = this.#config;
    this.#config = { ...rest, names, origins, ...(proxy !== undefined && { proxy }) };
    this.#authenticator.update(this.#login());
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function placeOf({ address: host, port }: AddressInfo) {
  return { host, port };
}

function readTls({ tls }: ServeConfig): TlsFiles | undefined {
  return tls === undefined ? undefined : readTlsFiles(tls);
}
