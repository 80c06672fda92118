/** The MAC address of a device's next hop: given by an option, or learned and kept up to date. */

import { deviceIndex, EbpfError } from '@weir/ebpf';
import { addressBytes, formatAddress } from '@weir/ebpf/address';
import { NetlinkProtocol, NetlinkSocket } from '@weir/ebpf/sys';
import { macBytes } from '../address.js';
import type { InterfaceOptions } from '../options.js';
import { type ExitDevice, exitDevice } from './exit-device.js';
import { askForNeighbour, defaultGateway, deviceTowards, findNeighbour, type NextHop } from './neighbours.js';

/** A router that packets go to, and what is known about it. */
export interface RouterStatus {
  /** Undefined without a device: packets come from `process` or a chain. */
  readonly interface: string | undefined;
  /** The device by which packets leave for the router, if it is another one. */
  readonly routerInterface?: string;
  /** The router's IP address; undefined if its MAC address was given. */
  readonly address: string | undefined;
  /** The MAC address to which packets are sent. */
  readonly mac: string;
  /**
   * `given`: an option names it. `known`: the kernel knows it. `lost`: the router does not answer; packets go to its last
   * known address.
   */
  readonly state: 'given' | 'known' | 'lost';
}

/** Where packets go. */
export interface RouterHop {
  readonly mac: string;
  /** The device by which they leave, if it is another than that by which they came in. */
  readonly exit: ExitDevice | undefined;
}

const pollMs = 1000;
/** How long the start waits for the router's answer. */
const firstAnswerMs = 2000;
const pauseMs = 10;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Knows the MAC address from the start; {@link follow} then checks it every second. */
export class Router implements Disposable {
  readonly #device: string | undefined;
  readonly #exitName: string | undefined;
  #onChange: (hop: RouterHop) => void = () => {};
  #mac: string;
  #exit: ExitDevice | undefined;
  #state: RouterStatus['state'];
  #socket: NetlinkSocket | undefined;
  #hop: NextHop | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Waits for the router's answer for up to two seconds.
   *
   * @param device Without a name, any device.
   * @param remembered The MAC address that an earlier process knew, used if the router does not answer.
   * @throws OptionError for an invalid MAC address; EbpfError if it cannot be learned, or if there is no such device; SyscallError
   */
  constructor(device: Partial<InterfaceOptions>, remembered: string | undefined) {
    this.#device = device.name;
    this.#exitName = device.routerInterface;
    const isGiven = device.routerMac !== undefined;
    if (isGiven) macBytes(device.routerMac);
    if (!isGiven || this.#exitName !== undefined) this.#socket = new NetlinkSocket(NetlinkProtocol.route);
    try {
      if (this.#exitName !== undefined) this.#exit = exitDevice(this.#socket!, this.#exitName);
      if (isGiven) {
        this.#mac = device.routerMac;
        this.#state = 'given';
        return;
      }
      this.#hop = findHop(this.#socket!, device);
      const learned = this.#learn();
      const mac = learned ?? remembered;
      if (mac === undefined) throw new EbpfError(unknown(device, this.#hop));
      this.#mac = mac;
      this.#state = learned === undefined ? 'lost' : 'known';
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** @param onChange Receives each new next hop, and the present one at once. */
  follow(onChange: (hop: RouterHop) => void): void {
    this.#onChange = onChange;
    this.#report();
    if (this.#socket === undefined) return;
    this.#timer = setInterval(() => this.poll(), pollMs);
    this.#timer.unref();
  }

  get status(): RouterStatus {
    return {
      interface: this.#device,
      ...(this.#exitName !== undefined && { routerInterface: this.#exitName }),
      address: this.#hop && formatAddress(this.#hop.address),
      mac: this.#mac,
      state: this.#state,
    };
  }

  /** Sets another MAC address, from the next packet on; it is no longer learned. @throws OptionError */
  give(mac: string): void {
    macBytes(mac);
    if (this.#exitName === undefined) this[Symbol.dispose]();
    this.#hop = undefined;
    this.#mac = mac;
    this.#state = 'given';
    this.#report();
  }

  /** Checks now. The kernel is asked to confirm stale entries, since packets that XDP sends do not make it do so. */
  poll(): void {
    if (this.#socket === undefined) return;
    try {
      this.#lookAtExit(this.#socket);
      if (this.#hop === undefined) {
        this.#state = 'given';
        return;
      }
      const found = findNeighbour(this.#socket, this.#hop);
      if (found === undefined || found.stale) askForNeighbour(this.#socket, this.#hop);
      this.#state = found === undefined ? 'lost' : 'known';
      if (found === undefined || found.mac === this.#mac) return;
      this.#mac = found.mac;
      this.#report();
    } catch {
      // The device is down or gone.
      this.#state = 'lost';
    }
  }

  /** Stops following. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
    this.#hop = undefined;
  }

  #report(): void {
    this.#onChange({ mac: this.#mac, exit: this.#exit });
  }

  /** A device that was made again has another number, perhaps another MAC address. @throws SyscallError if it is gone. */
  #lookAtExit(socket: NetlinkSocket): void {
    if (this.#exitName === undefined) return;
    const exit = exitDevice(socket, this.#exitName);
    if (exit.ifindex === this.#exit?.ifindex && exit.mac === this.#exit.mac) return;
    this.#exit = exit;
    if (this.#hop !== undefined) this.#hop = { ...this.#hop, ifindex: exit.ifindex };
    this.#report();
  }

  #learn(): string | undefined {
    const deadline = Date.now() + firstAnswerMs;
    for (let asked = false; ; asked = true) {
      const found = findNeighbour(this.#socket!, this.#hop!);
      if (found !== undefined) return found.mac;
      if (!asked) askForNeighbour(this.#socket!, this.#hop!);
      if (Date.now() > deadline) return undefined;
      Atomics.wait(pause, 0, 0, pauseMs);
    }
  }
}

/** @throws EbpfError if there is no next hop. */
function findHop(socket: NetlinkSocket, device: Partial<InterfaceOptions>): NextHop {
  const { router } = device;
  const name = device.routerInterface ?? device.name;
  const ifindex = name === undefined ? undefined : deviceIndex(name);
  if (router !== undefined) {
    const device = ifindex ?? deviceTowards(socket, router);
    if (device !== undefined) return { ifindex: device, address: addressBytes(router) };
  }
  const hop = defaultGateway(socket, ifindex);
  if (hop !== undefined) return hop;
  const subject = name === undefined ? 'this host has' : `${name} has`;
  throw new EbpfError(
    `${subject} no default gateway: name the next hop by its IP or MAC address (router: ADDRESS)`,
  );
}

function unknown({ name, routerInterface = name }: Partial<InterfaceOptions>, hop: NextHop): string {
  const where = routerInterface === undefined ? '' : ` on ${routerInterface}`;
  return (
    `router ${formatAddress(hop.address)}${where} does not answer, and its MAC address is not known: ` +
    'check the address, and whether the device is up, name the device that leads to it (routerInterface), ' +
    'or name the next hop by its MAC address'
  );
}
