/** The server process: takes batches of collectors, keeps the history, answers. */
import type { AddressInfo } from 'node:net';
import { HistoryStore } from '@weir/history';
import type { Shipper } from '@weir/history/clickhouse';
import { queryListedOpen } from '@weir/history/query';
import { SCHEMA_VERSION } from '@weir/history/schema';
import { AuditLog, Refusals } from '@weir/http/auth';
import { ApiServer, type ListenPlace } from '@weir/http/server';
import { createApp } from '../api/app.js';
import { appListener } from '../api/app-listener.js';
import { BalancerHistory } from '../balancer/balancer-history.js';
import { BalancerLog } from '../balancer/balancer-log.js';
import type { ServeConfig } from '../config/serve-schema.js';
import { ExporterSet, loadExporters } from '../exporters/index.js';
import { ImportedHistories, type ImportOptions } from '../imports/imported-histories.js';
import { IngestServer } from '../ingest/ingest-server.js';
import { LookupError } from '../ingest/pending-lookups.js';
import type { DeliveryFigures } from '../metrics/delivery-families.js';
import { HistoryFigures } from '../metrics/history-figures.js';
import { ServerMetrics } from '../metrics/server-metrics.js';
import { PeerNaming } from '../naming/peer-naming.js';
import { loadGeo } from '../naming/read-sources.js';
import type { Page } from '../page/page-response.js';
import { seldom } from '../spool/seldom.js';
import { LiveHub } from '../stream/live-hub.js';
import type { FoundFlow, LookupRequest } from '../wire/balancer-messages.js';
import { PROTOCOLS } from '../wire/versions.js';
import { Access, listenAt, makeServerFolder, readTls, urlsAt } from './access.js';
import { answeringHistories } from './peers.js';
import { serverPlaces } from './places.js';
import { Resources } from './resources.js';
import { loadShipping, startShipping } from './shipping.js';

/** Loads what only some configurations need, before a process becomes a user who may not read it. */
export async function loadOptionalParts(config: ServeConfig): Promise<void> {
  const { exporters, store } = config;
  await Promise.all([loadExporters(exporters), store && loadShipping(), loadGeo(config)]);
}

/** What a server is started with. */
export interface WeirServerOptions {
  readonly config: ServeConfig;
  /** Version of Weir. */
  readonly version: string;
  /** Where collectors connect: a path, or a descriptor that listens already. */
  readonly ingest: string | number;
  /** Permissions of that path. Default 0600. */
  readonly ingestMode?: number;
  /** A Unix socket for root and the server's own user, who need no token there. */
  readonly localSocket?: string;
  /** Descriptors that listen already, instead of the configuration's addresses. */
  readonly inherited?: readonly number[];
  /** Starts the process of an imported file. */
  readonly startImport?: ImportOptions['start'];
  /** Files of a page, beside the API. */
  readonly page?: Page;
  /**
   * Called with the URLs of the API once it listens, and before collectors can connect: who learns from a collector that all is ready
   * finds what it publishes. It is disposed of when the API ends.
   */
  readonly publish?: (urls: readonly string[]) => Disposable;
  /** Called when a question cannot be ended: only the end of the process ends it. */
  readonly onStuck?: () => void;
  /** Reports what users should know, a line each. */
  readonly onProblem: (message: string) => void;
}

/** What an app has beside the history. */
interface AppParts {
  readonly balancers: BalancerHistory;
  readonly live: LiveHub;
  readonly metrics: ServerMetrics;
  readonly audit: AuditLog;
  readonly refusals: Refusals;
}

/** What was open when an earlier server ended is asked for, up to so many connections, and for no longer than this. */
const MOST_OPEN = 100_000;
const OPEN_QUERY_MS = 3_000;

const MAINTENANCE_MS = 60_000;
/** A server that never runs for a minute keeps its hours and its budget, too. */
const FIRST_MAINTENANCE_MS = 5_000;

/** What the log of balancers may have: a day or so of a balancer with a thousand reals, years of one with ten. */
const BALANCER_BYTES = 64 * 1024 * 1024;

/** A running server. */
export class WeirServer implements AsyncDisposable {
  readonly #options: WeirServerOptions;
  readonly #resources = new Resources();
  readonly #access: Access;
  #config: ServeConfig;
  #ingest: IngestServer | undefined;
  #api!: ApiServer;
  #exporters: ExporterSet | undefined;
  #shipper: Shipper | undefined;
  #naming!: PeerNaming;
  #idleSince = Date.now();

  private constructor(options: WeirServerOptions) {
    const { config, onProblem } = options;
    this.#options = options;
    this.#config = config;
    makeServerFolder(config.folder);
    this.#access = this.#resources.use(new Access(config, onProblem));
  }

