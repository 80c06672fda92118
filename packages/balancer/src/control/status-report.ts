/** Status of a running balancer: its VIPs, their reals, traffic and health. */
import { monotonicNs } from '@weir/ebpf/sys';
import type { Balancer, InterfaceStatus, RealStatus, ServiceStatus } from '../balancer.js';
import type { Config, RealConfig, VipConfig } from '../config/schema.js';
import type { Counters, CpuStatus, Misses, Traffic } from '../datapath/counters.js';
import type { UnsentCounts } from '../device/unsent-packets.js';
import type { ServiceHealth, ServiceRealHealth } from '../health/checked-services.js';
import type { Condition } from '../health/health-state.js';
import type { ServiceState } from '../health/members.js';
import type { RouterStatus } from '../next-hop/router.js';
import { realKey, serviceName } from '../service.js';
import type { SourceStatus } from '../sources/source-follower.js';
import type { TableStatus } from '../status.js';
import type { SyncStatus } from '../sync/sync-status.js';
import { expiryText } from './describe.js';

/** Traffic since the start, and its rates. */
export interface TrafficStatus extends Traffic {
  readonly packetsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** A VIP with its state, traffic and reals. */
export interface VipStatus extends TrafficStatus {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: VipConfig['protocol'];
  readonly forwarding: VipConfig['forwarding'];
  readonly flags: VipConfig['flags'];
  /** `unchecked`: there is no health check. */
  readonly state: ServiceState | 'unchecked';
  /** Packets whose flow was unknown. */
  readonly misses?: Misses;
  /** Why the ring stays as it was: all reals are `down`, or all are `drained`, by hand or by weights of 0. */
  readonly ringStays?: 'down' | 'drained';
  /** Where the reals come from, if not from the file. */
  readonly source?: SourceStatus;
  readonly reals: readonly VipRealStatus[];
}

/** A real in a VIP. */
export interface VipRealStatus {
  readonly name: string;
  readonly address: string;
  /** The real's port, where it is not the VIP's. */
  readonly port?: number;
  /** The weight in the configuration. */
  readonly weight: number;
  /**
   * The weight in the ring; 0 if the real is not in the ring. It is a fraction where an agent or a slow start leaves the real
   * only a part.
   */
  readonly ringWeight: number;
  /** Share of the ring, 0 to 1. */
  readonly share: number;
  /** Whether it was drained by hand. */
  readonly drained: boolean;
  /** Absent without a check. */
  readonly condition?: Condition;
  /** The last check's finding. */
  readonly reason?: string;
  /** What its agent says, such as `75%`; absent where that changes nothing. */
  readonly agent?: string;
  /** When its certificate expires, RFC 3339; absent without TLS. */
  readonly certificateExpires?: string;
  /** That is reported: it expires soon, or has expired. */
  readonly certificateWarning?: string;
  /** When the condition last changed, RFC 3339. */
  readonly since?: string;
  /** Packets of all its VIPs whose flow was unknown, and which this real was given. */
  readonly misses?: Misses;
  /** Traffic of the real in all its VIPs. */
  readonly traffic: TrafficStatus;
}

/** Status of a balancer. */
export interface Status {
  readonly name: string;
  readonly version: string;
  readonly pid: number;
  /** When the control plane started, RFC 3339. */
  readonly started: string;
  readonly interfaces: readonly InterfaceStatus[];
  readonly routers: readonly RouterStatus[];
  /** What is wrong with the devices, and how to mend it: MTU, merging of packets, virtual devices. */
  readonly advice?: readonly string[];
  /** Time over which rates were measured, seconds; 0 without rates. */
  readonly over: number;
  readonly vips: readonly VipStatus[];
  /** How full the program's tables are. */
  readonly tables?: readonly TableStatus[];
  /** The counters of each CPU that has seen a packet, since the start. */
  readonly cpus?: readonly CpuStatus[];
  /** Counts since the start. */
  readonly counters: Counters;
  /** Counts a second; all 0 without rates. */
  readonly rates: Counters;
  /**
   * Packets that were sent on and that a driver did not take, since the control plane started; absent where the kernel does
   * not say, and in a chain.
   */
  readonly unsent?: UnsentCounts;
  /** Flows shared with other balancers; absent without `sync`. */
  readonly sync?: SyncStatus;
}

/** A balancer's counters at one moment. */
export interface Sample {
  readonly timeNs: bigint;
  readonly services: readonly ServiceStatus[];
  readonly reals: readonly RealStatus[];
  readonly counters: Counters;
}

export function takeSample(balancer: Pick<Balancer, 'services' | 'reals' | 'counters'>): Sample {
  return {
    timeNs: monotonicNs(),
    services: balancer.services(),
    reals: balancer.reals(),
    counters: balancer.counters(),
  };
}

export interface StatusSource {
  readonly config: Config;
  readonly health: readonly ServiceHealth[];
  isDrained(vip: VipConfig, real: RealConfig): boolean;
  /** The source of a VIP's reals. Default: there is none. */
  sourceOf?(vip: VipConfig): SourceStatus | undefined;
}

/** Status of all VIPs. @param before An earlier sample, for rates. */
export function vipStatuses(source: StatusSource, before: Sample, after: Sample): VipStatus[] {
  const seconds = elapsed(before, after);
  const services = trafficBy(before.services, after.services, ({ service }) => serviceName(service), seconds);
  const reals = trafficBy(before.reals, after.reals, realKey, seconds);
  const misses = new Map(after.services.map((each) => [serviceName(each.service), each.misses]));
  const realMisses = new Map(after.reals.map((each) => [realKey(each), each.misses]));
  const kept = new Map(after.services.map(({ service, keptWeights }) => [serviceName(service), keptWeights]));
  const health = new Map(source.health.map((each) => [serviceName(each.service), each]));
  return source.config.vips.map((vip) => {
    const { name, address, port, protocol, forwarding, flags, check } = vip;
    // Reals are in the configuration's order.
    const known = health.get(serviceName(vip));
    const from = source.sourceOf?.(vip);
    const stays = kept.get(serviceName(vip));
    const weights = vip.reals.map((_, index) => stays?.[index] ?? known?.reals[index]?.ringWeight ?? 0);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return {
      ...{ name, address, port, protocol, forwarding, flags },
      // A VIP without any real is not served.
      state:
        vip.reals.length === 0 ? 'down' : check === undefined ? 'unchecked' : (known?.state ?? 'unknown'),
      ...(from !== undefined && { source: from }),
      ...(services.get(serviceName(vip)) ?? none),
      ...missesOf(misses.get(serviceName(vip))),
      ...(stays !== undefined
        ? { ringStays: 'drained' as const }
        : check !== undefined && known?.state === 'down' && sum > 0 && { ringStays: 'down' as const }),
      reals: vip.reals.map((real, index) => ({
        ...realStatus(real, known?.reals[index], check),
        ...missesOf(realMisses.get(realKey(real))),
        ringWeight: weights[index]!,
        share: sum === 0 ? 0 : weights[index]! / sum,
        drained: source.isDrained(vip, real),
        traffic: reals.get(realKey(real)) ?? none,
      })),
    };
  });
}

/** Increase of each counter per second. */
export function counterRates(before: Sample, after: Sample): Counters {
  const seconds = elapsed(before, after);
  const entries = Object.entries(after.counters).map(([name, value]) => [
    name,
    rate(value - before.counters[name as keyof Counters], seconds),
  ]);
  return Object.fromEntries(entries) as Counters;
}

/** Time between two samples, seconds. */
export function elapsed(before: Sample, after: Sample): number {
  return Number(after.timeNs - before.timeNs) / 1e9;
}

function missesOf(misses: Misses | undefined): { readonly misses?: Misses } {
  return misses === undefined ? {} : { misses };
}

const none: TrafficStatus = { packets: 0, bytes: 0, packetsPerSecond: 0, bytesPerSecond: 0 };

function realStatus(
  { name, address, port, weight }: RealConfig,
  known: ServiceRealHealth | undefined,
  check: VipConfig['check'],
) {
  const { condition, reason, since, certificateExpires: expires } = known?.health ?? {};
  const agent = known?.agent;
  const warnMs = check !== undefined && 'warnExpiry' in check ? check.warnExpiry : 0;
  const now = new Date();
  return {
    ...{ name, address, weight },
    ...(port !== undefined && { port }),
    ...(condition !== undefined && { condition }),
    ...(reason !== undefined && { reason }),
    ...(since !== undefined && { since: since.toISOString() }),
    ...(agent !== undefined && { agent }),
    ...(expires !== undefined && { certificateExpires: expires.toISOString() }),
    ...(expires !== undefined &&
      expires.getTime() - now.getTime() <= warnMs && { certificateWarning: expiryText(expires, now) }),
  };
}

/** A rate. A counter that decreased belongs to something that was removed and added again. */
function rate(difference: number, seconds: number): number {
  return seconds <= 0 || difference < 0 ? 0 : difference / seconds;
}

function trafficBy<T extends Traffic>(
  before: readonly T[],
  after: readonly T[],
  key: (item: T) => string,
  seconds: number,
): Map<string, TrafficStatus> {
  const earlier = new Map(before.map((item) => [key(item), item]));
  return new Map(
    after.map((item) => {
      const { packets, bytes } = item;
      const then = earlier.get(key(item)) ?? item;
      return [
        key(item),
        {
          packets,
          bytes,
          packetsPerSecond: rate(packets - then.packets, seconds),
          bytesPerSecond: rate(bytes - then.bytes, seconds),
        },
      ];
    }),
  );
}
