/** The next hops of all devices. */
import { type BalancerOptions, devicesOf, type InterfaceOptions } from '../options.js';
import { Router, type RouterStatus } from './router.js';

export class Routers implements Disposable {
  readonly #routers: Router[] = [];

  /**
   * @param remembered What {@link macs} said in an earlier process.
   * @param onChange is called with each MAC address and its device's place among all; with the first before this returns.
   * @throws RangeError, EbpfError, SyscallError
   */
  constructor(
    options: BalancerOptions,
    remembered: Readonly<Record<string, string>>,
    onChange: (mac: string, device: number) => void,
  ) {
    const { routerMac, router } = options;
    const devices: readonly Partial<InterfaceOptions>[] = devicesOf(options);
    const any: Partial<InterfaceOptions> = {
      ...(routerMac !== undefined && { routerMac }),
      ...(router !== undefined && { router }),
    };
    try {
      for (const [i, device] of (devices.length > 0 ? devices : [any]).entries()) {
        const known = remembered[device.name ?? ''];
        this.#routers.push(new Router(device, known, (mac) => onChange(mac, i)));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  status(): RouterStatus[] {
    return this.#routers.map(({ status }) => status);
  }

  /** MAC addresses by device, for another process. */
  macs(): Record<string, string> {
    return Object.fromEntries(this.status().map(({ interface: name = '', mac }) => [name, mac]));
  }

  /** Sets the MAC address for a device, or for all. @throws RangeError */
  give(mac: string, device: string | undefined): void {
    const meant = this.#routers.filter(({ status }) => device === undefined || status.interface === device);
    if (meant.length === 0) throw new RangeError(`${device} is no device of this balancer`);
    for (const router of meant) router.give(mac);
  }

  [Symbol.dispose](): void {
    for (const router of this.#routers.splice(0)) router[Symbol.dispose]();
  }
}
