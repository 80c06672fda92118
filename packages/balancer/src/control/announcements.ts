/** Routes and commands that follow the health of VIPs, as a configuration has them. */

import { Announcer } from '../announce/announcer.js';
import { Hook } from '../announce/hook.js';
import { VipRoutes } from '../announce/routes.js';
import { vipOf } from '../config/convert.js';
import type { Config } from '../config/schema.js';
import type { ServiceHealth } from '../health/checked-services.js';
import { type Service, serviceName } from '../service.js';

export interface AnnouncementsHost {
  config(): Config;
  health(): readonly ServiceHealth[];
  log(line: string): void;
}

export class Announcements implements Disposable {
  readonly #host: AnnouncementsHost;
  readonly #routes: VipRoutes | undefined;
  readonly #announcer: Announcer;
  /** By command, each of which runs for its VIPs. */
  readonly #hooks = new Map<string, Hook>();
  /** By VIP: one that is removed is told by the command that it had. */
  readonly #commands = new Map<string, Config['onChange']>();

  /** @throws OptionError, SyscallError */
  constructor(config: Config, host: AnnouncementsHost) {
    this.#host = host;
    this.#routes = config.routes === undefined ? undefined : new VipRoutes(config.routes);
    this.#announcer = new Announcer({
      ...(this.#routes !== undefined && { routes: this.#routes }),
      hookOf: (service) => this.#hookOf(service),
    });
  }

  /** Follows a VIP's change. */
  follow(changed: ServiceHealth): void {
    this.#tried(() => this.#announcer.follow(changed, this.#host.health()));
  }

  /** After VIPs came or went. */
  reconcile(): void {
    this.#tried(() => this.#announcer.reconcile(this.#host.health()));
  }

  /** Nothing is served any more. */
  async withdraw(): Promise<void> {
    try {
      await this.#announcer.withdraw(this.#host.health());
    } catch (error) {
      this.#host.log((error as Error).message);
    }
  }

  /** Leaves routes as they are. */
  [Symbol.dispose](): void {
    this.#routes?.[Symbol.dispose]();
  }

  /** What cannot be announced is no reason to stop balancing. */
  #tried(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#host.log((error as Error).message);
    }
  }

  #hookOf(service: Service): Hook | undefined {
    const config = this.#host.config();
    const name = serviceName(service);
    const vip = vipOf(config, service);
    const command = vip === undefined ? this.#commands.get(name) : (vip.onChange ?? config.onChange);
    if (vip === undefined) this.#commands.delete(name);
    else this.#commands.set(name, command);
    if (command === undefined) return undefined;
    const key = JSON.stringify(command);
    let hook = this.#hooks.get(key);
    if (hook === undefined) {
      hook = new Hook({ command, onFailure: (message) => this.#host.log(message) });
      this.#hooks.set(key, hook);
    }
    return hook;
  }
}
