/** Keeps a balancer in the state that a configuration and reals drained by hand describe. */

import type { Balancer } from '../balancer.js';
import { serviceOf, specOf } from '../config/convert.js';
import { type Change, type Difference, diff, inverse } from '../config/diff.js';
import type { CheckConfig, Config, RealConfig, VipConfig } from '../config/schema.js';
import { realKey, type Service, type ServiceSpec, serviceName } from '../service.js';
import { findReal, findVip, RequestError } from './names.js';
import { restartAdvice } from './restart-advice.js';

/** A service with its health check. */
export interface WantedService {
  readonly service: Service;
  readonly spec: ServiceSpec;
  readonly check?: CheckConfig | undefined;
  readonly agent?: VipConfig['agent'] | undefined;
}

/** The parts of a balancer that a controller changes. */
export interface Controlled {
  readonly services: {
    /** Sets all services, or none if one is refused. */
    set(services: readonly WantedService[]): void;
    /** Removes those of the services that there are, and returns their number. */
    remove(services: readonly Service[]): number;
  };
  readonly tables: Pick<Balancer, 'setServerId' | 'setSourceRoute' | 'setGlobalFlow' | 'setTunnelEnd'>;
  /** Replaces the next hop by another one; both are MAC addresses. */
  setRouter(mac: string): void;
}

/** A real that was drained by hand: it gets no new flows of a VIP until it is undrained. */
export interface Drain {
  readonly service: Service;
  readonly real: string;
  /** The real's port, where it is not the service's. */
  readonly port?: number;
}

/** The configuration without entries of tables. */
function empty(config: Config): Config {
  return {
    ...config,
    vips: [],
    serverIds: [],
    sourceRoutes: [],
    tunnelEnds: [],
    globalFlows: [],
  };
}

/** Makes a balancer follow a configuration. It starts no process and reads no file. */
export class Controller {
  readonly #controlled: Controlled;
  #config: Config;
  readonly #drains = new Map<string, Drain>();

