/** A layer-4 load balancer: its programs, and what they are told. */

import type { BpfMap, DescriptorMap, Program } from '@weir/ebpf';
import { OptionError } from '@weir/ebpf';
import { macBytes } from './address.js';
import { Capture, type CaptureOptions } from './datapath/capture.js';
import type { Counters } from './datapath/counters.js';
import { Explainer } from './datapath/explainer.js';
import type { Flow } from './datapath/frame.js';
import { setGlobalFlow } from './datapath/global-flow.js';
import { verdictName } from './datapath/outcome.js';
import { BalancerPrograms } from './datapath/programs.js';
import { Tables } from './datapath/tables.js';
import { setTunnelEnd, tunnelEnds } from './datapath/tunnel-ends.js';
import { putNext } from './lifecycle/attachments.js';
import { detachPinned, Lifecycle } from './lifecycle/lifecycle.js';
import { DEFAULT_PIN_ROOT, PinFolder } from './lifecycle/pin-folder.js';
import { resume } from './lifecycle/resume.js';
import type { SavedKnowledge } from './lifecycle/state.js';
import { NatNeighbours } from './nat/nat-neighbours.js';
import { asksForRoutes } from './nat/nat-options.js';
import type { NatStatus } from './nat/nat-table.js';
import type { RouterStatus } from './next-hop/router.js';
import { Routers } from './next-hop/routers.js';
import { type BalancerOptions, devicesOf, forwardingCpus } from './options.js';
import type { Service, ServiceSpec } from './service.js';
import type {
  Explanation,
  InterfaceStatus,
  Processed,
  RealStatus,
  ServerId,
  ServiceStatus,
  SourceRoute,
} from './status.js';

export type * from './status.js';

/**
 * Forwards from {@link Balancer.open} on until it is disposed of; with a `pin`, on and on until {@link detach}. Needs Linux
 * 5.10 and root. Each change of a service is one step for packets: they are forwarded as before or as after.
 */
export class Balancer implements Disposable {
  /** Whether this goes on where an earlier process stopped: with its services, reals, flows and counters. */
  readonly resumed: boolean;
  readonly #lifecycle: Lifecycle;
  readonly #programs: BalancerPrograms;
  readonly #tables: Tables;
  readonly #explainer: Explainer;
  readonly #options: BalancerOptions;
  readonly #routers: Routers;
  readonly #neighbours: NatNeighbours | undefined;

  /**
   * With a `pin` that an earlier process used, this goes on where that one stopped, whether it ended or was killed. Its
   * program forwards until the new one takes its place, in one step for each device. Options may be others than then. What
   * they change is the program, and the sizes of tables, whose entries move. What cannot be kept is refused: flow tables
   * for other numbers of flows (unless `forgetFlows`), another XDP mode, fewer `maxReals` than are in use.
   *
   * @throws OptionError for options that make no sense; EbpfError if another process runs the balancer of that name, if
   * there is no BPF file system to pin to, or if the router's MAC address cannot be learned; VerifierError,
   * UnsupportedError, SyscallError. What an earlier process left is as it was then.
   */
  static open(options: BalancerOptions): Balancer {
    devicesOf(options);
    const lifecycle = new Lifecycle(options);
    try {
      return new Balancer(options, lifecycle);
    } catch (error) {
      lifecycle.rollback();
      throw error;
    }
  }

  /** Takes a pinned balancer off that no process runs; returns whether there was one. @throws EbpfError if one runs it. */
  static detach(pin: string, pinRoot?: string): boolean {
    return detachPinned(pin, pinRoot);
  }

  /** Names of the balancers that are pinned, whether a process runs them or not. */
  static pinned(pinRoot: string = DEFAULT_PIN_ROOT): string[] {
    return PinFolder.names(pinRoot);
  }

