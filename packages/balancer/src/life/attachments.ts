/** Where the programs get their packets from: devices, or a slot in another program's chain. */
import { unlinkSync } from 'node:fs';
import {
  attachXdp,
  DescriptorMap,
  deviceIndex,
  EbpfError,
  type Link,
  MapType,
  NetlinkProtocol,
  NetlinkSocket,
  openPinnedMap,
  type Program,
  SyscallError,
  UpdatableLink,
  xdpMode,
} from '@weir/ebpf';
import type { PinFolder } from './pin-folder.js';
import type { ChainPlace } from './state.js';

export type XdpMode = 'native' | 'generic';

/** A device, and the program for its packets. */
export interface Wanted {
  readonly device: string;
  readonly program: Program;
}

interface Attached extends Wanted {
  readonly ifindex: number;
  readonly link: Link;
  /** Whether the link was pinned before, and still has the program of then. */
  readonly adopted: boolean;
}

/** Links to devices. Made in two steps: what can fail first, then the change from old programs to new ones. */
export class DeviceAttachments {
  readonly #attached: Attached[] = [];
  readonly #folder: PinFolder | undefined;
  readonly #others: Map<number, UpdatableLink>;
  /** Of the network namespace that the devices are in, whatever thread asks later. */
  readonly #socket = new NetlinkSocket(NetlinkProtocol.route);

  /**
   * Attaches to devices on which nothing is yet. Others go on with their old programs until {@link commit}.
   *
   * @throws RangeError if a device is attached in another mode; SyscallError. Nothing new is attached then.
   */
  constructor(wanted: readonly Wanted[], mode: XdpMode | undefined, folder: PinFolder | undefined) {
    this.#folder = folder;
    this.#others = folder?.openLinks() ?? new Map();
    try {
      for (const each of wanted) this.#attach(each, mode);
    } catch (error) {
      this.release();
      for (const link of this.#others.values()) link[Symbol.dispose]();
      throw error;
    }
  }

  /** Puts the new programs in the place of the old ones, each in one step, and detaches from devices not wanted. */
  commit(): void {
    for (const { link, program, ifindex, adopted } of this.#attached) {
      if (adopted) link.update?.(program);
      else if (this.#folder !== undefined) link.pin?.(this.#folder.linkPath(ifindex));
    }
    for (const [ifindex, link] of this.#others) this.#takeOff(ifindex, link);
    this.#others.clear();
  }

  /** Each device and how it is attached. */
  modes(): { interface: string; mode: XdpMode | undefined }[] {
    return this.#attached.map(({ device, ifindex }) => ({ interface: device, mode: this.#modeOf(ifindex) }));
  }

  /** Closes the links: those that are not pinned end. */
  release(): void {
    for (const { link } of this.#attached.splice(0)) link[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }

  #attach({ device, program }: Wanted, mode: XdpMode | undefined): void {
    const ifindex = deviceIndex(device);
    const pinned = this.#others.get(ifindex);
    if (pinned === undefined) {
      const link = attachXdp(program, ifindex, mode === undefined ? {} : { mode });
      this.#attached.push({ device, program, ifindex, link, adopted: false });
      return;
    }
    const current = this.#modeOf(ifindex);
    if (mode !== undefined && current !== mode) {
      throw new RangeError(
        `mode ${mode}: ${device} is attached as ${current ?? 'nothing'}, which cannot be changed without a gap; ` +
          'detach first',
      );
    }
    this.#others.delete(ifindex);
    this.#attached.push({ device, program, ifindex, link: pinned, adopted: true });
  }

  #modeOf(ifindex: number): XdpMode | undefined {
    try {
      return xdpMode(this.#socket, ifindex);
    } catch (error) {
      if (error instanceof SyscallError && error.code === 'ENODEV') return undefined;
      throw error;
    }
  }

  #takeOff(ifindex: number, link: Link): void {
    if (this.#folder !== undefined && link instanceof UpdatableLink) {
      // A device that is gone has taken its program with it.
      if (link.info().ifindex !== 0) link.detach();
      unlinkSync(this.#folder.linkPath(ifindex));
    }
    link[Symbol.dispose]();
  }
}

/** A slot in the program array of another XDP program. */
export class ChainSlot {
  readonly #array: DescriptorMap;
  readonly #place: ChainPlace;

  /** @throws SyscallError; EbpfError if it is no program array. */
  constructor(place: ChainPlace) {
    const map = openPinnedMap(place.map);
    if (!(map instanceof DescriptorMap) || map.type !== MapType.progArray) {
      map[Symbol.dispose]();
      throw new EbpfError(`${place.map} is no program array`);
    }
    this.#array = map;
    this.#place = place;
  }

  /** Checks that the slot is empty or has one of our own programs. @throws RangeError, EbpfError */
  check(own: ReadonlySet<number>): void {
    const { map, index } = this.#place;
    if (!(index >= 0 && index < this.#array.maxEntries)) {
      throw new RangeError(`chain slot ${index}: ${map} has ${this.#array.maxEntries}`);
    }
    const id = this.#array.lookupId(index);
    if (id !== undefined && !own.has(id)) {
      throw new EbpfError(
        `chain slot ${index} of ${map} holds another program (id ${id}): take it out first`,
      );
    }
  }

  /** Puts a program in, in one step. @throws SyscallError */
  put(program: Program): void {
    try {
      this.#array.setFd(this.#place.index, program.fd);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.code !== 'EINVAL') throw error;
      const advice =
        'programs in an array must be of one kind: XDP, compiled (JIT), all or none with fragments';
      throw new EbpfError(`${error.message}: ${advice}`);
    }
  }

  /** Takes a program of ours out; leaves others alone. */
  clear(own: ReadonlySet<number>): void {
    const id = this.#array.lookupId(this.#place.index);
    if (id !== undefined && own.has(id)) this.#array.clear(this.#place.index);
  }

  [Symbol.dispose](): void {
    this.#array[Symbol.dispose]();
  }
}
