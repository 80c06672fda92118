/** A layer-4 load balancer: its programs, and the changes to their tables. */

import type { ArrayMap, BpfMap, DescriptorMap, Program } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import { Capture, type CaptureOptions } from './datapath/capture.js';
import type { Counters, CpuStatus } from './datapath/counters.js';
import { Explainer } from './datapath/explainer.js';
import type { Flow } from './datapath/frame.js';
import { setGlobalFlow } from './datapath/global-flow.js';
import { verdictName } from './datapath/outcome.js';
import { BalancerPrograms } from './datapath/programs.js';
import { Tables } from './datapath/tables.js';
import { setTunnelEnd, tunnelEnds } from './datapath/tunnel-ends.js';
import type { AnalysisStep } from './flows/flow-analysis.js';
import type { FlowBatch, FlowFilter, FlowsRemoved } from './flows/known-flow.js';
import { KnownFlows } from './flows/known-flows.js';
import { tableStatuses } from './flows/table-fill.js';
import { putNext } from './lifecycle/attachments.js';
import { detachPinned, Lifecycle } from './lifecycle/lifecycle.js';
import { defaultPinRoot, PinFolder } from './lifecycle/pin-folder.js';
import { resume } from './lifecycle/resume.js';
import type { SavedKnowledge } from './lifecycle/state.js';
import { NatNeighbours } from './nat/nat-neighbours.js';
import type { NatStatus } from './nat/nat-table.js';
import { type DirectPlace, type DirectRealStatus, DirectReals } from './next-hop/direct-reals.js';
import type { RouterStatus } from './next-hop/router.js';
import { Routers } from './next-hop/routers.js';
import type { BalancerOptions } from './options.js';
import { balancerFeatures, loadOnOlder, requireFeatures } from './requirement/requirement.js';
import type { Service, ServiceSpec } from './service.js';
import { type BalancerSettings, parseOptions } from './settings.js';
import type {
  Explanation,
  InterfaceStatus,
  Lookup,
  Processed,
  RealStatus,
  ServerId,
  ServiceStatus,
  SourceRoute,
  TableStatus,
} from './status.js';
import { type LearnedFlows, PeerFlows } from './sync/peer-flows.js';
import type { SharedFlow } from './sync/sync-message.js';

export type * from './status.js';

/**
 * Forwards packets from {@link Balancer.open} until it is disposed of; with a `pin`, until {@link detach}. Needs Linux
 * 5.10, or an older one with its features, and root. A change of a service is one step for packets: each is forwarded as before or as after.
 */
export class Balancer implements Disposable {
  /** Whether this balancer resumed an earlier process's: with its services, reals, flows and counters. */
  readonly resumed: boolean;
  readonly #lifecycle: Lifecycle;
  readonly #programs: BalancerPrograms;
  readonly #tables: Tables;
  readonly #explainer: Explainer;
  readonly #settings: BalancerSettings;
  readonly #flows: KnownFlows;
  readonly #routers: Routers;
  readonly #neighbours: NatNeighbours | undefined;
  readonly #direct: DirectReals;
  /** Undefined if flows are not shared. */
  readonly #peers: PeerFlows | undefined;

  /**
   * Opens a balancer. With a `pin` that an earlier process used, it goes on where that one stopped, whether
   * it ended or was killed: the old program forwards until the new one replaces it, in one step for each
   * device. Options may differ from the earlier ones; they change the program and the sizes of tables, whose
   * entries move. A change that would lose state is refused: another number of flows (unless `forgetFlows`),
   * another XDP mode, fewer `maxReals` than are in use.
   *
   * @throws OptionError for options that make no sense, or that would lose state; EbpfError if another
   * process runs the balancer of that name, if it is attached in another network namespace, if a device has another XDP program, if there is no BPF file
   * system to pin to, or if the router's MAC address cannot be learned; VerifierError, UnsupportedError,
   * SyscallError. An earlier process's balancer is unchanged then.
   */
  static open(options: BalancerOptions): Balancer {
    requireFeatures(balancerFeatures);
    const settings = parseOptions(options);
    const lifecycle = new Lifecycle(settings);
    try {
      return new Balancer(settings, lifecycle);
    } catch (error) {
      lifecycle.rollback();
      throw error;
    }
  }

  /**
   * Detaches a pinned balancer that no process runs; returns whether there was one.
   *
   * @throws EbpfError if one runs it; SyscallError
   */
  static detach(pin: string, pinRoot?: string): boolean {
    return detachPinned(pin, pinRoot);
  }

