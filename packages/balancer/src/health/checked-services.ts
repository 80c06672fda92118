/** Services whose rings follow the health of their reals. */

import { isDeepStrictEqual } from 'node:util';
import { OptionError } from '@weir/ebpf';
import type { Balancer } from '../balancer.js';
import { type Service, type ServiceSpec, serviceName } from '../service.js';
import type { HealthCheck } from './check.js';
import { type HealthChange, HealthChecker, type HealthCheckerOptions } from './checker.js';
import type { Condition } from './health-state.js';
import { failedReals, type Membership, membership, type ServiceState, specFor } from './members.js';
import type { RealHealth } from './monitor.js';

/** A service as it is meant to be. */
export interface CheckedService {
  readonly service: Service;
  readonly spec: ServiceSpec;
  /** Without one, all reals count as well. */
  readonly check?: HealthCheck | undefined;
}

/** A service's health, and what follows from it. */
export interface ServiceHealth {
  readonly service: Service;
  readonly state: ServiceState;
  /** Reals that are well and have a weight. */
  readonly up: number;
  readonly reals: readonly ServiceRealHealth[];
}

export interface ServiceRealHealth {
  readonly address: string;
  /** As it was set. */
  readonly weight: number;
  /** The weight in the ring: 0 if it is not in it. */
  readonly ringWeight: number;
  /** Undefined if it is not checked. */
  readonly health: RealHealth | undefined;
}

export interface CheckedServicesOptions extends Omit<HealthCheckerOptions, 'onChange' | 'initial'> {
  /** A real's condition has changed; the ring follows at once, after this. */
  readonly onRealChange?: (change: HealthChange) => void;
  /** A service's state is another one, or has one for the first time; also for those without checks. */
  readonly onServiceChange?: (health: ServiceHealth) => void;
  /** The balancer refused a change that follows from health: the ring is as it was. */
  readonly onError: (error: unknown) => void;
}

interface Served extends CheckedService {
  readonly member: Membership;
  /** The specification that the balancer has. */
  readonly applied: ServiceSpec;
}

const nothing: Membership = { state: 'unknown', ring: new Set(), up: 0 };

/** What is set. */
type CheckedBalancer = Pick<Balancer, 'services' | 'setServices' | 'removeService'>;

/**
 * Sets services of a balancer. Whoever uses it does not set the same services otherwise. Reals that failed under an earlier
 * process, whose balancer this one goes on with, are down until their checks say otherwise.
 */
export class CheckedServices implements Disposable {
  readonly #balancer: CheckedBalancer;
  readonly #options: CheckedServicesOptions;
  readonly #checker: HealthChecker;
  /** Reals that had failed before this began, by their services. */
  readonly #failed: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #served = new Map<string, Served>();
  /** Services whose rings are to be made anew. */
  readonly #stale = new Set<string>();
  #refresh: NodeJS.Immediate | undefined;

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

  /** Adds services, or puts others in their places. If one makes no sense, none is changed. @throws OptionError */
  set(services: readonly CheckedService[]): void {
    // A check is refused before anything is changed in the balancer.
    for (const { service, spec, check } of services) {
      if (check === undefined) continue;
      if (check.tunnel === true && spec.forwarding === 'nat') {
        throw new OptionError('checks through the tunnel: with NAT there is none');
      }
      this.#checker.targets(service, spec.reals, check);
    }
    const prepared = services.map((wanted): Served => {
      const before = this.#served.get(serviceName(wanted.service));
      return this.#serve(wanted, before?.member.ring ?? new Set());
    });
    this.#balancer.setServices(prepared.map(({ service, applied }) => [service, applied]));
    for (const served of prepared) this.#put(served);
  }

  /** Removes a service, which is down then; returns whether there was one. */
  remove(service: Service): boolean {
    const name = serviceName(service);
    const served = this.#served.get(name);
    this.#checker.remove(service);
    this.#served.delete(name);
    const isRemoved = this.#balancer.removeService(service);
    if (served?.member.state === 'up') {
      this.#report('up', { ...served, member: { ...nothing, state: 'down' } });
    }
    return isRemoved;
  }

  health(): ServiceHealth[] {
    return [...this.#served.values()].map((served) => this.#healthOf(served));
  }

  /** Checks that are due and wait for others to end. */
  get waiting(): number {
    return this.#checker.waiting;
  }

  /** Ends the checks. The services stay as they are. */
  [Symbol.dispose](): void {
    clearImmediate(this.#refresh);
    this.#checker[Symbol.dispose]();
  }

  /** What is known of reals whose checks begin only now, besides what is known already. */
  #expected({ service, check }: CheckedService): (address: string) => Condition | undefined {
    if (check === undefined) return () => undefined;
    const health = this.#checker.health(service);
    return (address) => health(address)?.condition ?? this.#initial(service, address);
  }

  #initial(service: Service, address: string): Condition {
    return this.#failed.get(serviceName(service))?.has(address) === true ? 'down' : 'unknown';
  }

  #serve({ service, spec, check }: CheckedService, before: ReadonlySet<string>): Served {
    const condition = this.#expected({ service, spec, check });
    const member = membership(spec.reals, condition, before);
    return { service, spec, check, member, applied: specFor(spec, member.ring, condition) };
  }

  #put(served: Served): void {
    const name = serviceName(served.service);
    const before = this.#served.get(name);
    this.#served.set(name, served);
    if (served.check === undefined) this.#checker.remove(served.service);
    else this.#checker.set(served.service, served.spec.reals, served.check);
    this.#report(before?.member.state ?? nothing.state, served);
  }

  #onChange(change: HealthChange): void {
    this.#options.onRealChange?.(change);
    this.#stale.add(serviceName(change.service));
    this.#refresh ??= setImmediate(() => this.#refreshOne());
  }

  /** One service at a time, since a ring takes milliseconds: a real may belong to thousands. */
  #refreshOne(): void {
    this.#refresh = undefined;
    const [name] = this.#stale;
    if (name === undefined) return;
    this.#stale.delete(name);
    if (this.#stale.size > 0) this.#refresh = setImmediate(() => this.#refreshOne());
    const before = this.#served.get(name);
    if (before === undefined) return;
    try {
      const served = this.#serve(before, before.member.ring);
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
    const reals = spec.reals.map(({ address, weight = 1 }) => ({
      address,
      weight,
      ringWeight: member.ring.has(address) ? weight : 0,
      health: health(address),
    }));
    return { service, state: member.state, up: member.up, reals };
  }
}
