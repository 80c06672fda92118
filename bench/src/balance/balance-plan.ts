/** What the comparison of balancers measures, and its samples: JSON both ways. */

export interface BalancePlan {
  /** Each round measures every balancer once. */
  readonly rounds: number;
  /** Seconds of each load. */
  readonly seconds: number;
  /** Connections that stay open while a real is added, and as many more while it is removed. */
  readonly held: number;
  /** Only balancers whose name contains one of these. */
  readonly names: readonly string[];
}

/** Requests over connections that stay open, or each over a connection of its own. */
export type LoadKind = 'kept' | 'new';

export interface LoadSample {
  readonly kind: LoadKind;
  readonly balancer: string;
  readonly round: number;
  readonly requestsPerSecond: number;
  /** CPU time of the whole machine, client and servers included, microseconds a request. */
  readonly cpuUs: number;
  /** Latency, milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Requests without an answer. */
  readonly failed: number;
}

/** Connections that a change of the reals broke. */
export interface ChangeSample {
  readonly kind: 'change';
  readonly balancer: string;
  readonly round: number;
  /** By a real that was added, of all. */
  readonly byAdding: number;
  /** By a real that was removed, of those with another real. */
  readonly byRemoving: number;
  /** By a real that was removed, of its own; and how many it had. */
  readonly own: number;
  readonly ownAll: number;
}

/** A balancer that could not be measured. */
export interface BalanceFailure {
  readonly kind: 'failure';
  readonly balancer: string;
  readonly message: string;
}

export type BalanceSample = LoadSample | ChangeSample | BalanceFailure;

/** The start of the driver's lines with samples. */
export const balancePrefix = 'balance-sample ';
/** The environment variable that carries the plan. */
export const balanceVariable = 'WEIR_BALANCE_PLAN';
