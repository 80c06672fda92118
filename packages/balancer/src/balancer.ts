/** A layer-4 load balancer: its programs, and what they are told. */
import {
  type ArrayMap,
  attachXdp,
  type BpfMap,
  type DescriptorMap,
  type Link,
  type Program,
} from '@weir/ebpf';
import { keyAddress, macBytes, parsePrefix, wirePort } from './address.js';
import { Capture, type CaptureOptions } from './capture.js';
import { type Counters, CpuCounters, type Traffic } from './counters.js';
import { encode, encodeNumber } from './encode.js';
import { type Flow, flowFrame } from './frame.js';
import { readOutcome, sizeofGlobalFlow, writeGlobalFlow } from './generated/balancer.js';
import { IdSlots } from './id-slots.js';
import { setTunnelEnd } from './life/decapsulator.js';
import { type BalancerOptions, forwardingCpus } from './options.js';
import { type ReasonName, reasonName, type Verdict, verdictName } from './outcome.js';
import { BalancerPrograms } from './programs.js';
import { RealRegistry } from './real-registry.js';
import { RealTable } from './real-table.js';
import { protocolNumbers, type Service, type ServiceSpec } from './service.js';
import { addressPrefixKey, ServiceTable } from './service-table.js';

/** What the program did with a packet. */
export interface Processed {
  readonly verdict: Verdict;
  /** The frame afterwards. */
  readonly frame: Uint8Array;
}

/** What the program would do with a packet. */
export interface Explanation {
  readonly verdict: Verdict;
  readonly reason: ReasonName;
  /** The service that the packet is for. */
  readonly service: Service | undefined;
  /** The address of its real. */
  readonly real: string | undefined;
}

/** Traffic of a service, and what it consists of now. */
export interface ServiceStatus extends Traffic {
  readonly service: Service;
  readonly spec: ServiceSpec;
}

export interface RealStatus extends Traffic {
  readonly address: string;
}

/**
 * Forwards from {@link Balancer.open} on until it is disposed of. Needs Linux 5.10 and root. Each change of a service is
 * one step for packets: they are forwarded as before or as after.
 */
export class Balancer implements Disposable {
  readonly #programs: BalancerPrograms;
  readonly #counters: CpuCounters;
  readonly #reals: RealRegistry;
  readonly #services: ServiceTable;
  readonly #serverIds: RealTable;
  readonly #sourceRoutes: RealTable;
  readonly #globalFlows: BpfMap;
  readonly #tunnelEnds: BpfMap;
  readonly #cpus: readonly number[];
  readonly #link: Link | undefined;

  /** @throws RangeError for options that make no sense; VerifierError, UnsupportedError, SyscallError */
  static open(options: BalancerOptions): Balancer {
    return new Balancer(options);
  }