  /**
   * Starts a server, or leaves nothing behind.
   *
   * @throws OptionError where it would be reached from elsewhere unprotected, or an address is in use; HistoryError; FormatError for a
   * damaged file of tokens
   */
  static async start(options: WeirServerOptions): Promise<WeirServer> {
    const server = new WeirServer(options);
    try {
      await server.#start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { version, ingest, ingestMode, onProblem } = this.#options;
    const config = this.#config;
    const tls = readTls(config);
    if (this.#options.inherited === undefined) this.#access.requireProtection(config, config.listen);
    this.#naming = this.#resources.use(await PeerNaming.start(config, seldom(onProblem)));
    const store = await this.#openStore();
    await this.#ship(store);
    const live = new LiveHub();
    const audit = this.#resources.use(new AuditLog(serverPlaces(config.folder).audit, onProblem));
    const refusals = new Refusals(audit);
    const balancers = this.#resources.use(this.#openBalancers());
    const { metrics, readHistory } = this.#createMetrics(store, live);
    // It ends after the collectors' connections, whose last batches it sends.
    this.#exporters = this.#resources.use(await this.#startExporters(metrics));
    const app = this.#createApp(store, { balancers, live, audit, refusals, metrics });
    const places = this.#places();
    this.#api = this.#resources.use(
      await ApiServer.listen({
        listener: appListener(app),
        places,
        refusals,
        ...(tls !== undefined && { tls }),
      }),
    );
    // Sockets of the service manager are where they are, whatever the configuration says.
    this.#access.requireProtection(config, listenAt(this.#api.addresses));
    const published = this.#options.publish?.(this.urls);
    if (published !== undefined) this.#resources.use(published);
    // Questions are answered meanwhile; batches that would change what is read wait in their collectors.
    await readHistory();
    // Whoever is connected here may rely on the API, and on what is published.
    this.#ingest = this.#resources.use(
      await IngestServer.listen({
        ...{ socket: ingest, store, onProblem },
        ...(ingestMode !== undefined && { mode: ingestMode }),
        versions: { protocols: PROTOCOLS, version, schema: SCHEMA_VERSION },
        addTo: (batch) => this.#naming.addTo(batch),
        onBatch: (batch) => {
          live.publish(batch);
          this.#exporters?.publish(batch);
          metrics.add(batch);
        },
        onBalancers: (seen) => balancers.see(seen),
        onCollectors: (count) => {
          if (count === 0) this.#idleSince = Date.now();
        },
      }),
    );
    this.#maintain(store);
  }

