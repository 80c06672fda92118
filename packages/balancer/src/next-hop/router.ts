/** The MAC address of a device's next hop: given by an option, or learned and kept up to date. */

import { deviceIndex, EbpfError } from '@weir/ebpf';
import { addressBytes, formatAddress } from '@weir/ebpf/address';
import { NetlinkProtocol, NetlinkSocket } from '@weir/ebpf/sys';
import { macBytes } from '../address.js';
import type { InterfaceOptions } from '../options.js';
import { askForNeighbour, defaultGateway, deviceTowards, findNeighbour, type NextHop } from './neighbours.js';

/** A router that packets go to, and what is known about it. */
export interface RouterStatus {
  /** Undefined without a device: packets come from `process` or a chain. */
  readonly interface: string | undefined;
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

const pollMs = 1000;
/** How long the start waits for the router's answer. */
const firstAnswerMs = 2000;
const pauseMs = 10;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Knows the MAC address from the start; {@link follow} then checks it every second. */
export class Router implements Disposable {
  readonly #device: string | undefined;
  #onChange: (mac: string) => void = () => {};
  #mac: string;
  #state: RouterStatus['state'];
  #socket: NetlinkSocket | undefined;
  #hop: NextHop | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Waits for the router's answer for up to two seconds.
   *
   * @param device Without a name, any device.
   * @param remembered The MAC address that an earlier process knew, used if the router does not answer.
   * @throws OptionError for an invalid MAC address; EbpfError if it cannot be learned; SyscallError
   */
  constructor(device: Partial<InterfaceOptions>, remembered: string | undefined) {
    this.#device = device.name;
    if (device.routerMac !== undefined) {
      macBytes(device.routerMac);
      this.#mac = device.routerMac;
      this.#state = 'given';
      return;
    }
    this.#socket = new NetlinkSocket(NetlinkProtocol.route);
    try {
      this.#hop = findHop(this.#socket, device);
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

  /** @param onChange Receives each new MAC address, and the present one at once. */
  follow(onChange: (mac: string) => void): void {
    this.#onChange = onChange;
    onChange(this.#mac);
    if (this.#socket === undefined) return;
    this.#timer = setInterval(() => this.poll(), pollMs);
    this.#timer.unref();
  }

  get status(): RouterStatus {
    const address = this.#hop && formatAddress(this.#hop.address);
    return { interface: this.#device, address, mac: this.#mac, state: this.#state };
  }

  /** Sets another MAC address, from the next packet on; it is no longer learned. @throws OptionError */
  give(mac: string): void {
    macBytes(mac);
    this[Symbol.dispose]();
    this.#mac = mac;
    this.#state = 'given';
    this.#onChange(mac);
  }

  /** Checks now. The kernel is asked to confirm stale entries, since packets that XDP sends do not make it do so. */
  poll(): void {
    if (this.#socket === undefined || this.#hop === undefined) return;
    try {
      const found = findNeighbour(this.#socket, this.#hop);
      if (found === undefined || found.stale) askForNeighbour(this.#socket, this.#hop);
      this.#state = found === undefined ? 'lost' : 'known';
      if (found === undefined || found.mac === this.#mac) return;
      this.#mac = found.mac;
      this.#onChange(found.mac);
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
function findHop(socket: NetlinkSocket, { name, router }: Partial<InterfaceOptions>): NextHop {
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

function unknown({ name }: Partial<InterfaceOptions>, hop: NextHop): string {
  const where = name === undefined ? '' : ` on ${name}`;
  return (
    `router ${formatAddress(hop.address)}${where} does not answer, and its MAC address is not known: ` +
    'check the address, and whether the device is up, or name the next hop by its MAC address'
  );
}
