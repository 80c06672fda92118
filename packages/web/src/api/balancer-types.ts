/** Answers of the API about balancers, as far as the page uses them. A test compares them with the server's schemas. */
import type { ApiRange, ApiTime } from './time-types.js';

/** Traffic since the start; absent for a moment in the past. */
export interface BalancerTraffic {
  readonly packets?: number;
  readonly bytes?: number;
  /** Between the last two looks. */
  readonly packets_per_second?: number;
  readonly bytes_per_second?: number;
}

/** A real of a VIP. Its traffic is that of all its VIPs. */
export interface BalancerReal extends BalancerTraffic {
  readonly name: string;
  readonly address: string;
  readonly port?: number;
  readonly weight: number;
  readonly ring_weight: number;
  readonly share: number;
  readonly drained: boolean;
  /** Absent without a check. */
  readonly condition?: 'unknown' | 'up' | 'held' | 'down';
  readonly reason?: string;
  readonly since?: ApiTime;
}

/** A VIP. */
export interface BalancerVip extends BalancerTraffic {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly forwarding: 'tunnel' | 'direct' | 'nat';
  readonly state: 'unchecked' | 'unknown' | 'up' | 'down';
  readonly reals: readonly BalancerReal[];
}

/** A balancer. */
export interface BalancerState {
  readonly name: string;
  /** Whether its process answers. */
  readonly running: boolean;
  readonly version?: string;
  readonly pid?: number;
  readonly started?: ApiTime;
  readonly interfaces: readonly { readonly name: string; readonly mode?: 'native' | 'generic' }[];
  /** Since the start: sent on, left to the host, dropped. */
  readonly packets?: { readonly tx: number; readonly pass: number; readonly drop: number };
  readonly vips: readonly BalancerVip[];
  readonly omitted: number;
}

/** `balancer`. */
export interface BalancerAnswer {
  readonly at?: ApiTime;
  readonly kept_since?: ApiTime;
  readonly balancers: readonly BalancerState[];
}

/** What a VIP or a real moved in a step. */
export interface BalancerPoint {
  readonly time: ApiTime;
  /** The time in it of which is known what was moved. */
  readonly seconds: number;
  readonly packets: number;
  readonly bytes: number;
}

/** What a VIP or a real moved. */
export interface BalancerSeries {
  readonly balancer: string;
  readonly vip: string;
  readonly real?: string;
  readonly address?: string;
  readonly points: readonly BalancerPoint[];
}

/** `balancer/series`. */
export interface BalancerSeriesAnswer {
  readonly range: ApiRange;
  readonly unrecorded: readonly ApiRange[];
  readonly step_seconds: number;
  readonly series: readonly BalancerSeries[];
  readonly count: number;
}

/** A change of a balancer. */
export interface BalancerChange {
  readonly time: ApiTime;
  readonly kind:
    | 'started'
    | 'restarted'
    | 'silent'
    | 'answers'
    | 'removed'
    | 'vip_added'
    | 'vip_removed'
    | 'vip_state'
    | 'real_added'
    | 'real_removed'
    | 'weight'
    | 'health'
    | 'drained'
    | 'undrained';
  readonly balancer: string;
  readonly vip?: string;
  readonly real?: string;
  readonly before?: string | number;
  readonly after?: string | number;
  readonly detail?: string;
}

/** `balancer/changes`. The newest come first. */
export interface BalancerChangesAnswer {
  readonly range: ApiRange;
  readonly changes: readonly BalancerChange[];
  readonly count: number;
}

/** `balancer/lookup`: where a flow's next packet goes. */
export interface BalancerLookupAnswer {
  readonly verdict: string;
  readonly reason: string;
  readonly vip?: string;
  readonly real?: { readonly name?: string; readonly address: string; readonly port?: number };
}
