/** The programs that count UDP: loaded, attached, detached. */
import {
  attachCgroup,
  attachKprobe,
  attachTracing,
  type Btf,
  Collection,
  type FeatureTable,
  Kind,
  kernelAtLeast,
  features as kernelFeatures,
  type Link,
  setGlobal,
} from '@weir/ebpf';
import { present, privilegeGap, unknown } from '@weir/ebpf/sys';
import { readKernelFeatures } from '../hooks/kernel-features.js';
import { readObject } from '../objects.js';
import { findCgroupRoot, showsMounts } from './cgroup-root.js';
import type { UdpFeatures, UdpMechanism } from './udp-plan.js';

const objectName = 'udp.bpf.o';

export interface UdpProgramsOptions {
  readonly mechanism: UdpMechanism;
  readonly btf: Btf;
  readonly features?: FeatureTable;
  /** The number of flows, and of sockets, that can be followed. */
  readonly maxFlows: number;
}

/** Probes the features of the running kernel. */
export function readUdpFeatures(btf: Btf, features: FeatureTable = kernelFeatures): UdpFeatures {
  const kernel = readKernelFeatures(btf, features);
  const root = findCgroupRoot();
  return {
    rawTracepoint: kernel.rawTracepoint,
    fentry: kernel.fentry,
    kprobe: kernel.kprobe,
    preemptible: kernel.preemptible,
    probeFunction: (name) => kernel.probeFunction(name),
    hasTypedFunction: (name) => kernel.hasTypedFunction(name),
    packetTypes: btf.find('sk_buff', Kind.struct) !== undefined,
    cgroupRoot: root?.path,
    cgroupIsPart: root?.isPart === true,
    sockRelease: kernelAtLeast('5.9'),
    cgroupPrograms: showsMounts()
      ? (privilegeGap(['CAP_BPF', 'CAP_NET_ADMIN']) ?? present)
      : unknown('procfs is not mounted, which shows where cgroup v2 is'),
  };
}

/** A program of a set and the function it belongs to; in the order of attaching, those of ends come first. */
const calls = [
  ['closed4', 'udp_destroy_sock', false],
  ['closed6', 'udpv6_destroy_sock', false],
  ['sent4', 'ip_send_skb', true],
  ['sent6', 'ip6_send_skb', true],
  ['send4', 'ip_send_skb', false],
  ['send6', 'ip6_send_skb', false],
  ['receiving4', 'udp_recvmsg', false],
  ['receiving6', 'udpv6_recvmsg', false],
  ['received', 'skb_consume_udp', false],
] as const;

const packets = ['socket_released', 'socket_made', 'packet_egress', 'packet_ingress'] as const;

/** The position, from 0, of the flags among the arguments of udp_recvmsg; undefined where the types do not show it. */
function flagsArgument(btf: Btf): number | undefined {
  const id = btf.find('udp_recvmsg', Kind.func);
  const found = id === undefined ? undefined : btf.type(id);
  const prototype = found?.kind === Kind.func ? btf.type(found.typeId) : undefined;
  if (prototype?.kind !== Kind.funcProto) return undefined;
  const index = prototype.parameters.findIndex(({ name }) => name === 'flags');
  return index === 3 || index === 4 ? index : undefined;
}

export class UdpPrograms implements Disposable {
  readonly collection: Collection;
  readonly #links: Link[] = [];

  /** Loads and attaches. @throws VerifierError, SyscallError. */
  constructor(options: UdpProgramsOptions) {
    const { mechanism, btf, features = kernelFeatures, maxFlows } = options;
    const kernel = readKernelFeatures(btf, features);
    const typed = mechanism === 'fentry';
    const flags = flagsArgument(btf);
    const wanted =
      mechanism === 'cgroup'
        ? []
        : calls.filter(
            ([program, name]) =>
              (typed ? kernel.hasTypedFunction(name) : kernel.probeFunction(name).state === 'present') &&
              (flags !== undefined || !program.startsWith('receiving')),
          );
    const nameOf = (program: string, isReturn: boolean) =>
      `${program}_${isReturn ? (typed ? 'fexit' : 'kretprobe') : mechanism}`;
    const spec = readObject(objectName);
    if (flags !== undefined) setGlobal(spec, 'flags_argument', flags);
    this.collection = Collection.load(spec, {
      btf,
      features,
      programs:
        mechanism === 'cgroup' ? [...packets] : wanted.map(([name, , isReturn]) => nameOf(name, isReturn)),
      maxEntries: { udp_flows: maxFlows, udp_sockets: maxFlows, udp_closed: maxFlows },
    });
    try {
      if (mechanism === 'cgroup') this.#attachCgroup(features);
      for (const [name, symbol, isReturn] of wanted) {
        const program = this.collection.program(nameOf(name, isReturn));
        this.#links.push(
          typed ? attachTracing(program) : attachKprobe(program, symbol, { retprobe: isReturn, features }),
        );
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #attachCgroup(features: FeatureTable): void {
    const root = findCgroupRoot()?.path ?? '/sys/fs/cgroup';
    for (const name of packets) {
      this.#links.push(attachCgroup(this.collection.program(name), root, { features }));
    }
  }

  /** Program runs that the kernel skipped. */
  get missedRuns(): number {
    let missed = 0;
    for (const program of this.collection.programs.values()) missed += Number(program.info().recursionMisses);
    return missed;
  }

  /** Stops counting; the maps stay. */
  detach(): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.detach();
    this.collection[Symbol.dispose]();
  }
}
