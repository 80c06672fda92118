/** Services whose rings follow the health of their reals. */

import { isDeepStrictEqual } from 'node:util';
import { OptionError } from '@weir/ebpf';
import type { Balancer } from '../balancer.js';
import { realKey, type Service, type ServiceReal, type ServiceSpec, serviceName } from '../service.js';
import type { HealthCheck } from './check.js';
import { type HealthChange, HealthChecker, type HealthCheckerOptions, type RealPlace } from './checker.js';
import { realClock } from './clock.js';
import type { Condition } from './health-state.js';
import { failedReals, type Membership, membership, type ServiceState, specFor } from './members.js';
import type { RealHealth } from './monitor.js';
import { afterLoss, noHistory, type RingHistory, ringBefore } from './ring-history.js';

/** A service with the check of its reals. */
export interface CheckedService {
  readonly service: Service;
  readonly spec: ServiceSpec;
  /** Without a check, all reals count as up. */
  readonly check?: HealthCheck | undefined;
}

/** A service's health and the state of its ring. */
export interface ServiceHealth {
  readonly service: Service;
  readonly state: ServiceState;
  /** Number of reals that are up and have a weight. */
  readonly up: number;
  readonly reals: readonly ServiceRealHealth[];
}

/** A real's health and weight in a service. */
export interface ServiceRealHealth {
  readonly address: string;
  /** The real's port, where it is not the service's. */
  readonly port?: number;
  /** The configured weight. */
  readonly weight: number;
  /** The weight in the ring; 0 if the real is not in the ring. */
  readonly ringWeight: number;
  /** Undefined if the real is not checked. */
  readonly health: RealHealth | undefined;
}

/** Options of {@link CheckedServices}. */
export interface CheckedServicesOptions extends Omit<HealthCheckerOptions, 'onChange' | 'initial'> {
  /** Called when a real's condition has changed. The ring follows after the call. */
  readonly onRealChange?: (change: HealthChange) => void;
  /** Called when a service gets its first state or another one, also without a check. */
  readonly onServiceChange?: (health: ServiceHealth) => void;
  /** Called when the balancer refuses a change that follows from health. The ring is unchanged then. */
  readonly onError: (error: unknown) => void;
}

interface Served extends CheckedService {
  readonly member: Membership;
  readonly history: RingHistory;
  /** The specification that the balancer has. */
  readonly applied: ServiceSpec;
}

const noMembership: Membership = { state: 'unknown', ring: new Set(), up: 0 };

/** The balancer's part that is used here. */
export type CheckedBalancer = Pick<Balancer, 'services' | 'setServices' | 'removeService'>;

/**
 * Sets services of a balancer, and changes their rings as reals fail and recover. Nothing else may set the same services.
 * In a resumed balancer, reals that failed under the earlier process are down until their checks succeed.
 */
export class CheckedServices implements Disposable {
  readonly #balancer: CheckedBalancer;
  readonly #options: CheckedServicesOptions;
  readonly #checker: HealthChecker;
  /** Reals that failed under an earlier process, by service. */
  readonly #failed: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #served = new Map<string, Served>();
  /** Services whose rings must be built anew. */
  readonly #stale = new Set<string>();
  #refresh: NodeJS.Immediate | undefined;