  async #openStore(): Promise<HistoryStore> {
    const { retention, folder } = this.#config;
    const store = await HistoryStore.open({
      folder: serverPlaces(folder).history,
      retention: { ageNs: BigInt(retention.age) * 1_000_000n, bytes: retention.size },
      notice: ({ message }) => this.#options.onProblem(message),
      // With a second one, storing takes half as much again: each statement wakes it. Questions still run beside each other.
      threads: 1,
    });
    this.#resources.defer(() => store.close());
    return store;
  }

  #startExporters(metrics: ServerMetrics): Promise<ExporterSet> {
    const { version, onProblem } = this.#options;
    const surroundings = { environment: process.env, version, metrics: () => metrics.points() };
    return ExporterSet.start(this.#config.exporters, surroundings, onProblem);
  }

  async #ship(store: HistoryStore): Promise<void> {
    const { folder, store: config } = this.#config;
    if (config === undefined) return;
    const journal = serverPlaces(folder).shipped;
    this.#shipper = this.#resources.use(
      await startShipping(store, config, { journal, say: seldom(this.#options.onProblem) }),
    );
  }

  #openBalancers(): BalancerHistory {
    const { retention, folder } = this.#config;
    const limits = { ageMs: retention.age, bytes: BALANCER_BYTES };
    const log = new BalancerLog(serverPlaces(folder).balancers, limits);
    return new BalancerHistory(log, seldom(this.#options.onProblem));
  }

  #createMetrics(
    store: HistoryStore,
    live: LiveHub,
  ): { readonly metrics: ServerMetrics; readonly readHistory: () => Promise<void> } {
    const say = seldom(this.#options.onProblem);
    const history = new HistoryFigures(store, say);
    const metrics = new ServerMetrics({
      metrics: { ...this.#config.metrics, directory: this.#naming.directory },
      history,
      others: () => ({
        version: this.#options.version,
        collectors: this.#ingest?.collectors ?? 0,
        watermark: store.watermark,
        readOnly: store.readOnly,
        stream: { clients: live.clients, dropped: live.dropped },
        delivery: this.#delivery,
      }),
    });
    const readHistory = async () => {
      // Losses count from here on.
      await history.refresh();
      if (store.watermark === undefined) return;
      try {
        const query = { limit: MOST_OPEN, signal: AbortSignal.timeout(OPEN_QUERY_MS) };
        metrics.addOpen(await queryListedOpen(store, query));
      } catch (error) {
        say(`metrics do not know what is open until the next full list: ${(error as Error).message}`);
      }
    };
    return { metrics, readHistory };
  }

  #createApp(store: HistoryStore, { balancers, live, audit, refusals, metrics }: AppParts) {
    const { version, page, startImport, onProblem, onStuck } = this.#options;
    const { folder, limits } = this.#config;
    const { temporary } = serverPlaces(folder);
    const imports = new ImportedHistories({
      temporaryFolder: temporary,
      ...(startImport !== undefined && { start: startImport }),
    });
    const { history, own, peers } = this.#resources.use(answeringHistories(store, this.#config.peers));
    return createApp({
      services: {
        ...{ history, own, peers },
        imports: this.#resources.use(imports),
        balancers: { history: balancers, lookUp: (request) => this.#lookUp(request) },
        live,
        metrics,
        limits: { ...limits, timeMs: limits.time },
        status: () => ({
          version,
          collectors: this.#ingest?.collectors ?? 0,
          ...this.#delivery,
        }),
        details: () => ({
          listen: this.urls,
          record: this.#config.record,
          retention: this.#config.retention,
          collectors: this.#ingest?.connected ?? [],
        }),
        temporaryFolder: temporary,
      },
      authenticator: this.#access.authenticator,
      allowedHosts: () => this.#config,
      audit,
      refusals,
      onError: (error) =>
        onProblem(`a request failed: ${error instanceof Error ? error.stack : String(error)}`),
      ...(page !== undefined && { page }),
      ...(onStuck !== undefined && { onStuck }),
    });
  }

  get #delivery(): DeliveryFigures {
    return {
      exporters: this.#exporters?.status ?? [],
      ...(this.#shipper !== undefined && { shipping: this.#shipper.status }),
    };
  }

  #lookUp(request: Omit<LookupRequest, 'id'>): Promise<FoundFlow> {
    if (this.#ingest === undefined) throw new LookupError('missing', 'no collector is connected');
    return this.#ingest.lookUp(request);
  }

  #places(): ListenPlace[] {
    const { inherited = [], localSocket } = this.#options;
    const open = inherited.length > 0 ? inherited.map((fd) => ({ fd })) : this.#config.listen;
    return [...open, ...(localSocket === undefined ? [] : [{ path: localSocket }])];
  }

  #maintain(store: HistoryStore): void {
    const say = seldom(this.#options.onProblem);
    const maintain = () => {
      store.maintain().catch((error: Error) => say(`the history: ${error.message}`));
    };
    const first = setTimeout(maintain, FIRST_MAINTENANCE_MS);
    const timer = setInterval(maintain, MAINTENANCE_MS);
    this.#resources.defer(() => {
      clearTimeout(first);
      clearInterval(timer);
    });
  }

  /** Addresses at which the API listens, without Unix sockets. */
  get addresses(): AddressInfo[] {
    return this.#api.addresses;
  }

  /** The same as URLs. */
  get urls(): string[] {
    return urlsAt(this.#api.addresses, this.#config);
  }

  /** Milliseconds for which no collector has been connected. */
  get idleMs(): number {
    return (this.#ingest?.collectors ?? 0) > 0 ? 0 : Date.now() - this.#idleSince;
  }

  /**
   * Uses another configuration for what can be changed while it runs: certificates, tokens, names, origins, the proxy,
   * exporters, names of peers.
   *
   * @returns Keys of the configuration that only a restart changes.
   * @throws OptionError, Error of the system for files that cannot be used; then everything is as before
   */
  async reload(config: ServeConfig): Promise<string[]> {
    const tls = readTls(config);
    this.#access.refresh(config);
    this.#access.requireProtection(config, listenAt(this.#api.addresses));
    await this.#naming.update(config);
    await this.#exporters?.update(config.exporters);
    if (tls !== undefined) this.#api.setTls(tls);
    const fixed = [
      ...([
        'folder',
        'user',
        'record',
        'retention',
        'store',
        'listen',
        'limits',
        'metrics',
        'peers',
      ] as const),
    ];
    const left = fixed.filter((key) => JSON.stringify(config[key]) !== JSON.stringify(this.#config[key]));
    const { tokens, names, origins, proxy, exporters, networks, geo, kubernetes } = config;
    const { proxy: _, kubernetes: __, ...rest } = this.#config;
    this.#config = {
      ...{ ...rest, tokens, names, origins, exporters, networks, geo },
      ...(proxy !== undefined && { proxy }),
      ...(kubernetes !== undefined && { kubernetes }),
    };
    this.#access.update(this.#config);
    return left;
  }

  /** Ends it: what was acknowledged is on the disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
