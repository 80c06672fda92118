/** What a balancer is to do, and how it comes to do it: a configuration, and reals that were drained by hand. */

import { canonicalAddress } from '../address.js';
import type { Balancer } from '../balancer.js';
import { serviceOf, specOf } from '../config/convert.js';
import { type Change, type Difference, diff, inverse } from '../config/diff.js';
import type { CheckConfig, Config, RealConfig, VipConfig } from '../config/schema.js';
import { type Service, type ServiceSpec, serviceName } from '../service.js';
import { findReal, findVip, RequestError } from './names.js';

/** A service with what its health is known by. */
export interface WantedService {
  readonly service: Service;
  readonly spec: ServiceSpec;
  readonly check?: CheckConfig | undefined;
}

/** What is controlled. */
export interface Controlled {
  readonly services: {
    /** Sets all of them or, if one is refused, none. */
    set(services: readonly WantedService[]): void;
    remove(service: Service): boolean;
  };
  readonly tables: Pick<Balancer, 'setServerId' | 'setSourceRoute' | 'setGlobalFlow' | 'setTunnelEnd'>;
  /** The next hop is another one; both are MAC addresses. */
  setRouter(mac: string): void;
}

/** A real that gets no new flows of a VIP until it is told otherwise. */
export interface Drain {
  readonly service: Service;
  readonly real: string;
  /** Where it is not the service's. */
  readonly port?: number;
}

/** The same balancer without anything in its tables. */
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

export class Controller {
  readonly #controlled: Controlled;
  #config: Config;
  readonly #drains = new Map<string, Drain>();

  /**
   * Makes a balancer do what a configuration says. What was done before something is refused stays: the balancer is one
   * that nobody uses yet, or its owner puts it back.
   *
   * @param before what it does already, but for its VIPs. Default: nothing.
   * @param drains those of reals that are not there any more are forgotten.
   * @throws OptionError, EbpfError
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

  get config(): Config {
    return this.#config;
  }

  get drains(): readonly Drain[] {
    return [...this.#drains.values()];
  }

  isDrained(vip: VipConfig, real: RealConfig): boolean {
    return this.#drains.has(drainKey(vip, real.address, real.port));
  }

  /**
   * Goes over to another configuration by what is different. If a change is refused, those before it are undone.
   *
   * @throws RequestError for what cannot change while the balancer runs; OptionError, EbpfError
   */
  apply(config: Config): Difference {
    const difference = diff(this.#config, config);
    const { fixed, changes } = difference;
    if (fixed.length > 0) {
      throw new RequestError(
        `cannot change while it runs: ${fixed.join(', ')}; stop it with --keep-forwarding and run it anew`,
      );
    }
    this.#makeAll(changes);
    this.#config = config;
    this.#forgetDrains();
    return difference;
  }

  /** Lets a real get no new flows of a VIP, or again. @returns what was named. @throws RequestError */
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

  /** One change, or several VIPs that are set. */
  #make(step: readonly Change[]): void {
    const { services, tables } = this.#controlled;
    const wanted = step.flatMap((change) =>
      change.kind === 'vip' && change.after !== undefined ? [this.#wanted(change.after)] : [],
    );
    if (wanted.length > 0) services.set(wanted);
    for (const change of step) {
      switch (change.kind) {
        case 'vip':
          if (change.after === undefined) services.remove(serviceOf(change.before!));
          break;
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
        case 'onChange':
        case 'metrics':
          // Not the balancer's own.
          break;
      }
    }
  }

  #wanted(vip: VipConfig): WantedService {
    const weight = (real: RealConfig) => (this.isDrained(vip, real) ? 0 : real.weight);
    return { service: serviceOf(vip), spec: specOf(vip, weight), check: vip.check };
  }

  /** A real that comes back some day comes back with its own weight. */
  #forgetDrains(): void {
    const there = new Set(
      this.#config.vips.flatMap((vip) => vip.reals.map(({ address, port }) => drainKey(vip, address, port))),
    );
    for (const key of this.#drains.keys()) if (!there.has(key)) this.#drains.delete(key);
  }
}

function drainKey(service: Service, real: string, port = 0): string {
  return `${serviceName(service)} ${canonicalAddress(real)} ${port}`;
}

/** VIPs that are set are set together, so that all of them are judged before the first is changed. */
function steps(changes: readonly Change[]): Change[][] {
  const result: Change[][] = [];
  for (const change of changes) {
    const last = result.at(-1);
    if (last !== undefined && isSet(change) && isSet(last[0]!)) last.push(change);
    else result.push([change]);
  }
  return result;
}

function isSet({ kind, after }: Change): boolean {
  return kind === 'vip' && after !== undefined;
}