  private constructor(options: BalancerOptions) {
    const mac = macBytes(options.routerMac);
    this.#programs = new BalancerPrograms(options);
    try {
      const { collection } = this.#programs;
      this.#counters = new CpuCounters(this.#programs.cpuViews());
      this.#reals = new RealRegistry(collection.map('reals') as ArrayMap, (number) =>
        this.#counters.clearReal(number),
      );
      this.#services = new ServiceTable(this.#programs, this.#counters, this.#reals);
      this.#serverIds = new RealTable(new IdSlots(collection.map('id_slots') as ArrayMap), this.#reals);
      this.#sourceRoutes = new RealTable(collection.map('source_routes'), this.#reals);
      this.#globalFlows = collection.map('global_flows');
      this.#tunnelEnds = collection.map('tunnel_ends');
      this.#cpus = forwardingCpus(options);
      this.#setRouterMac(mac);
      const { mode, interface: device } = options;
      this.#link =
        device === undefined
          ? undefined
          : attachXdp(this.program, device, mode === undefined ? {} : { mode });
    } catch (error) {
      this.#programs[Symbol.dispose]();
      throw error;
    }
  }

  /** The XDP program, for another one to call from its program array. */
  get program(): Program {
    return this.#programs.collection.program('balance');
  }

  /** Adds a service or changes it, in one step for packets. @throws RangeError; nothing is changed then. */
  setService(service: Service, spec: ServiceSpec): void {
    this.#services.set([[service, spec]]);
  }

  /** Adds or changes several services, each in one step. If one is refused, none is changed. @throws RangeError */
  setServices(changes: readonly (readonly [Service, ServiceSpec])[]): void {
    this.#services.set(changes);
  }

  /** Removes a service; returns whether there was one. */
  removeService(service: Service): boolean {
    return this.#services.remove(service);
  }

  services(): ServiceStatus[] {
    return this.#services
      .all()
      .map((served) => ({ service: served.service, spec: served.spec, ...this.#services.traffic(served) }));
  }

  /** Every real that a service, a server id or a source route refers to. */
  reals(): RealStatus[] {
    return this.#reals.all().map(({ address, number }) => ({ address, ...this.#counters.real(number) }));
  }

  /** All counters but those of services and reals, since the start. */
  counters(): Counters {
    return this.#counters.totals();
  }

  /** Which real an id in QUIC, TCP or stable UDP packets means; without an address, none. @throws RangeError */
  setServerId(id: number, address: string | undefined): void {
    if (!Number.isInteger(id) || id < 1 || id > 0xffff_ffff) {
      throw new RangeError(`server id ${id}: expected 1 to 4294967295`);
    }
    this.#serverIds.set(encodeNumber(id), address);
  }

  /** Where new flows from a prefix go, in services with the flag `sourceRouting`. @throws RangeError */
  setSourceRoute(prefix: string, address: string | undefined): void {
    this.#sourceRoutes.set(addressPrefixKey(parsePrefix(prefix)), address);
  }

  /**
   * Where a flow goes that a CPU's table does not know, in services with the flag `globalFlows`. Lasts while the real
   * belongs to the service.
   *
   * @throws RangeError if nobody knows that real.
   */
  setGlobalFlow(flow: Flow, address: string | undefined): void {
    const source = keyAddress(flow.source);
    const key = encode(sizeofGlobalFlow, writeGlobalFlow, {
      source: source.words,
      destination: keyAddress(flow.destination).words,
      sourcePort: wirePort(flow.sourcePort),
      destinationPort: wirePort(flow.destinationPort),
      protocol: protocolNumbers[flow.protocol],
      ipv6: Number(source.ipv6),
      reserved: 0,
    });
    if (address === undefined) {
      this.#globalFlows.delete(key);
      return;
    }
    const real = this.#reals.find(address);
    if (real === undefined) throw new RangeError(`${address} is no real of any service`);
    this.#globalFlows.update(key, encodeNumber(real.name));
  }

  /** Whether tunnels to an address end here; see {@link BalancerOptions.inlineDecapsulation}. */
  setTunnelEnd(address: string, ends: boolean): void {
    setTunnelEnd(this.#tunnelEnds, address, ends);
  }

  /** The next hop's MAC address, from the next packet on. */
  setRouterMac(mac: string): void {
    this.#setRouterMac(macBytes(mac));
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
  explain(frame: Uint8Array, cpu: number = this.#cpus[0]!): Explanation {
    const { collection } = this.#programs;
    collection.globals.write('explained_cpu', cpu);
    const { returnValue } = collection.program('explain').testRun({ data: frame });
    const bytes = collection.globals.read('explanation');
    const { reason, vip, real } = readOutcome(new DataView(bytes.buffer, bytes.byteOffset), 0);
    return {
      verdict: verdictName(returnValue),
      reason: reasonName(reason),
      service: this.#services.byNumber(vip - 1)?.service,
      real: this.#reals.byNumber(real)?.address,
    };
  }

  /**
   * Which real a flow's next packet goes to and why, by the program itself. A CPU whose table knows the flow is asked
   * first.
   *
   * @throws SyscallError; EbpfError for addresses that are none.
   */
  lookup(flow: Flow): Explanation {
    const frame = flowFrame(flow);
    const answers = this.#cpus.map((cpu) => this.explain(frame, cpu));
    return answers.find(({ reason }) => reason === 'flow-table') ?? answers[0]!;
  }

  /** Takes samples of packets until it is disposed of; one capture at a time. @throws RangeError, SyscallError */
  capture(options: CaptureOptions = {}): Capture {
    return new Capture(this.#programs.collection, options);
  }

  /** Takes a CPU's flow table away, so that its flows share the fallback. */
  dropFlowTable(cpu: number): boolean {
    return (this.#programs.collection.map('flow_tables') as DescriptorMap).clear(cpu);
  }

  /** Detaches and unloads. */
  [Symbol.dispose](): void {
    this.#link?.[Symbol.dispose]();
    this.#programs[Symbol.dispose]();
  }

  #setRouterMac(mac: Uint8Array): void {
    const { globals } = this.#programs.collection;
    globals.write('router_mac_front', mac.subarray(0, 4));
    globals.write('router_mac_back', mac.subarray(4));
  }
}
