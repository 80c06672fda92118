/** The MAC addresses of reals to which packets go directly, learned from the host and kept up to date. */
import { networkInterfaces } from 'node:os';
import { type ArrayMap, deviceIndex } from '@weir/ebpf';
import { addressBytes, canonicalAddress } from '@weir/ebpf/address';
import { deviceName, NetlinkProtocol, NetlinkSocket } from '@weir/ebpf/sys';
import { macBytes } from '../address.js';
import { encode } from '../datapath/encode.js';
import type { KnownReal } from '../datapath/real-registry.js';
import { offsetsDirectHop, sizeofDirectHop, writeDirectHop } from '../generated/balancer.js';
import {
  askForNeighbour,
  deviceTowards,
  listNeighbours,
  type Neighbours,
  type NextHop,
} from './neighbours.js';

/** A real to which packets go directly, and what is known about its place. */
export interface DirectRealStatus {
  readonly address: string;
  /**
   * `known`: packets go to its MAC address. `lost`: it no longer answers; packets go to its last known address. `unknown`:
   * packets to it are dropped, since no device of this host leads to its network, or it does not answer.
   */
  readonly state: 'known' | 'lost' | 'unknown';
  /** The device by which packets to it leave, where that is known. */
  readonly interface?: string;
}

/** Where packets to a real leave, and under which MAC addresses. */
export interface DirectPlace {
  readonly ifindex: number;
  /** Destination and source, 12 bytes. */
  readonly macs: Uint8Array;
}

const pollMs = 1000;
/** The first pause while an answer is awaited; it doubles each time. */
const firstPauseMs = 10;

/** Writes the program's table. Entries outlive the process, so that a pinned balancer forwards on. */
export class DirectReals implements Disposable {
  readonly #map: ArrayMap;
  readonly #wanted: () => readonly KnownReal[];
  /** Entries of the table, by number of the real. */
  readonly #written = new Map<number, Buffer>();
  readonly #lost = new Set<number>();
  #socket: NetlinkSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  #pauseMs = pollMs;

  /**
   * @param map The program's table.
   * @param isKept Whether it has the entries of an earlier process.
   * @param wanted Returns the reals to which packets go directly now.
   */
  constructor(map: ArrayMap, isKept: boolean, wanted: () => readonly KnownReal[]) {
    this.#map = map;
    this.#wanted = wanted;
    for (let number = 0; isKept && number < map.maxEntries; number++) {
      const entry = Buffer.from(map.get(number)!);
      if (entry.readUInt32LE(offsetsDirectHop.interface) !== 0) this.#written.set(number, entry);
    }
  }

