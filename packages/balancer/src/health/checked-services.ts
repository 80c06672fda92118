/** Services whose rings follow the health of their reals. */

import { isDeepStrictEqual } from 'node:util';
import { OptionError } from '@weir/ebpf';
import type { Balancer } from '../balancer.js';
import { realKey, type Service, type ServiceReal, type ServiceSpec, serviceName } from '../service.js';
import { type AgentState, agentText, shareOf } from './agent-answer.js';
import { type AgentCheck, AgentChecks, type AskAgent, agentTarget } from './agent-check.js';
import type { HealthCheck } from './check.js';
import {
  type CheckedReal,
  type HealthChange,
  HealthChecker,
  type HealthCheckerOptions,
  type RealPlace,
} from './checker.js';
import { realClock } from './clock.js';
import type { Condition } from './health-state.js';
import { failedReals, type Membership, membership, type ServiceState, specFor } from './members.js';
import type { RealHealth } from './monitor.js';
import { afterLoss, noHistory, type RingHistory, ringBefore } from './ring-history.js';
import { SlowStarts } from './slow-start.js';

/** A service with the check of its reals. */
export interface CheckedService {
  readonly service: Service;
  readonly spec: ServiceSpec;
  /** Without a check, all reals count as up. */
  readonly check?: HealthCheck | undefined;
  /** An agent on each real, which changes its weight. Default: there is none. */
  readonly agent?: AgentCheck | undefined;
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
  /**
   * The weight in the ring; 0 if the real is not in the ring. It is a fraction where an agent or a slow start leaves the real
   * only a part.
   */
  readonly ringWeight: number;
  /** What its agent says, such as `75%`; absent where that changes nothing. */
  readonly agent?: string;
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
  /** Asks an agent. Default: over the network. */
  readonly askAgent?: AskAgent;
  /** Called when an agent says something else than before. */
  readonly onAgentChange?: (service: Service) => void;
}

interface Served extends CheckedService {
  readonly member: Membership;
  readonly history: RingHistory;
  /** The specification that the balancer has. */
  readonly applied: ServiceSpec;
}

const noMembership: Membership = { state: 'unknown', ring: new Set(), up: 0 };

