/** Announces the VIPs that can be served: by routes, by a command, or both. */

import type { ServiceHealth } from '../health/checked-services.js';
import type { Service } from '../service.js';
import type { Hook } from './hook.js';
import type { VipRoutes } from './routes.js';

/** Options of {@link Announcer}. */
export interface AnnouncerOptions {
  /** Default: no routes. */
  readonly routes?: VipRoutes;
  /** The command of a service, if it has one. */
  readonly hookOf?: (service: Service) => Hook | undefined;
}

/** A service and its state, which is all that a route depends on. */
export type AnnouncedService = Pick<ServiceHealth, 'service' | 'state'>;

/**
 * A VIP has a route while one of its services is up. While the state of its services is unknown, its route stays as an
 * earlier process left it.
 */
export class Announcer {
  readonly #routes: VipRoutes | undefined;
  readonly #hookOf: (service: Service) => Hook | undefined;

  /** Makes an announcer that announces nothing yet. */
  constructor({ routes, hookOf = () => undefined }: AnnouncerOptions) {
    this.#routes = routes;
    this.#hookOf = hookOf;
  }

  /**
   * Follows a change of a service's state.
   *
   * @param all All services, including this one.
   * @throws SyscallError
   */
  follow(changed: ServiceHealth, all: readonly AnnouncedService[]): void {
    if (changed.state === 'unknown') return;
    this.#route(changed.service.address, all);
    this.#hookOf(changed.service)?.report(changed);
  }

  /** Sets the routes anew after services were added or removed. @throws SyscallError */
  reconcile(all: readonly AnnouncedService[]): void {
    this.#routes?.keepOnly(all.map(({ service }) => service.address));
    for (const address of new Set(all.map(({ service }) => service.address))) this.#route(address, all);
  }

  /** Removes the routes, reports the services that are up as down, and waits for the commands. @throws SyscallError */
  async withdraw(all: readonly ServiceHealth[]): Promise<void> {
    this.#routes?.keepOnly([]);
    const up = all.filter(({ state }) => state === 'up');
    const hooks = up.map((health) => {
      const hook = this.#hookOf(health.service);
      hook?.report({ ...health, state: 'down', up: 0 });
      return hook?.idle();
    });
    await Promise.all(hooks);
  }

  #route(address: string, all: readonly AnnouncedService[]): void {
    const states = all.filter(({ service }) => service.address === address).map(({ state }) => state);
    if (states.includes('up')) this.#routes?.set(address, true);
    else if (!states.includes('unknown')) this.#routes?.set(address, false);
  }
}
