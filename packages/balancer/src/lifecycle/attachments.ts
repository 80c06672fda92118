/** Attachments of the programs: to devices, or to a slot in another program's chain. */
import { unlinkSync } from 'node:fs';
import {
  attachXdp,
  DescriptorMap,
  deviceIndex,
  EbpfError,
  type Link,
  MapType,
  OptionError,
  openPinnedMap,
  Program,
  SyscallError,
  type UpdatableLink,
} from '@weir/ebpf';
import { NetlinkProtocol, NetlinkSocket, xdpMode } from '@weir/ebpf/sys';
import type { ChainPlace, XdpMode } from '../options.js';
import { refuseOtherNetns } from './own-netns.js';
import type { PinFolder } from './pin-folder.js';

/** A device to which a program is attached. */
interface Place {
  readonly device: string;
  readonly ifindex: number;
  /** Whether its link was pinned by an earlier process, and has that process's program until the commit. */
  readonly resumed: boolean;
  link: Link | undefined;
  program: Program | undefined;
}

/**
 * Links to devices, made in steps: checks, new links where there is none, then the replacement of old programs.
 */
export class DeviceAttachments {
  readonly #places: Place[] = [];
  readonly #mode: XdpMode | undefined;
  readonly #folder: PinFolder | undefined;
  readonly #others: Map<number, UpdatableLink>;
  /** In the devices' network namespace, whichever thread asks later. */
  readonly #socket = new NetlinkSocket(NetlinkProtocol.route);

  /**
   * @throws OptionError if a device is attached in another mode; EbpfError if it has another program, or if the folder's are
   * attached in another network namespace; SyscallError.
   */
  constructor(devices: readonly string[], mode: XdpMode | undefined, folder: PinFolder | undefined) {
    this.#mode = mode;
    this.#folder = folder;
    this.#others = folder?.openLinks() ?? new Map();
    try {
      // Links of devices that are gone, as with their namespace, are none.
      if (folder !== undefined && this.#others.size > 0) refuseOtherNetns(folder.name, folder.readState());
      for (const device of devices) this.#places.push(this.#place(device));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /**
   * Attaches to devices without a program. Others keep their old programs until {@link commit}.
   *
   * @param programOf Returns the program for a device, by the device's index.
   * @throws SyscallError
   */
  attach(programOf: (device: number) => Program): void {
    const options = this.#mode === undefined ? {} : { mode: this.#mode };
    for (const [i, place] of this.#places.entries()) {
      place.program = programOf(i);
      place.link ??= attachXdp(place.program, place.ifindex, options);
    }
  }

  /** Replaces old programs by the new ones, each in one step, and detaches from devices that are no longer wanted. */
  commit(): void {
    for (const { link, program, ifindex, resumed } of this.#places) {
      if (resumed) link?.update?.(program!);
      else if (this.#folder !== undefined) link?.pin?.(this.#folder.linkPath(ifindex));
    }
    for (const [ifindex, link] of this.#others) {
      link.detach();
      link[Symbol.dispose]();
      unlinkSync(this.#folder!.linkPath(ifindex));
    }
    this.#others.clear();
  }

  /** The mode of each device. */
  modes(): { interface: string; mode: XdpMode | undefined }[] {
    return this.#places.map(({ device, ifindex }) => ({ interface: device, mode: this.#modeOf(ifindex) }));
  }

  /** Closes the links; links that are not pinned end. */
  release(): void {
    for (const { link } of this.#places.splice(0)) link?.[Symbol.dispose]();
    for (const link of this.#others.values()) link[Symbol.dispose]();
    this.#others.clear();
    this.#socket[Symbol.dispose]();
  }

  #place(device: string): Place {
    const ifindex = deviceIndex(device);
    const link = this.#others.get(ifindex);
    const current = this.#modeOf(ifindex);
    const mode = this.#mode;
    if (link === undefined && current !== undefined) {
      throw new EbpfError(
        `${device} has an XDP program already: detach it, or have it call the balancer (chain)`,
      );
    }
    if (link !== undefined && mode !== undefined && current !== mode) {
      throw new OptionError(
        `mode ${mode}: ${device} is attached as ${current ?? 'nothing'}, which cannot be changed without a gap; ` +
          'detach first',
      );
    }
    this.#others.delete(ifindex);
    return { device, ifindex, resumed: link !== undefined, link, program: undefined };
  }

  #modeOf(ifindex: number): XdpMode | undefined {
    try {
      return xdpMode(this.#socket, ifindex);
    } catch (error) {
      if (error instanceof SyscallError && error.code === 'ENODEV') return undefined;
      throw error;
    }
  }
}

/** A slot in the program array of another XDP program. */
export class ChainSlot {
  readonly #array: DescriptorMap;
  readonly #place: ChainPlace;

  /** @throws SyscallError; EbpfError if the map is no program array. */
  constructor(place: ChainPlace) {
    const map = openPinnedMap(place.map);
    if (!(map instanceof DescriptorMap) || map.type !== MapType.progArray) {
      map[Symbol.dispose]();
      throw new EbpfError(`${place.map} is no program array`);
    }
    this.#array = map;
    this.#place = place;
  }

  /** Checks that the slot is empty or holds one of the balancer's own programs. @throws OptionError, EbpfError */
  check(own: ReadonlySet<number>): void {
    const { map, index } = this.#place;
    if (!(index >= 0 && index < this.#array.maxEntries)) {
      throw new OptionError(`chain slot ${index}: ${map} has ${this.#array.maxEntries} slots, from 0 on`);
    }
    const id = this.#array.lookupId(index);
    if (id !== undefined && !own.has(id)) {
      throw new EbpfError(`chain slot ${index} of ${map} holds another program (id ${id}): remove it first`);
    }
  }

  /** Puts a program into the slot, in one step. @throws SyscallError */
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

  /** Removes one of the balancer's own programs from the slot; leaves others alone. */
  clear(own: ReadonlySet<number>): void {
    const id = this.#array.lookupId(this.#place.index);
    if (id !== undefined && own.has(id)) this.#array.clear(this.#place.index);
  }

  [Symbol.dispose](): void {
    this.#array[Symbol.dispose]();
  }
}

/** Puts a pinned program into the first slot of an array, or empties the slot. @throws SyscallError, EbpfError */
export function putNext(array: DescriptorMap, path: string | undefined): void {
  if (path === undefined) {
    array.clear(0);
    return;
  }
  using program = Program.openPinned(path);
  array.setFd(0, program.fd);
}
