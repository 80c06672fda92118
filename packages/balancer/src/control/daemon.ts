/** A balancer with the health checks, announcements and metrics of a configuration. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SyscallError } from '@weir/ebpf';
import { Balancer } from '../balancer.js';
import { devicesOf, exitsOf, openOptions, realAt, vipOf } from '../config/convert.js';
import { diff } from '../config/diff.js';
import type { Config, VipConfig } from '../config/schema.js';
import type { Flow } from '../datapath/frame.js';
import { devicesAdvice, redirectAdvice } from '../device/device-advice.js';
import { deviceFeatures } from '../device/device-features.js';
import { type FrameLimits, frameLimits } from '../device/frame-limits.js';
import { countUnsent, type UnsentPackets } from '../device/unsent-packets.js';
import { CheckedServices, type ServiceHealth } from '../health/checked-services.js';
import type { CertificateExpiry, HealthChange } from '../health/checker.js';
import { ProbeMarks } from '../health/marks.js';
import { sharedParent } from '../lifecycle/own-folder.js';
import { defaultPinRoot } from '../lifecycle/pin-folder.js';
import type { MetricsServer } from '../metrics/metrics-server.js';
import { type Service, serviceName } from '../service.js';
import { RealSources } from '../sources/real-sources.js';
import type { Lookup, ServiceStatus } from '../status.js';
import type { FlowSync } from '../sync/flow-sync.js';
import { Announcements } from './announcements.js';
import { commandsOf, refuseNewCommands, refuseNewTokens, tokensOf } from './commands.js';
import { Controller } from './controller.js';
import { describeAgents, describeChange, describeExpiry, describeReal, describeVip } from './describe.js';
import { refuseLastReal } from './drain-rules.js';
import { EventFeed } from './event-feed.js';
import {
  answerFlows,
  type FlowLines,
  type FlowSource,
  type FlowsBody,
  type PurgeBody,
  purgedBy,
  purgeFlows,
} from './flow-requests.js';
import { listenForMetrics, loadMetrics } from './metrics-listener.js';
import { findReal, findVip } from './names.js';
import { neighbourAdvice } from './neighbour-advice.js';
import { defaultSocket, statePath } from './paths.js';
import { type PcapStream, pcapStream, type StreamOptions } from './pcap-stream.js';
import { dropPrivileges } from './privileges.js';
import { LazyProbeTunnel } from './probe-source.js';
import { followSources, refuseProblems } from './sourced-reals.js';
import { type ControlState, StateFile } from './state-file.js';
import { counterRates, elapsed, type Status, takeSample, vipStatuses } from './status-report.js';
import { startSync, syncKeys } from './synced-flows.js';

/** Options of {@link Daemon}. */
export interface DaemonOptions {
  readonly version: string;
  /** Receives messages for the operator: one line without its line break. */
  log(line: string): void;
  /**
   * Whether known flows may be forgotten if options differ from those of the earlier process. Default false.
   */
  readonly forgetFlows?: boolean | undefined;
  /**
   * Gives up, for good, the capabilities that a running balancer does not need: for a process that does nothing else.
   * Default false.
   */
  readonly dropPrivileges?: boolean | undefined;
}

/** What a start has made before the balancer. */
interface Prepared {
  /** The configuration of the file with the reals that its sources have named. */
  readonly config: Config;
  readonly sources: RealSources;
  readonly stateFile: StateFile;
  readonly saved: ControlState | undefined;
}

/** Time for the first answers of sources, milliseconds. */
const FIRST_ANSWERS_MS = 5000;

/** The changes of another configuration. */
export interface Applied {
  /** One line for each change. */
  readonly changes: readonly string[];
}

/** Runs a balancer by a configuration. */
export class Daemon {
  /** What happens from now on. */
  readonly events = new EventFeed();
  readonly #options: DaemonOptions;
  readonly #started = new Date();
  readonly #balancer: Balancer;
  /** Undefined where the kernel does not say what drivers do not take. */
  readonly #unsent: UnsentPackets | undefined;
  readonly #stateFile: StateFile;
  readonly #tunnel: LazyProbeTunnel;
  readonly #services: CheckedServices;
  readonly #announcements: Announcements;
  readonly #controller: Controller;
  /** The commands that may be run. */
  readonly #commands: ReturnType<typeof commandsOf>;
  /** The files with tokens that may be read. */
  readonly #tokens: ReturnType<typeof tokensOf>;
  readonly #limits: FrameLimits;
  readonly #sources: RealSources;
  /** The configuration in force, with the reals that sources have named. */
  #config: Config;
  /** Reals of sources are about to be looked at. */
  #looking = false;
  #metrics: MetricsServer | undefined;
  #sync: FlowSync | undefined;
  /** The last change in progress: changes are made one after another. */
  #changing: Promise<unknown> = Promise.resolve();