  private constructor(options: BalancerOptions, lifecycle: Lifecycle) {
    const { previous } = lifecycle;
    this.#options = options;
    this.#lifecycle = lifecycle;
    this.resumed = previous !== undefined;
    lifecycle.check();
    this.#routers = new Routers(options, previous?.state.routerMacs ?? {});
    let programs: BalancerPrograms | undefined;
    try {
      programs = new BalancerPrograms(options, devicesOf(options).length, previous);
      this.#programs = programs;
      this.#tables = new Tables(this.#programs, () => this.#save(), options.nat);
      this.#explainer = new Explainer(this.#programs, this.#tables, forwardingCpus(options));
      if (previous !== undefined) resume(previous, this.#programs, this.#tables);
      this.#routers.follow((mac, device) => {
        this.#programs.setRouterMac(macBytes(mac), device);
        this.#save();
      });
      this.#neighbours = this.#meetNeighbours(devicesOf(options).length > 0);
      lifecycle.attach(this.#programs);
      lifecycle.commit(this.#programs, this.#knowledge());
    } catch (error) {
      this.#routers[Symbol.dispose]();
      this.#neighbours?.[Symbol.dispose]();
      programs?.[Symbol.dispose]();
      throw error;
    }
  }

  /** The XDP program of the first device, for another one to call from its program array. */
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

  /** Adds a service or changes it, in one step for packets. @throws OptionError; nothing is changed then. */
  setService(service: Service, spec: ServiceSpec): void {
    this.setServices([[service, spec]]);
  }

  /** Adds or changes several services, each in one step. If one is refused, none is changed. @throws OptionError */
  setServices(changes: readonly (readonly [Service, ServiceSpec])[]): void {
    this.#tables.services.set(changes);
    if (changes.some(([, { forwarding }]) => forwarding === 'nat')) this.#neighbours?.ask();
  }

  /** Removes a service; returns whether there was one. */
  removeService(service: Service): boolean {
    return this.#tables.services.remove(service);
  }

  services(): ServiceStatus[] {
    return this.#tables.services.all().map((served) => ({
      service: served.service,
      spec: served.spec,
      ...this.#tables.services.traffic(served),
    }));
  }

  /** Every real that a service, a server id or a source route refers to. */
  reals(): RealStatus[] {
    return this.#tables.reals.all().map(({ address, port, number }) => ({
      address,
      ...(port !== 0 && { port }),
      ...this.#tables.counters.real(number),
    }));
  }

  /** Translated flows; `undefined` without the option `nat`. */
  natStatus(): NatStatus | undefined {
    return this.#tables.nat?.status();
  }

  /** All counters but those of services and reals, since the start. */
  counters(): Counters {
    return this.#tables.counters.totals();
  }

  /**
   * Which real an id in QUIC, TCP or stable UDP packets means; without an address, none.
   *
   * @param port of a real that has one of its own.
   * @throws OptionError
   */
  setServerId(id: number, address: string | undefined, port = 0): void {
    this.#tables.setServerId(id, address, port);
  }

  /** Server ids and the addresses of their reals. */
  serverIds(): ServerId[] {
    return this.#tables.serverIds();
  }

  /** Where new flows from a prefix go, in services with the flag `sourceRouting`. @throws OptionError */
  setSourceRoute(prefix: string, address: string | undefined, port = 0): void {
    this.#tables.setSourceRoute(prefix, address, port);
  }

  /** Source routes: prefixes and the addresses of their reals. */
  sourceRoutes(): SourceRoute[] {
    return this.#tables.sourceRoutes();
  }

  /**
   * Where a flow goes that a CPU's table does not know, in services with the flag `globalFlows`. Lasts while the real
   * belongs to the service.
   *
   * @throws OptionError if nobody knows that real.
   */
  setGlobalFlow(flow: Flow, address: string | undefined, port = 0): void {
    setGlobalFlow(this.#map('global_flows'), this.#tables.reals, flow, address, port);
  }

  /** Whether tunnels to an address end here; see {@link BalancerOptions.inlineDecapsulation}. */
  setTunnelEnd(address: string, ends: boolean): void {
    setTunnelEnd(this.#map('tunnel_ends'), address, ends);
  }

  tunnelEnds(): string[] {
    return tunnelEnds(this.#map('tunnel_ends'));
  }

  /**
   * The next hop's MAC address, from the next packet on. It is no longer learned then.
   *
   * @param device Default: all.
   * @throws OptionError
   */
  setRouterMac(mac: string, device?: string): void {
    this.#routers.give(mac, device);
  }

  /**
   * Whom packets go to that the balancer leaves to the host: an XDP program that is pinned; without a path, the host.
   * Needs `callsNext`.
   *
   * @throws OptionError, EbpfError, SyscallError
   */
  setNext(path: string | undefined): void {
    if (this.#options.callsNext !== true) throw new OptionError('setNext needs callsNext');
    putNext(this.#map('next_program') as DescriptorMap, path);
  }

  /** Has the program handle a frame of at least 14 bytes, as if it had come from the device. @throws SyscallError */
  process(frame: Uint8Array): Processed {
    const { returnValue, data } = this.program.testRun({ data: frame });
    return { verdict: verdictName(returnValue), frame: data };
  }

  /**
   * Asks the program what it would do with a frame. Nothing is counted, remembered or changed.
   *
   * @param cpu whose flow table is meant. Default: the first that forwards.
   * @throws SyscallError
   */
  explain(frame: Uint8Array, cpu?: number): Explanation {
    return this.#explainer.explain(frame, cpu);
  }

  /**
   * Which real a flow's next packet goes to and why, by the program itself. A CPU whose table knows the flow is asked
   * first.
   *
   * @throws SyscallError; EbpfError for addresses that are none.
   */
  lookup(flow: Flow): Explanation {
    return this.#explainer.lookup(flow);
  }

  /** Takes samples of packets until it is disposed of; one capture at a time. @throws OptionError, SyscallError */
  capture(options: CaptureOptions = {}): Capture {
    const { collection, globals } = this.#programs;
    return new Capture(
      collection.map('captures'),
      globals,
      (outcome) => this.#explainer.named(outcome),
      options,
    );
  }

  /** Takes a CPU's flow table away, so that its flows share the fallback. */
  dropFlowTable(cpu: number): boolean {
    return (this.#programs.collection.map('flow_tables') as DescriptorMap).clear(cpu);
  }

  /** Takes the programs off, whatever holds them, and removes all that is pinned. */
  detach(): void {
    this.#lifecycle.detach();
    this[Symbol.dispose]();
  }

  /** Lets go of everything: without a `pin`, that ends it; with one, it forwards on. */
  [Symbol.dispose](): void {
    this.#routers[Symbol.dispose]();
    this.#neighbours?.[Symbol.dispose]();
    this.#lifecycle[Symbol.dispose]();
    this.#programs[Symbol.dispose]();
  }

  /** Where addresses are translated and next hops are the host's. */
  #meetNeighbours(hasDevices: boolean): NatNeighbours | undefined {
    const { nat } = this.#options;
    if (nat === undefined || !asksForRoutes(nat, hasDevices)) return undefined;
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
      ...this.#programs.saved(this.#options),
      routerMacs: this.#routers.macs(),
      ...this.#tables.saved(),
    };
  }
}
