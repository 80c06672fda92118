/** The checks of services' reals. */
import { OptionError } from '@weir/ebpf';
import { realKey, type Service, type ServiceReal, serviceName } from '../service.js';
import { completeCheck, type HealthCheck } from './check.js';
import { type Clock, realClock } from './clock.js';
import type { Condition } from './health-state.js';
import type { ProbeMarks } from './marks.js';
import { Monitor, type RealHealth } from './monitor.js';
import { probe as realProbe } from './probe-real.js';
import type { Probe, ProbeTarget } from './probe-target.js';
import { Schedule } from './schedule.js';

/** A real's condition in a service has changed. */
export interface HealthChange {
  readonly service: Service;
  /** The real's address. */
  readonly real: string;
  /** The real's port, where it is not the service's. */
  readonly port?: number;
  readonly before: Condition;
  readonly condition: Condition;
  /** The check's finding, in a few words of plain ASCII. */
  readonly reason: string;
  readonly time: Date;
}

/** A real's certificate expires soon, or has expired. */
export interface CertificateExpiry {
  readonly service: Service;
  /** The real's address. */
  readonly real: string;
  /** The real's port, where it is not the service's. */
  readonly port?: number;
  readonly expires: Date;
}

export interface HealthCheckerOptions {
  readonly onChange: (change: HealthChange) => void;
  /** Called once for each certificate that expires within the check's `warnExpiry`, or has expired. */
  readonly onExpiry?: (expiry: CertificateExpiry) => void;
  /** Socket marks for checks with `tunnel`, which are refused without. */
  readonly marks?: ProbeMarks;
  /** Returns the condition that an earlier control plane knew of a real. Default: unknown. */
  readonly initial?: (service: Service, real: RealPlace) => Condition;
  /** The most checks that run at a time; others wait. Default 1000. */
  readonly maxRunning?: number;
  /** Checks a real. Default: over the network. */
  readonly probe?: Probe;
  /** Default: the process's own clock. */
  readonly clock?: Clock;
  /** Returns random numbers from 0 to 1. Default: Math.random. */
  readonly random?: () => number;
}

/** A real of a service: another port on the same address is another real. */
export type RealPlace = Pick<ServiceReal, 'address' | 'port'>;

/** A real to be checked. */
export interface CheckedReal {
  readonly address: string;
  /** The port on which it listens. Default: the service's port. */
  readonly port?: number;
  /** Whether it is this host, to which no tunnel leads. */
  readonly local?: boolean;
  /** Whether clients' packets reach it without a tunnel, by its MAC address. Default false. */
  readonly isDirect?: boolean;
}

interface Checked {
  readonly service: Service;
  /** Reals and their monitors, by the reals' keys. */
  readonly monitors: ReadonlyMap<string, { readonly real: RealPlace; readonly shared: Shared }>;
}

/** A monitor that services with the same real and the same check share. */
interface Shared {
  readonly key: string;
  readonly monitor: Monitor;
  readonly users: Set<string>;
}

/** Checks reals until it is disposed of. Services with the same real and the same check share the checks. */
export class HealthChecker implements Disposable {
  readonly #options: HealthCheckerOptions;
  readonly #schedule: Schedule;
  readonly #services = new Map<string, Checked>();
  readonly #shared = new Map<string, Shared>();

  constructor(options: HealthCheckerOptions) {
    this.#options = options;
    this.#schedule = new Schedule(options);
  }

  /** The times of checks, which other questions to reals can share. */
  get schedule(): Schedule {
    return this.#schedule;
  }

