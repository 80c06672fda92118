/** The next hops of all devices. */
import { OptionError } from '@weir/ebpf';
import type { InterfaceOptions } from '../options.js';
import type { BalancerSettings } from '../settings.js';
import { Router, type RouterHop, type RouterStatus } from './router.js';

export class Routers implements Disposable {
  readonly #routers: Router[] = [];

  /**
   * @param remembered The MAC addresses of {@link macs} in an earlier process.
   * @throws OptionError, EbpfError, SyscallError
   */
  constructor(
    { devices, nextHop }: Pick<BalancerSettings, 'devices' | 'nextHop'>,
    remembered: Readonly<Record<string, string>>,
  ) {
    const places: readonly Partial<InterfaceOptions>[] = devices.length > 0 ? devices : [nextHop];
    try {
      for (const device of places) {
        this.#routers.push(new Router(device, remembered[device.name ?? '']));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** @param onChange Receives each new next hop with its device's index, and the present ones at once. */
  follow(onChange: (hop: RouterHop, device: number) => void): void {
    for (const [i, router] of this.#routers.entries()) router.follow((hop) => onChange(hop, i));
  }

  status(): RouterStatus[] {
    return this.#routers.map(({ status }) => status);
  }

  /** MAC addresses by device, to be saved for the next process. */
  macs(): Record<string, string> {
    return Object.fromEntries(this.status().map(({ interface: name = '', mac }) => [name, mac]));
  }

  /** Sets the MAC address for a device, or for all. @throws OptionError */
  give(mac: string, device: string | undefined): void {
    const meant = this.#routers.filter(({ status }) => device === undefined || status.interface === device);
    if (meant.length === 0) throw new OptionError(`${device} is not a device of this balancer`);
    for (const router of meant) router.give(mac);
  }

  [Symbol.dispose](): void {
    for (const router of this.#routers.splice(0)) router[Symbol.dispose]();
  }
}