  /** Makes services of a balancer; no check runs yet. */
  constructor(balancer: CheckedBalancer, options: CheckedServicesOptions) {
    this.#balancer = balancer;
    this.#options = options;
    this.#failed = new Map(
      balancer.services().map(({ service, spec }) => [serviceName(service), failedReals(spec)]),
    );
    this.#checker = new HealthChecker({
      ...options,
      initial: (service, real) => this.#initial(service, real),
      onChange: (change) => this.#onChange(change),
    });
  }

  /** Adds or replaces services. If one is refused, none is changed. @throws OptionError, SyscallError */
  set(services: readonly CheckedService[]): void {
    // A check is refused before anything is changed in the balancer.
    for (const { service, spec, check } of services) {
      if (check === undefined) continue;
      if (check.tunnel === true && spec.forwarding === 'nat') {
        throw new OptionError('tunnel: a service with forwarding: nat has no tunnel for its checks');
      }
      this.#checker.targets(service, spec.reals, check);
    }
    const prepared = services.map((wanted): Served => {
      const before = this.#served.get(serviceName(wanted.service));
      return this.#serve(wanted, before);
    });
    this.#balancer.setServices(prepared.map(({ service, applied }) => [service, applied]));
    for (const served of prepared) this.#put(served);
  }

  /**
   * Removes a service, which is reported as down; returns whether there was one.
   *
   * @throws OptionError, SyscallError
   */
  remove(service: Service): boolean {
    const name = serviceName(service);
    const served = this.#served.get(name);
    this.#checker.remove(service);
    this.#served.delete(name);
    const isRemoved = this.#balancer.removeService(service);
    if (served?.member.state === 'up') {
      this.#report('up', { ...served, member: { ...noMembership, state: 'down' } });
    }
    return isRemoved;
  }

  /** The health of all services. */
  health(): ServiceHealth[] {
    return [...this.#served.values()].map((served) => this.#healthOf(served));
  }

  /** The state of all services, which is there at once. */
  states(): Pick<ServiceHealth, 'service' | 'state'>[] {
    return [...this.#served.values()].map(({ service, member: { state } }) => ({ service, state }));
  }

  /** Number of checks that are due and wait for others to end. */
  get waiting(): number {
    return this.#checker.waiting;
  }

  /** Ends the checks. The services stay unchanged. */
  [Symbol.dispose](): void {
    clearImmediate(this.#refresh);
    this.#checker[Symbol.dispose]();
  }

  /** Conditions of a service's reals, also of reals whose checks have not begun. */
  #expected({ service, check }: CheckedService): (real: ServiceReal) => Condition | undefined {
    if (check === undefined) return () => undefined;
    const health = this.#checker.health(service);
    return (real) => health(real)?.condition ?? this.#initial(service, real);
  }

  #initial(service: Service, real: RealPlace): Condition {
    return this.#failed.get(serviceName(service))?.has(realKey(real)) === true ? 'down' : 'unknown';
  }

  #serve({ service, spec, check }: CheckedService, before: Served | undefined): Served {
    const condition = this.#expected({ service, spec, check });
    const past = before?.history ?? noHistory;
    const now = (this.#options.clock ?? realClock).now();
    const member = membership(spec.reals, condition, ringBefore(past, now, check?.interval));
    const history = afterLoss(past, member, now, check?.interval);
    return { service, spec, check, member, history, applied: specFor(spec, member.ring, condition) };
  }

  #put(served: Served): void {
    const name = serviceName(served.service);
    const before = this.#served.get(name);
    this.#served.set(name, served);
    if (served.check === undefined) this.#checker.remove(served.service);
    else this.#checker.set(served.service, served.spec.reals, served.check);
    this.#report(before?.member.state ?? noMembership.state, served);
  }

  #onChange(change: HealthChange): void {
    this.#options.onRealChange?.(change);
    this.#stale.add(serviceName(change.service));
    this.#refresh ??= setImmediate(() => this.#refreshOne());
  }

  /** Refreshes one service at a time: a ring takes milliseconds, and a real may belong to thousands of services. */
  #refreshOne(): void {
    this.#refresh = undefined;
    const [name] = this.#stale;
    if (name === undefined) return;
    this.#stale.delete(name);
    if (this.#stale.size > 0) this.#refresh = setImmediate(() => this.#refreshOne());
    const before = this.#served.get(name);
    if (before === undefined) return;
    try {
      const served = this.#serve(before, before);
      const isNew = !isDeepStrictEqual(served.applied, before.applied);
      if (isNew) this.#balancer.setServices([[served.service, served.applied]]);
      this.#served.set(name, served);
      this.#report(before.member.state, served);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #report(before: ServiceState, served: Served): void {
    if (served.member.state !== before) this.#options.onServiceChange?.(this.#healthOf(served));
  }

  #healthOf({ service, spec, member }: Served): ServiceHealth {
    const health = this.#checker.health(service);
    const reals = spec.reals.map((real) => {
      const { address, port, weight = 1 } = real;
      return {
        address,
        ...(port !== undefined && { port }),
        weight,
        ringWeight: member.ring.has(realKey(real)) ? weight : 0,
        health: health(real),
      };
    });
    return { service, state: member.state, up: member.up, reals };
  }
}