  /** Names of the balancers that are pinned, whether a process runs them or not. */
  static pinned(pinRoot: string = defaultPinRoot): string[] {
    return PinFolder.names(pinRoot);
  }

  private constructor(settings: BalancerSettings, lifecycle: Lifecycle) {
    const { previous } = lifecycle;
    this.#settings = settings;
    this.#lifecycle = lifecycle;
    this.resumed = previous !== undefined;
    lifecycle.check();
    this.#routers = new Routers(settings, previous?.state.routerMacs ?? {});
    let programs: BalancerPrograms | undefined;
    let direct: DirectReals | undefined;
    let peers: PeerFlows | undefined;
    try {
      programs = loadOnOlder(() => new BalancerPrograms(settings, previous));
      this.#programs = programs;
      this.#tables = new Tables(this.#programs, () => this.#save(), settings.nat);
      this.#explainer = new Explainer(this.#programs, this.#tables, settings.cpus);
      this.#flows = new KnownFlows(this.#programs, this.#tables, settings);
      if (previous !== undefined) resume(previous, this.#programs, this.#tables);
      this.#routers.follow((hop, device) => {
        this.#programs.setRouter(hop, device);
        this.#save();
      });
      this.#neighbours = this.#openNeighbours();
      const hops = this.#map('direct_hops') as ArrayMap;
      const isKept = this.#programs.reused.has('direct_hops');
      direct = new DirectReals(hops, isKept, () => this.#tables.directReals());
      this.#direct = direct;
      direct.open();
      if (settings.syncFlows > 0) peers = new PeerFlows(this.#programs, this.#tables, settings.tcpServerIds);
      this.#peers = peers;
      lifecycle.attach(this.#programs);
      lifecycle.commit(this.#programs, this.#knowledge());
    } catch (error) {
      this.#routers[Symbol.dispose]();
      this.#neighbours?.[Symbol.dispose]();
      direct?.[Symbol.dispose]();
      peers?.[Symbol.dispose]();
      programs?.[Symbol.dispose]();
      throw error;
    }
  }

  /** The XDP program of the first device, for another program to call from its program array. */
  get program(): Program {
    return this.#programs.program(0);
  }

  /** Devices and how the program is attached to them. */
  interfaces(): InterfaceStatus[] {
    return this.#lifecycle.modes();
  }

  /** The next hop of each device. */
  routers(): RouterStatus[] {
    return this.#routers.status();
  }

  /**
   * Adds a service or changes it, in one step for packets.
   *
   * @throws OptionError, and nothing is changed then; SyscallError
   */
  setService(service: Service, spec: ServiceSpec): void {
    this.setServices([[service, spec]]);
  }

  /**
   * Adds or changes several services, each in one step. If one is refused, none is changed.
   *
   * @throws OptionError, SyscallError
   */
  setServices(changes: readonly (readonly [Service, ServiceSpec])[]): void {
    this.#tables.services.set(changes);
    this.#peers?.changed();
    this.#direct.update();
    if (changes.some(([, { forwarding }]) => forwarding === 'nat')) this.#neighbours?.ask();
  }

  /**
   * Removes a service; returns whether there was one.
   *
   * @throws OptionError for an invalid address or port; SyscallError
   */
  removeService(service: Service): boolean {
    return this.removeServices([service]) > 0;
  }

  /**
   * Removes those of the services that there are, and returns their number. Many at once take much less time than one after
   * the other.
   *
   * @throws OptionError for an invalid address or port, and nothing is changed then; SyscallError
   */
  removeServices(services: readonly Service[]): number {
    const removed = this.#tables.services.remove(services);
    this.#peers?.changed();
    this.#direct.update();
    return removed;
  }

  /** The services with their settings and traffic. @throws SyscallError */
  services(): ServiceStatus[] {
    return this.#tables.services.all().map((served) => ({
      service: served.service,
      spec: served.spec,
      ...(served.kept !== undefined && { keptWeights: served.kept }),
      ...this.#tables.services.traffic(served),
      misses: this.#tables.counters.vipMisses(served.number),
    }));
  }