/** The balancer's part that is used here. */
export type CheckedBalancer = Pick<Balancer, 'services' | 'setServices' | 'removeServices'>;

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
  readonly #agents: AgentChecks;
  readonly #served = new Map<string, Served>();
  /** By service. */
  readonly #starts = new Map<string, SlowStarts>();
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
    const { askAgent: ask } = options;
    this.#agents = new AgentChecks({
      schedule: this.#checker.schedule,
      onChange: (name) => this.#onAgentChange(name),
      ...(ask !== undefined && { ask }),
    });
  }

  /** Adds or replaces services. If one is refused, none is changed. @throws OptionError, SyscallError */
  set(services: readonly CheckedService[]): void {
    // A check is refused before anything is changed in the balancer.
    for (const { service, spec, check, agent } of services) {
      if (agent !== undefined) for (const { address } of spec.reals) agentTarget(address, agent);
      if (check === undefined) continue;
      const { forwarding = 'tunnel' } = spec;
      if (check.tunnel === true && forwarding === 'nat') {
        throw new OptionError(
          `tunnel: a service with forwarding: ${forwarding} has no tunnel for its checks`,
        );
      }
      this.#checker.targets(service, checkedReals(spec), check);
    }
    const prepared = services.map((wanted): Served => {
      const before = this.#served.get(serviceName(wanted.service));
      return this.#serve(wanted, before);
    });
    this.#balancer.setServices(prepared.map(({ service, applied }) => [service, applied]));
    for (const served of prepared) this.#put(served);
  }

  /**
   * Removes those of the services that there are, which are reported as down; returns their number.
   *
   * @throws OptionError, SyscallError
   */
  remove(services: readonly Service[]): number {
    const known = services.flatMap((service) => this.#served.get(serviceName(service)) ?? []);
    for (const service of services) {
      const name = serviceName(service);
      this.#checker.remove(service);
      this.#agents.set(service, [], undefined);
      this.#starts.get(name)?.clear();
      this.#starts.delete(name);
      this.#served.delete(name);
    }
    const removed = this.#balancer.removeServices(services);
    for (const served of known.filter(({ member }) => member.state === 'up'))
      this.#report('up', { ...served, member: { ...noMembership, state: 'down' } });
    return removed;
  }

  /** The health of all services. */
  health(): ServiceHealth[] {
    return [...this.#served.values()].map((served) => this.#healthOf(served));
  }

  /** The health of a service; undefined if there is none. */
  healthOf(service: Service): ServiceHealth | undefined {
    const served = this.#served.get(serviceName(service));
    return served && this.#healthOf(served);
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
    for (const starts of this.#starts.values()) starts.clear();
    this.#agents[Symbol.dispose]();
    this.#checker[Symbol.dispose]();
  }

  /** Conditions of a service's reals, also of reals whose checks have not begun. */
  #expected({ service, check, agent }: CheckedService): (real: ServiceReal) => Condition | undefined {
    const health = check === undefined ? undefined : this.#checker.health(service);
    const isDown = (real: ServiceReal) => agent !== undefined && this.#agentOf(service, real).isDown;
    return (real) => {
      if (isDown(real)) return 'down';
      return health && (health(real)?.condition ?? this.#initial(service, real));
    };
  }

  #agentOf(service: Service, real: RealPlace): AgentState {
    return this.#agents.state(service, real);
  }

  /** Share of its weight that a real gets, by its agent and its slow start. */
  #share(service: Service): (real: RealPlace) => number {
    const starts = this.#starts.get(serviceName(service));
    return (real) => shareOf(this.#agentOf(service, real)) * (starts?.share(realKey(real)) ?? 1);
  }

  #initial(service: Service, real: RealPlace): Condition {
    return this.#failed.get(serviceName(service))?.has(realKey(real)) === true ? 'down' : 'unknown';
  }

  #serve({ service, spec, check, agent }: CheckedService, before: Served | undefined): Served {
    const condition = this.#expected({ service, spec, check, agent });
    const share = this.#share(service);
    const past = before?.history ?? noHistory;
    const now = (this.#options.clock ?? realClock).now();
    const member = membership(spec.reals, condition, ringBefore(past, now, check?.interval), share);
    const history = afterLoss(past, member, now, check?.interval);
    const applied = specFor(spec, member.ring, condition, share);
    return { service, spec, check, agent, member, history, applied };
  }

  #put(served: Served): void {
    const name = serviceName(served.service);
    const before = this.#served.get(name);
    this.#served.set(name, served);
    if (served.check === undefined) this.#checker.remove(served.service);
    else this.#checker.set(served.service, checkedReals(served.spec), served.check);
    this.#agents.set(served.service, served.spec.reals, served.agent);
    this.#report(before?.member.state ?? noMembership.state, served);
  }

  #onChange(change: HealthChange): void {
    this.#options.onRealChange?.(change);
    this.#startSlowly(change);
    this.#isStale(serviceName(change.service));
  }

  /** A real that comes back from a failure gets its weight by and by. */
  #startSlowly({ service, real: address, port, before, condition }: HealthChange): void {
    const name = serviceName(service);
    const key = realKey({ address, ...(port !== undefined && { port }) });
    const slowStart = this.#served.get(name)?.check?.slowStart ?? 0;
    const isBack = condition === 'up' && (before === 'down' || before === 'held');
    if (isBack && slowStart > 0) {
      let starts = this.#starts.get(name);
      if (starts === undefined) {
        starts = new SlowStarts(this.#options.clock ?? realClock, () => this.#isStale(name));
        this.#starts.set(name, starts);
      }
      starts.begin(key, slowStart);
    } else if (condition !== 'up') this.#starts.get(name)?.end(key);
  }

  #onAgentChange(name: string): void {
    const served = this.#served.get(name);
    if (served === undefined) return;
    this.#options.onAgentChange?.(served.service);
    this.#isStale(name);
  }

  #isStale(name: string): void {
    this.#stale.add(name);
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
    const share = this.#share(service);
    const reals = spec.reals.map((real) => {
      const { address, port, weight = 1 } = real;
      const agent = agentText(this.#agentOf(service, real));
      return {
        address,
        ...(port !== undefined && { port }),
        weight,
        ringWeight: member.ring.has(realKey(real)) ? rounded(weight * share(real)) : 0,
        ...(agent !== undefined && { agent }),
        health: health(real),
      };
    });
    return { service, state: member.state, up: member.up, reals };
  }
}

/** To hundredths, in which shares are. */
function rounded(weight: number): number {
  return Math.round(weight * 100) / 100;
}

/** The reals of a service, as checks reach them. */
function checkedReals({ reals, forwarding }: ServiceSpec): readonly CheckedReal[] {
  return forwarding === 'direct' ? reals.map((real) => ({ ...real, isDirect: true })) : reals;
}
