/** Routes and commands of a configuration, which follow the health of VIPs. */

import { type AnnouncedService, Announcer } from '../announce/announcer.js';
import { Hook } from '../announce/hook.js';
import { VipRoutes } from '../announce/routes.js';
import { vipOf } from '../config/convert.js';
import type { Config } from '../config/schema.js';
import type { ServiceHealth } from '../health/checked-services.js';
import { type Service, serviceName } from '../service.js';

export interface AnnouncementsHost {
  config(): Config;
  health(): readonly ServiceHealth[];
  states(): readonly AnnouncedService[];
  log(line: string): void;
}

export class Announcements implements Disposable {
  readonly #host: AnnouncementsHost;
  readonly #routes: VipRoutes | undefined;
  readonly #announcer: Announcer;
  /** Hooks by command. */
  readonly #hooks = new Map<string, Hook>();
  /** Commands by VIP, so that the removal of a VIP runs the command that it had. */
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

  /** Follows a change of a VIP's state. */
  follow(changed: ServiceHealth): void {
    this.#logErrors(() => this.#announcer.follow(changed, this.#host.states()));
  }

  /** Sets routes anew after VIPs were added or removed. */
  reconcile(): void {
    this.#logErrors(() => this.#announcer.reconcile(this.#host.states()));
  }

  /** Announces that no VIP is served any more. */
  async withdraw(): Promise<void> {
    try {
      await this.#announcer.withdraw(this.#host.health());
    } catch (error) {
      this.#host.log((error as Error).message);
    }
  }

  /** Closes the socket; routes stay. */
  [Symbol.dispose](): void {
    this.#routes?.[Symbol.dispose]();
  }

  /** Logs errors of announcements, since balancing goes on without them. */
  #logErrors(action: () => void): void {
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