  /**
   * Resumes an earlier process's balancer, or starts a new one.
   *
   * @throws the errors of {@link Balancer.open}; Error of the system if the metrics' address is in use. An
   * earlier process's balancer is unchanged then, and a new one is removed.
   */
  static async start(config: Config, options: DaemonOptions): Promise<Daemon> {
    // Node.js reads the program's files in threads that lose all privileges, and metrics may come later.
    if (options.dropPrivileges === true) await loadMetrics();
    const log = (line: string) => options.log(line);
    // Before anything is attached, and while this process may read all files.
    const keys = syncKeys(config);
    const stateFile = new StateFile(
      statePath(config.control.socket ?? defaultSocket(config.name)),
      ({ message }) => log(message),
    );
    const saved = stateFile.read();
    let changed = () => {};
    const sources = new RealSources({ log, onChange: () => changed() });
    const prepared = await sources.prepare(config, FIRST_ANSWERS_MS, saved?.sources);
    prepared.commit();
    let daemon: Daemon;
    try {
      daemon = new Daemon({ config: prepared.config, sources, stateFile, saved }, options);
    } catch (error) {
      sources[Symbol.dispose]();
      throw error;
    }
    changed = () => daemon.#sourcesChanged();
    // What sources have named meanwhile.
    changed();
    try {
      daemon.#sync = await startSync(config, keys, daemon.#balancer, (line) => daemon.#log(line));
      daemon.#metrics = await daemon.#listen(config);
    } catch (error) {
      await daemon.#sync?.[Symbol.asyncDispose]();
      daemon.#rollback();
      throw error;
    }
    return daemon;
  }