  /**
   * Applies a configuration. If a change is refused, earlier ones stay: nobody uses the balancer yet, or its
   * owner restores it.
   *
   * @param before The balancer's present configuration; its VIPs do not count. Default: empty tables.
   * @param drains Reals that were drained by hand. Reals that are no longer configured are forgotten.
   * @throws OptionError for a change that the balancer refuses; EbpfError for one that the kernel refuses
   */
  constructor(
    controlled: Controlled,
    config: Config,
    before: Config = empty(config),
    drains: readonly Drain[] = [],
  ) {
    this.#controlled = controlled;
    this.#config = config;
    for (const drain of drains) this.#drains.set(drainKey(drain.service, drain.real, drain.port), drain);
    this.#forgetDrains();
    for (const step of steps(diff({ ...before, vips: [] }, config).changes)) this.#make(step);
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  /** The reals that are drained by hand. */
  get drains(): readonly Drain[] {
    return [...this.#drains.values()];
  }

  /** Whether a real of a VIP is drained by hand. */
  isDrained(vip: VipConfig, real: RealConfig): boolean {
    return this.#drains.has(drainKey(vip, real.address, real.port));
  }

  /**
   * Applies the differences to another configuration. If a change is refused, the earlier ones are undone.
   *
   * @throws RequestError for a change that a running balancer cannot make; OptionError, EbpfError
   */
  apply(config: Config): Difference {
    const difference = diff(this.#config, config);
    const { fixed, changes } = difference;
    if (fixed.length > 0) {
      throw new RequestError(restartAdvice(this.#config, config, fixed));
    }
    this.#makeAll(changes);
    this.#config = config;
    this.#forgetDrains();
    return difference;
  }

  /** Drains a real of a VIP, or undrains it. @returns The VIP and the real. @throws RequestError */
  drain(vipText: string, realText: string, drained: boolean): { vip: VipConfig; real: RealConfig } {
    const vip = findVip(this.#config, vipText);
    const real = findReal(vip, realText);
    const { address, port } = real;
    const key = drainKey(vip, address, port);
    const before = this.#drains.get(key);
    const drain = { service: serviceOf(vip), real: address, ...(port !== undefined && { port }) };
    if (drained) this.#drains.set(key, drain);
    else this.#drains.delete(key);
    try {
      if (drained !== (before !== undefined)) this.#controlled.services.set([this.#wanted(vip)]);
    } catch (error) {
      if (before === undefined) this.#drains.delete(key);
      else this.#drains.set(key, before);
      throw error;
    }
    return { vip, real };
  }

  #makeAll(changes: readonly Change[]): void {
    const made: Change[] = [];
    try {
      for (const step of steps(changes)) {
        this.#make(step);
        made.push(...step);
      }
    } catch (error) {
      for (const step of steps(made.toReversed().map(inverse))) this.#make(step);
      throw error;
    }
  }

  /** Makes one change, or sets or removes several VIPs. */
  #make(step: readonly Change[]): void {
    const { services, tables } = this.#controlled;
    const wanted = step.flatMap((change) =>
      change.kind === 'vip' && isServed(change.after) ? [this.#wanted(change.after)] : [],
    );
    if (wanted.length > 0) services.set(wanted);
    const gone = step.flatMap((change) =>
      change.kind === 'vip' && !isServed(change.after) ? [serviceOf((change.after ?? change.before)!)] : [],
    );
    if (gone.length > 0) services.remove(gone);
    for (const change of step) {
      switch (change.kind) {
        case 'router':
          this.#controlled.setRouter(change.after!);
          break;
        case 'serverId':
          tables.setServerId(change.id, change.after);
          break;
        case 'sourceRoute':
          tables.setSourceRoute(change.prefix, change.after);
          break;
        case 'tunnelEnd':
          tables.setTunnelEnd(change.address, change.after === true);
          break;
        case 'globalFlow':
          tables.setGlobalFlow(change.flow, change.after);
          break;
        case 'vip':
          break;
        case 'onChange':
        case 'metrics':
          // These do not concern the balancer itself.
          break;
      }
    }
  }

  #wanted(vip: VipConfig): WantedService {
    const hasDrains = this.#drains.size > 0;
    const weight = (real: RealConfig) => (hasDrains && this.isDrained(vip, real) ? 0 : real.weight);
    return { service: serviceOf(vip), spec: specOf(vip, weight), check: vip.check, agent: vip.agent };
  }

  /** Forgets drained reals that are no longer configured: if they return, they have their own weights. */
  #forgetDrains(): void {
    if (this.#drains.size === 0) return;
    const there = new Set(
      this.#config.vips.flatMap((vip) => vip.reals.map(({ address, port }) => drainKey(vip, address, port))),
    );
    for (const key of this.#drains.keys()) if (!there.has(key)) this.#drains.delete(key);
  }
}

function drainKey(service: Service, address: string, port = 0): string {
  return `${serviceName(service)} ${realKey({ address, port })}`;
}

/** Groups consecutive changes that set VIPs, so that all are checked before the first is made, and those that remove VIPs. */
function steps(changes: readonly Change[]): Change[][] {
  const result: Change[][] = [];
  for (const change of changes) {
    const last = result.at(-1);
    if (last !== undefined && isOneStep(last[0]!, change)) last.push(change);
    else result.push([change]);
  }
  return result;
}

function isOneStep(one: Change, other: Change): boolean {
  return one.kind === 'vip' && other.kind === 'vip' && isSet(one) === isSet(other);
}

function isSet(change: Change): boolean {
  return change.kind === 'vip' && isServed(change.after);
}

/** A VIP whose source has not named a real yet is not served. */
function isServed(vip: VipConfig | undefined): vip is VipConfig {
  return vip !== undefined && vip.reals.length > 0;
}