  /** Reals to which a service, a server id or a source route refers. */
  reals(): RealStatus[] {
    return this.#tables.reals.all().map(({ address, port, number }) => ({
      address,
      ...(port !== 0 && { port }),
      ...this.#tables.counters.real(number),
      misses: this.#tables.counters.realMisses(number),
    }));
  }

  /** Reals of services with `forwarding: 'direct'`, and of their server ids and source routes. */
  directReals(): DirectRealStatus[] {
    return this.#direct.status();
  }

  /**
   * Where packets to a real of {@link directReals} go; undefined while it is not known. For `ProbeTunnel`.
   *
   * @throws OptionError for an invalid address
   */
  directPlace(address: string): DirectPlace | undefined {
    return this.#direct.hopTo(address);
  }

  /** Translated flows; `undefined` without the option `nat`. */
  natStatus(): NatStatus | undefined {
    return this.#tables.nat?.status();
  }

  /** The counters of each CPU that has seen a packet, since the start. */
  cpuCounters(): CpuStatus[] {
    return this.#tables.counters.byCpu();
  }

  /** How full the program's tables are. */
  tables(): TableStatus[] {
    return tableStatuses(this.#programs, this.#tables);
  }

  /**
   * Lists the flows that the balancer knows, a part of its tables at a time, with pauses for other work of this process.
   * Packets do not wait for it. Flows that begin meanwhile may be missing.
   *
   * @throws OptionError for a filter that makes no sense; SyscallError
   */
  flows(filter: FlowFilter = {}): AsyncGenerator<FlowBatch, void, undefined> {
    return this.#flows.list(filter);
  }

  /** Counts the flows that the balancer knows, as {@link flows} walks. The last step has the counts. */
  analyseFlows(filter: FlowFilter = {}): AsyncGenerator<AnalysisStep, void, undefined> {
    return this.#flows.analyse(filter);
  }

  /**
   * Removes known flows, as {@link flows} walks: their next packets count as those of new flows. A translated flow ends
   * with that, and its client is reset.
   *
   * @throws OptionError for a filter that makes no sense; SyscallError
   */
  async *removeFlows(filter: FlowFilter): AsyncGenerator<FlowsRemoved, void, undefined> {
    await this.#peers?.forget(this.#flows.matcher(filter));
    yield* this.#flows.remove(filter);
  }

  /**
   * Removes one flow from the tables of all CPUs; returns the number of entries.
   *
   * @param flow Addresses and ports as in the client's packets.
   * @throws OptionError if no service has the destination; SyscallError
   */
  async removeFlow(flow: Flow): Promise<number> {
    this.#peers?.forgetOne(flow);
    return await this.#flows.removeOne(flow);
  }

  /** Number of new flows that {@link newFlows} lost, since it was called too late. */
  newFlowsLost(): number {
    return this.#peers?.lost ?? 0;
  }

  /**
   * Takes the flows that have become known since the last call, of services without translation. Needs `syncFlows`.
   *
   * @throws OptionError without `syncFlows`
   */
  newFlows(): SharedFlow[] {
    return this.#shared().read();
  }

  /**
   * Remembers flows of another balancer: packets of those that this one does not know itself go to the same real, while
   * that belongs to the service. Needs `syncFlows`.
   *
   * @param keepMs UDP flows are kept for this time besides their idle time, milliseconds.
   * @throws OptionError without `syncFlows`; SyscallError
   */
  learnFlows(flows: readonly SharedFlow[], keepMs: number): LearnedFlows {
    return this.#shared().learn(flows, keepMs);
  }

  /** All counters except those of services and reals, since the start. */
  counters(): Counters {
    return this.#tables.counters.totals();
  }

  /**
   * Sets the real that an id in QUIC, TCP or stable UDP packets means; without an address, removes the id.
   *
   * @param id 1 to 4294967295.
   * @param port The real's port, where it is not the service's.
   * @throws OptionError for an invalid id, address or port, or if the tables have no room.
   */
  setServerId(id: number, address: string | undefined, port = 0): void {
    this.#tables.setServerId(id, address, port);
    this.#direct.updateSoon();
  }

  /** Server ids and the addresses of their reals. */
  serverIds(): ServerId[] {
    return this.#tables.serverIds();
  }

  /**
   * Sets the real for new flows from a prefix, in services with the flag `sourceRouting`; without an address,
   * removes it.
   *
   * @param prefix An address, or a prefix such as `192.0.2.0/24`.
   * @throws OptionError for an invalid prefix or address; SyscallError
   */
  setSourceRoute(prefix: string, address: string | undefined, port = 0): void {
    this.#tables.setSourceRoute(prefix, address, port);
    this.#direct.updateSoon();
  }

  /** Source routes: prefixes and the addresses of their reals. */
  sourceRoutes(): SourceRoute[] {
    return this.#tables.sourceRoutes();
  }

  /**
   * Sets the real of a flow that a CPU's table does not know, in services with the flag `globalFlows`. The
   * entry counts while the real belongs to the service.
   *
   * @throws OptionError for an invalid flow or address, or if no service has that real; SyscallError
   */
  setGlobalFlow(flow: Flow, address: string | undefined, port = 0): void {
    setGlobalFlow(this.#map('global_flows'), this.#tables.reals, flow, address, port);
  }

  /**
   * Sets whether tunnels to an address end here; see {@link BalancerOptions.inlineDecapsulation}.
   *
   * @throws OptionError
   */
  setTunnelEnd(address: string, ends: boolean): void {
    setTunnelEnd(this.#map('tunnel_ends'), address, ends);
  }

  /** Addresses at which tunnels end. */
  tunnelEnds(): string[] {
    return tunnelEnds(this.#map('tunnel_ends'));
  }

  /**
   * Sets the next hop's MAC address, from the next packet on. It is no longer learned then.
   *
   * @param device Default: all.
   * @throws OptionError for an invalid MAC address, or another device.
   */
  setRouterMac(mac: string, device?: string): void {
    this.#routers.give(mac, device);
  }

  /**
   * Sets the pinned XDP program to which packets go that the balancer leaves to the host; without a path,
   * they go to the host. Needs `callsNext`.
   *
   * @throws OptionError without `callsNext`; EbpfError if something else is pinned there; SyscallError
   */
  setNext(path: string | undefined): void {
    if (!this.#settings.callsNext)
      throw new OptionError('setNext needs a balancer that was opened with callsNext: true');
    putNext(this.#map('next_program') as DescriptorMap, path);
  }

  /**
   * Runs the program on a frame of 14 bytes or more, Ethernet header first, as if from the device.
   *
   * @throws SyscallError
   */
  process(frame: Uint8Array): Processed {
    const { returnValue, data } = this.program.testRun({ data: frame });
    return { verdict: verdictName(returnValue), frame: data };
  }

  /**
   * Returns what the program would do with a frame. Nothing is counted, remembered or changed.
   *
   * @param frame 14 bytes or more, from the Ethernet header on.
   * @param cpu The CPU whose flow table is used. Default: the first that forwards.
   * @throws SyscallError
   */
  explain(frame: Uint8Array, cpu?: number): Explanation {
    return this.#explainer.explain(frame, cpu);
  }

  /**
   * Returns the real to which a flow's next packet goes, and the reason, from the program itself. The table
   * of a CPU that knows the flow decides, if there is one. If only a SYN can begin the flow, its answer is there as well.
   *
   * @throws OptionError for an invalid address or port, or ends of different families; SyscallError
   */
  lookup(flow: Flow): Lookup {
    return this.#explainer.lookup(flow);
  }

  /** Captures samples of packets until it is disposed of; one capture at a time. @throws OptionError, SyscallError */
  capture(options: CaptureOptions = {}): Capture {
    const { collection, globals } = this.#programs;
    return new Capture(
      collection.map('captures'),
      globals,
      (outcome) => this.#explainer.named(outcome),
      options,
    );
  }

  /** Removes a CPU's flow table, so that its flows share the fallback table; returns whether it had one. */
  dropFlowTable(cpu: number): boolean {
    return this.#programs.flowTables.clear(cpu);
  }

  /** Detaches the programs, whatever holds them, and removes all pins. */
  detach(): void {
    this.#lifecycle.detach();
    this[Symbol.dispose]();
  }

  /** Closes everything: without a `pin`, forwarding ends; with one, it goes on. */
  [Symbol.dispose](): void {
    this.#routers[Symbol.dispose]();
    this.#neighbours?.[Symbol.dispose]();
    this.#direct[Symbol.dispose]();
    this.#lifecycle[Symbol.dispose]();
    this.#flows[Symbol.dispose]();
    this.#peers?.[Symbol.dispose]();
    this.#programs[Symbol.dispose]();
  }

  #shared(): PeerFlows {
    if (this.#peers === undefined) throw new OptionError('sharing flows needs the option syncFlows');
    return this.#peers;
  }

  /** Starts to resolve neighbours where addresses are translated and the host's routes decide. */
  #openNeighbours(): NatNeighbours | undefined {
    if (this.#settings.nat?.usesRoutes !== true) return undefined;
    return new NatNeighbours(() =>
      this.#tables.services
        .all()
        .filter(({ spec }) => spec.forwarding === 'nat')
        .flatMap(({ spec }) => spec.reals.map(({ address }) => address)),
    );
  }

  #map(name: string): BpfMap {
    return this.#programs.collection.map(name);
  }

  #save(): void {
    this.#lifecycle.save(this.#knowledge());
  }

  #knowledge(): SavedKnowledge {
    return {
      ...this.#programs.saved(this.#settings),
      routerMacs: this.#routers.macs(),
      ...this.#tables.saved(),
    };
  }
}