  private constructor({ config, sources, stateFile, saved }: Prepared, options: DaemonOptions) {
    const { forgetFlows } = options;
    this.#config = config;
    this.#sources = sources;
    this.#commands = commandsOf(config);
    this.#tokens = tokensOf(config);
    this.#options = options;
    const devices = exitsOf(config).flatMap((name) => deviceFeatures(name) ?? []);
    this.#limits = frameLimits(
      config,
      devices.map(({ mtu }) => mtu),
    );
    this.#balancer = Balancer.open({
      ...openOptions(config),
      ...this.#limits,
      ...(forgetFlows === true && { forgetFlows }),
    });
    const log = (line: string) => this.#log(line);
    const names = devicesOf(config).map(({ name }) => name);
    this.#unsent = countUnsent(names, log);
    for (const line of this.#advice()) log(line);
    const shared = sharedParent(defaultPinRoot);
    if (shared !== undefined) log(shared);
    // Before the first command runs.
    if (options.dropPrivileges === true) drop(config, log);
    this.#stateFile = stateFile;
    this.#tunnel = new LazyProbeTunnel(config, (address) => this.#balancer.directPlace(address));
    this.#services = new CheckedServices(this.#balancer, {
      marks: new ProbeMarks(this.#tunnel),
      onRealChange: (change) => this.#realChanged(change),
      onServiceChange: (health) => this.#serviceChanged(health),
      onAgentChange: (service) => this.#agentChanged(service),
      onExpiry: (expiry) => this.#certificateExpires(expiry),
      onError: (error) => log((error as Error).message),
    });
    const found = this.#balancer.services();
    try {
      this.#announcements = new Announcements(config, {
        config: () => this.#config,
        health: () => this.#services.health(),
        states: () => this.#services.states(),
        log,
      });
      this.#controller = new Controller(
        { services: this.#services, tables: this.#balancer, setRouter: (mac) => this.#setRouter(mac) },
        config,
        this.resumed ? this.#found([...(saved?.globalFlows ?? [])]) : undefined,
        this.resumed ? saved?.drains : undefined,
      );
      this.#removeAllBut(config.vips);
      this.#announcements.reconcile();
      this.#saveState();
    } catch (error) {
      if (this.resumed) this.#restore(found);
      this.#rollback();
      throw error;
    }
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  /** Whether it resumed an earlier process's balancer. */
  get resumed(): boolean {
    return this.#balancer.resumed;
  }

  /** The devices with their modes, as `eth0 (native)`. */
  get attachments(): string[] {
    return this.#balancer.interfaces().map(({ interface: device, mode }) => `${device} (${mode ?? 'gone'})`);
  }

  /** Whether all devices have their program. */
  get isReady(): boolean {
    return this.#balancer.interfaces().every(({ mode }) => mode !== undefined);
  }

  /** The URL of the metrics; undefined if they are not served. */
  get metricsUrl(): string | undefined {
    if (this.#metrics === undefined) return undefined;
    const { address, port, family } = this.#metrics.address;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`;
  }

  /**
   * Applies another configuration, completely or not at all.
   *
   * @throws RequestError for a change that a running balancer cannot make; OptionError, EbpfError; Error of
   * the system if the metrics' address is in use.
   */
  apply(file: Config): Promise<Applied> {
    return this.#alone(async () => {
      const before = this.#config;
      refuseNewCommands(file, this.#commands);
      refuseNewTokens(file, this.#tokens);
      const prepared = await this.#sources.prepare(file, FIRST_ANSWERS_MS);
      const { config } = prepared;
      const { fixed, changes } = diff(before, config);
      const listens = fixed.length === 0 && changes.some(({ kind }) => kind === 'metrics');
      let metrics = this.#metrics;
      try {
        refuseProblems(config);
        if (listens) metrics = await this.#listen(config);
        this.#config = config;
        this.#controller.apply(config);
      } catch (error) {
        this.#config = before;
        prepared.rollback();
        if (metrics !== this.#metrics) await metrics?.[Symbol.asyncDispose]();
        throw error;
      }
      prepared.commit();
      if (listens) await this.#metrics?.[Symbol.asyncDispose]();
      this.#metrics = metrics;
      this.#announcements.reconcile();
      this.#saveState();
      const lines = changes.map(describeChange);
      this.events.add('applied', { changes: lines });
      this.#log(`applied: ${lines.length === 0 ? 'nothing is different' : lines.join('; ')}`);
      return { changes: lines };
    });
  }

  /**
   * Drains a real of a VIP, or undrains it.
   *
   * @param force Whether the last healthy real may be drained, too. Default false.
   * @returns Their names.
   * @throws RequestError
   */
  drain(
    vipText: string,
    realText: string,
    drained: boolean,
    force = false,
  ): Promise<{ vip: string; real: string }> {
    return this.#alone(async () => {
      if (drained && !force) this.#refuseLastReal(vipText, realText);
      const { vip, real } = this.#controller.drain(vipText, realText, drained);
      this.#saveState();
      this.events.add('drain', { vip: vip.name, real: real.name, drained });
      this.#log(`${vip.name}: real ${real.name} is ${drained ? 'drained' : 'no longer drained'}`);
      return { vip: vip.name, real: real.name };
    });
  }

  /** Returns the real of a flow's next packet. @throws OptionError for an invalid flow; SyscallError */
  lookup(flow: Flow): Lookup {
    return this.#balancer.lookup(flow);
  }

  /** Answers a question about known flows. @throws RequestError, OptionError, SyscallError */
  flows(body: FlowsBody): FlowLines {
    return answerFlows(this.#flowSource(), body);
  }

  /** Removes the flows of a VIP, or of one of its reals. @throws RequestError, SyscallError */
  async *purge(body: PurgeBody): FlowLines {
    const what = body.real === undefined ? body.vip : `${body.vip}, real ${body.real}`;
    for await (const lines of purgeFlows(this.#flowSource(), body)) {
      const end = lines.find((line) => line.end !== undefined)?.end;
      if (end !== undefined) this.#sync?.remove(purgedBy(this.#config, body));
      if (end !== undefined) this.#options.log(`${what}: ${end.flows} flows purged`);
      yield lines;
    }
  }

  /** Removes one flow; returns from how many tables. @throws OptionError, SyscallError */
  async deleteFlow(flow: Flow): Promise<number> {
    const removed = await this.#balancer.removeFlow(flow);
    this.#sync?.remove({ flow });
    return removed;
  }

  /** Captures packets as the bytes of a pcapng file. @throws OptionError, SyscallError */
  capture(options: StreamOptions, signal: AbortSignal): PcapStream {
    const { version } = this.#options;
    return pcapStream({ balancer: this.#balancer, config: () => this.#config, version }, options, signal);
  }

  /** The status. @param overMs Time over which rates are measured, milliseconds; 0 for no rates. */
  async status(overMs: number): Promise<Status> {
    const before = takeSample(this.#balancer);
    if (overMs > 0) await sleep(overMs);
    const after = overMs > 0 ? takeSample(this.#balancer) : before;
    const source = {
      config: this.#config,
      health: this.#services.health(),
      isDrained: this.#controller.isDrained.bind(this.#controller),
      sourceOf: this.#sources.status.bind(this.#sources),
    };
    return {
      name: this.#config.name,
      version: this.#options.version,
      pid: process.pid,
      started: this.#started.toISOString(),
      interfaces: this.#balancer.interfaces(),
      routers: this.#balancer.routers(),
      advice: [...this.#advice(), ...this.#directAdvice()],
      over: elapsed(before, after),
      vips: vipStatuses(source, before, after),
      tables: this.#balancer.tables(),
      cpus: this.#balancer.cpuCounters(),
      counters: after.counters,
      rates: counterRates(before, after),
      ...(this.#unsent !== undefined && { unsent: this.#unsent.counts() }),
      ...(this.#sync !== undefined && { sync: this.#sync.status() }),
    };
  }

  /** Ends, after changes in progress. @param detach Whether forwarding ends, too, and all pins are removed. */
  async end(detach: boolean): Promise<void> {
    await this.#alone(async () => {
      if (detach) await this.#announcements.withdraw();
      await this.#metrics?.[Symbol.asyncDispose]();
      await this.#sync?.[Symbol.asyncDispose]();
      this.#release();
      if (detach) {
        this.#stateFile.remove();
        this.#balancer.detach();
      } else {
        this.#balancer[Symbol.dispose]();
      }
    });
  }

  /** Has the balancer follow what sources have named, after changes in progress. */
  #sourcesChanged(): void {
    if (this.#looking) return;
    this.#looking = true;
    void this.#alone(async () => {
      this.#looking = false;
      this.#followSources();
    });
  }

  #followSources(): void {
    const isChanged = followSources(this.#sources, {
      config: () => this.#config,
      log: (line) => this.#log(line),
      apply: (config) => {
        const before = this.#config;
        this.#config = config;
        try {
          this.#controller.apply(config);
        } catch (error) {
          this.#config = before;
          throw error;
        }
      },
    });
    if (!isChanged) return;
    this.#announcements.reconcile();
    this.#saveState();
  }

  /** What is wrong with the devices now. */
  #advice(): string[] {
    const modes = new Map(this.#balancer.interfaces().map(({ interface: name, mode }) => [name, mode]));
    const { maxFrame } = this.#limits;
    const advice = devicesAdvice(this.#config, maxFrame, deviceFeatures, (name) => modes.get(name));
    return advice.map(({ message }) => message);
  }

  /** What is wrong with reals to which packets go directly, and with the devices by which they leave. */
  #directAdvice(): string[] {
    const reals = this.#balancer.directReals();
    const entries = this.#balancer.interfaces();
    const [other] = entries.filter(({ mode }) => mode !== 'generic');
    const exits = new Set(reals.flatMap(({ interface: exit }) => exit ?? []));
    for (const { interface: entry } of entries) exits.delete(entry);
    return [
      ...neighbourAdvice(reals),
      ...[...exits].flatMap((name) => {
        const features = other && deviceFeatures(name);
        return features === undefined ? [] : redirectAdvice({ name, ...features }, other?.mode);
      }),
    ];
  }

  #flowSource(): FlowSource {
    return { balancer: this.#balancer, config: () => this.#config };
  }

  #log(line: string): void {
    this.#options.log(line);
    this.events.add('message', { text: line });
  }

  #alone<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#changing.then(action);
    this.#changing = result.catch(() => undefined);
    return result;
  }

  #listen(config: Config): Promise<MetricsServer | undefined> {
    const sources = () => this.#sources.statuses();
    const sync = () => this.#sync?.status();
    const unsent = () => this.#unsent?.counts();
    const others = { sources, sync, unsent };
    return listenForMetrics(config, this.#balancer, this.#services, others, this.#options.version);
  }

  /** After a failed start: keeps an earlier process's balancer, and removes a new one. */
  #rollback(): void {
    this.#release();
    if (this.#balancer.resumed) this.#balancer[Symbol.dispose]();
    else this.#balancer.detach();
  }

  #release(): void {
    this.#unsent?.[Symbol.dispose]();
    this.#sources[Symbol.dispose]();
    this.#services[Symbol.dispose]();
    this.#tunnel[Symbol.dispose]();
    this.#announcements?.[Symbol.dispose]();
  }

  /** The configuration that an earlier process left in the tables. */
  #found(globalFlows: Config['globalFlows']): Config {
    const balancer = this.#balancer;
    return {
      ...this.#config,
      vips: [],
      serverIds: balancer.serverIds().map(({ id, address: real }) => ({ id, real })),
      sourceRoutes: balancer.sourceRoutes().map(({ prefix, address: real }) => ({ prefix, real })),
      tunnelEnds: balancer.tunnelEnds(),
      globalFlows,
    };
  }

  /** Removes the services that are not among these. */
  #removeAllBut(kept: readonly Service[]): void {
    const names = new Set(kept.map(serviceName));
    const served = this.#balancer.services().map(({ service }) => service);
    this.#balancer.removeServices(served.filter((service) => !names.has(serviceName(service))));
  }

  /** Restores the services from before the start. */
  #restore(found: readonly ServiceStatus[]): void {
    this.#balancer.setServices(found.map(({ service, spec }) => [service, spec]));
    this.#removeAllBut(found.map(({ service }) => service));
  }

  /** Sets the next hop of the devices that have none of their own. */
  #setRouter(mac: string): void {
    const devices = devicesOf(this.#config).filter(({ router }) => router === undefined);
    for (const { name } of devices) this.#balancer.setRouterMac(mac, name);
    if (this.#config.chain !== undefined) this.#balancer.setRouterMac(mac);
  }

  #vip(service: ServiceHealth['service']): VipConfig | undefined {
    return vipOf(this.#config, service);
  }

  #realChanged(change: HealthChange): void {
    const vip = this.#vip(change.service);
    if (vip === undefined) return;
    const { real: address, port, before, condition, reason } = change;
    const real = realAt(vip, address, port)?.name ?? address;
    this.events.add('real', { vip: vip.name, real, address, before, condition, reason });
    this.#log(describeReal(vip, change));
  }

  #certificateExpires(expiry: CertificateExpiry): void {
    const vip = this.#vip(expiry.service);
    if (vip !== undefined) this.#log(describeExpiry(vip, expiry, new Date()));
  }

  #agentChanged(service: Service): void {
    const vip = this.#vip(service);
    const health = this.#services.healthOf(service);
    if (vip !== undefined && health !== undefined) this.#log(describeAgents(vip, health));
  }

  #serviceChanged(health: ServiceHealth): void {
    const vip = this.#vip(health.service);
    if (vip?.check !== undefined) {
      this.events.add('vip', { vip: vip.name, state: health.state, up: health.up });
      this.#log(describeVip(vip, health));
    }
    this.#announcements.follow(health);
  }

  #refuseLastReal(vipText: string, realText: string): void {
    const vip = findVip(this.#config, vipText);
    const known = this.#services.healthOf(vip);
    refuseLastReal(vip, findReal(vip, realText), {
      isDrained: (real) => this.#controller.isDrained(vip, real),
      // Reals are in the configuration's order.
      condition: (real) => known?.reals[vip.reals.indexOf(real)]?.health?.condition,
    });
  }

  #saveState(): void {
    this.#stateFile.write({
      drains: this.#controller.drains,
      globalFlows: this.#config.globalFlows,
      sources: this.#sources.saved(),
    });
  }
}

/** A balancer whose privileges could not be dropped balances all the same. */
function drop(config: Config, log: (line: string) => void): void {
  try {
    dropPrivileges(config);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    log(`privileges were not dropped: ${error.message}`);
  }
}