  /** Looks for all reals, those of an earlier process as well. */
  open(): void {
    this.update();
    if (this.#written.size > 0) this.#poll();
  }

  /** Must be called after each change of services. Looks for new reals now, and for the known ones at the next second. */
  update(): void {
    const reals = this.#wanted();
    const numbers = new Set(reals.map(({ number }) => number));
    for (const number of [...this.#written.keys()]) if (!numbers.has(number)) this.#clear(number);
    for (const number of [...this.#lost]) if (!numbers.has(number)) this.#lost.delete(number);
    const isNew = this.#learn(reals.filter(({ number }) => !this.#written.has(number)));
    if (isNew) this.#pauseMs = firstPauseMs;
    if (isNew || this.#timer === undefined) this.#pollAfter(reals);
  }

  /** The same, once for all changes of a moment. */
  updateSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      this.update();
    });
  }

  /** The place of a real that is reached directly; undefined while it is not known. @param address As services name it. */
  hopTo(address: string): DirectPlace | undefined {
    const wanted = canonicalAddress(address);
    const real = this.#wanted().find((each) => canonicalAddress(each.address) === wanted);
    const entry = real && this.#written.get(real.number);
    return entry && placeOf(entry);
  }

  status(): DirectRealStatus[] {
    const names = new Map<number, string | undefined>();
    return this.#wanted().map(({ address, number }) => {
      const entry = this.#written.get(number);
      if (entry === undefined) return { address, state: 'unknown' };
      const ifindex = entry.readUInt32LE(offsetsDirectHop.interface);
      if (!names.has(ifindex)) names.set(ifindex, nameOf(ifindex));
      const name = names.get(ifindex);
      const state = this.#lost.has(number) ? 'lost' : 'known';
      return { address, state, ...(name !== undefined && { interface: name }) };
    });
  }

  /** Stops following. */
  [Symbol.dispose](): void {
    clearImmediate(this.#soon);
    clearTimeout(this.#timer);
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }

  #poll(): void {
    const reals = this.#wanted();
    this.#learn(reals);
    const isWaiting = reals.some(({ number }) => !this.#written.has(number));
    this.#pauseMs = isWaiting ? Math.min(pollMs, this.#pauseMs * 2) : pollMs;
    this.#pollAfter(reals);
  }

  #pollAfter(reals: readonly KnownReal[]): void {
    clearTimeout(this.#timer);
    this.#timer = reals.length === 0 ? undefined : setTimeout(() => this.#poll(), this.#pauseMs).unref();
  }

  /** Looks for reals; returns whether there are any. */
  #learn(reals: readonly KnownReal[]): boolean {
    if (reals.length === 0) return false;
    try {
      this.#socket ??= new NetlinkSocket(NetlinkProtocol.route);
      const neighbours = listNeighbours(this.#socket);
      for (const real of reals) this.#learnOne(real, neighbours);
    } catch {
      // The kernel lacks memory or descriptors now: the next look may succeed.
    }
    return true;
  }

  /** The kernel is asked to confirm stale entries, since packets that XDP sends do not make it do so. */
  #learnOne({ address, number }: KnownReal, neighbours: Neighbours): void {
    try {
      const hop = this.#hopTo(address);
      const found = hop && neighbours(hop);
      if (hop !== undefined && found?.stale !== false) askForNeighbour(this.#socket!, hop);
      const entry = found && directHop(hop!.ifindex, found.mac);
      if (entry === undefined) {
        this.#lost.add(number);
        return;
      }
      this.#lost.delete(number);
      if (this.#written.get(number)?.equals(entry) === true) return;
      this.#map.set(number, entry);
      this.#written.set(number, entry);
    } catch {
      // No route, or the device is down or gone.
      this.#lost.add(number);
    }
  }

  #hopTo(address: string): NextHop | undefined {
    const ifindex = deviceTowards(this.#socket!, address);
    return ifindex === undefined ? undefined : { ifindex, address: addressBytes(address) };
  }

  #clear(number: number): void {
    this.#map.set(number, new Uint8Array(sizeofDirectHop));
    this.#written.delete(number);
    this.#lost.delete(number);
  }
}

/** An entry of the program's table; undefined if the device has no MAC address. */
function directHop(ifindex: number, mac: string): Buffer | undefined {
  const own = macOf(ifindex);
  if (own === undefined) return undefined;
  const to = Buffer.from(macBytes(mac));
  const from = Buffer.from(macBytes(own));
  const hop = {
    interface: ifindex,
    destinationFront: to.readUInt32LE(0),
    destinationBack: to.readUInt16LE(4),
    sourceFront: from.readUInt16LE(0),
    sourceBack: from.readUInt32LE(2),
  };
  return Buffer.from(encode(sizeofDirectHop, writeDirectHop, hop));
}

function nameOf(ifindex: number): string | undefined {
  try {
    return deviceName(ifindex);
  } catch {
    return undefined;
  }
}

/** The MAC addresses as in an Ethernet header. */
function placeOf(entry: Buffer): DirectPlace {
  const macs = Buffer.alloc(12);
  macs.writeUInt32LE(entry.readUInt32LE(offsetsDirectHop.destinationFront), 0);
  macs.writeUInt16LE(entry.readUInt16LE(offsetsDirectHop.destinationBack), 4);
  macs.writeUInt16LE(entry.readUInt16LE(offsetsDirectHop.sourceFront), 6);
  macs.writeUInt32LE(entry.readUInt32LE(offsetsDirectHop.sourceBack), 8);
  return { ifindex: entry.readUInt32LE(offsetsDirectHop.interface), macs };
}

/** The MAC address of a device with an address. */
function macOf(ifindex: number): string | undefined {
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const [first] = addresses;
    if (first !== undefined && deviceIndex(name) === ifindex) return first.mac;
  }
  return undefined;
}