  /**
   * Checks these reals of a service from now on, instead of earlier ones. Reals that were checked before keep their
   * conditions.
   *
   * @throws OptionError for a check that makes no sense; nothing is changed then.
   */
  set(service: Service, reals: readonly CheckedReal[], check: HealthCheck): void {
    const name = serviceName(service);
    const targets = this.targets(service, reals, check);
    const before = this.#services.get(name);
    const checked = reals.map((real, index) => ({
      real,
      shared: this.#share(service, name, real, targets[index]!),
    }));
    this.#services.set(name, {
      service,
      monitors: new Map(checked.map((each) => [realKey(each.real), each])),
    });
    const kept = new Set(checked.map(({ shared }) => shared));
    for (const shared of sharedBy(before)) if (!kept.has(shared)) this.#leave(shared, name);
  }

  /** Ends a service's checks. */
  remove(service: Service): void {
    const name = serviceName(service);
    const checked = this.#services.get(name);
    if (checked === undefined) return;
    this.#services.delete(name);
    for (const shared of sharedBy(checked)) this.#leave(shared, name);
  }

  /** Returns a function from a real to its health, which is undefined for reals that are not checked. */
  health(service: Service): (real: RealPlace) => RealHealth | undefined {
    const monitors = this.#services.get(serviceName(service))?.monitors;
    return (real) => monitors?.get(realKey(real))?.shared.monitor.health;
  }

  /** Number of checks that are due and wait for others to end. */
  get waiting(): number {
    return this.#schedule.waiting;
  }

  [Symbol.dispose](): void {
    for (const { monitor } of this.#shared.values()) monitor[Symbol.dispose]();
    this.#schedule[Symbol.dispose]();
  }

  /** The checks that {@link set} would make. @throws OptionError for a check that makes no sense. */
  targets(service: Service, reals: readonly CheckedReal[], check: HealthCheck): ProbeTarget[] {
    return reals.map((real) => this.#target(service, real, check));
  }

  #target(
    service: Service,
    { address, port = service.port, local = false, isDirect = false }: CheckedReal,
    check: HealthCheck,
  ): ProbeTarget {
    const complete = completeCheck(service, port, check);
    if (complete.vip === undefined) return { address, check: complete, mark: undefined };
    if (local) return { address, check: { ...complete, vip: undefined }, mark: undefined };
    const { marks } = this.#options;
    if (marks === undefined) throw new OptionError('tunnel: checks through the tunnel need the option marks');
    const mark = marks.of(address, isDirect);
    return { address, check: complete, mark, ...(isDirect && { isDirect }) };
  }

  /** A probe whose mark leads to where the real is at that moment. */
  #pointed(probe: Probe): Probe {
    return async (target) => {
      try {
        this.#options.marks?.point(target.address);
      } catch (error) {
        return { ok: false, reason: (error as Error).message };
      }
      return await probe(target);
    };
  }

  #share(service: Service, name: string, real: RealPlace, target: ProbeTarget): Shared {
    const key = JSON.stringify(target);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      const { initial, clock = realClock, probe = realProbe } = this.#options;
      const users = new Set<string>();
      const monitor = new Monitor({
        target,
        probe: target.isDirect === true ? this.#pointed(probe) : probe,
        clock,
        schedule: this.#schedule,
        initial: this.health(service)(real)?.condition ?? initial?.(service, real) ?? 'unknown',
        onChange: (before) => this.#report(key, users, before),
        onExpiry: (expires) => this.#reportExpiry(key, users, expires),
      });
      shared = { key, monitor, users };
      this.#shared.set(key, shared);
    }
    shared.users.add(name);
    return shared;
  }

  #leave(shared: Shared, name: string): void {
    shared.users.delete(name);
    if (shared.users.size > 0) return;
    shared.monitor[Symbol.dispose]();
    this.#shared.delete(shared.key);
    const { address } = shared.monitor.health;
    for (const isDirect of [false, true]) {
      if (!shared.monitor.isMarked(address, isDirect)) continue;
      const isMarked = [...this.#shared.values()].some(({ monitor }) => monitor.isMarked(address, isDirect));
      if (!isMarked) this.#options.marks?.release(address, isDirect);
    }
  }

  #report(key: string, users: ReadonlySet<string>, before: Condition): void {
    for (const { service, real, monitor } of this.#sharing(key, users)) {
      const { condition, reason = '', checked: time } = monitor.health;
      if (time === undefined) continue;
      this.#options.onChange({ service, ...placeOf(real), before, condition, reason, time });
    }
  }

  #reportExpiry(key: string, users: ReadonlySet<string>, expires: Date): void {
    for (const { service, real } of this.#sharing(key, users))
      this.#options.onExpiry?.({ service, ...placeOf(real), expires });
  }

  /** Services and reals that share a monitor. */
  #sharing(key: string, users: ReadonlySet<string>) {
    return [...users].flatMap((name) => {
      const checked = this.#services.get(name);
      if (checked === undefined) return [];
      return [...checked.monitors.values()]
        .filter(({ shared }) => shared.key === key)
        .map(({ real, shared: { monitor } }) => ({ service: checked.service, real, monitor }));
    });
  }
}

function placeOf({ address, port }: RealPlace): { readonly real: string; readonly port?: number } {
  return { real: address, ...(port !== undefined && { port }) };
}

function sharedBy(checked: Checked | undefined): Set<Shared> {
  return new Set([...(checked?.monitors.values() ?? [])].map(({ shared }) => shared));
}
