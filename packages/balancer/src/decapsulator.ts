/** For reals: outer headers are taken off what the balancer sends. */
import { existsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { addressBytes, type BpfMap, Collection, type MapSpec, openPinnedMap, setGlobal } from '@weir/ebpf';
import { addressText, wirePort } from './address.js';
import { encodeNumber } from './datapath/encode.js';
import { readObject } from './datapath/objects.js';
import { setTunnelEnd, tunnelEnds } from './datapath/tunnel-ends.js';
import { DeviceAttachments } from './lifecycle/attachments.js';
import { takeDown } from './lifecycle/lifecycle.js';
import { PinFolder } from './lifecycle/pin-folder.js';
import { DEFAULT_GUE_PORT, type XdpMode } from './options.js';

export interface DecapsulatorOptions {
  /** Devices on which tunnelled packets arrive. */
  readonly interfaces: readonly string[];
  /** `native`: in the driver. `generic`: in the network stack. Default: native where the driver can. */
  readonly mode?: XdpMode;
  /** Addresses of this host to which tunnels lead. */
  readonly addresses: readonly string[];
  /** UDP port of GUE. Default 6080. */
  readonly guePort?: number;
  /** Goes on when this process ends, under this name, until {@link Decapsulator.detach}. One process at a time. */
  readonly pin?: string;
  /** Folder in a BPF file system. Default /sys/fs/bpf/weir-decapsulator. */
  readonly pinRoot?: string;
}

const DEFAULT_ROOT = '/sys/fs/bpf/weir-decapsulator';
const KEPT_MAPS = ['tunnel_ends', 'decapsulated'];

/**
 * Takes IP in IP and GUE (variant 1) off, until it is disposed of or its process ends; with a `pin` on and on, and the next
 * process that opens it puts its own program in the place of the last one's, in one step. Needs Linux 5.10.
 */
export class Decapsulator implements Disposable {
  readonly #collection: Collection;
  readonly #attachments: DeviceAttachments;
  readonly #folder: PinFolder | undefined;
  readonly #reused: readonly BpfMap[];

  /** @throws OptionError, EbpfError for options that make no sense, or if another process runs it; SyscallError */
  static open(options: DecapsulatorOptions): Decapsulator {
    const { pin, pinRoot = DEFAULT_ROOT } = options;
    const folder = pin === undefined ? undefined : PinFolder.claim(pinRoot, pin);
    try {
      return new Decapsulator(options, folder);
    } catch (error) {
      folder?.[Symbol.dispose]();
      throw error;
    }
  }

  /** Takes a pinned one off that no process runs; returns whether there was one. @throws EbpfError if one runs it. */
  static detach(pin: string, pinRoot: string = DEFAULT_ROOT): boolean {
    if (!existsSync(join(pinRoot, pin))) return false;
    using folder = PinFolder.claim(pinRoot, pin);
    takeDown(folder, undefined);
    return true;
  }

  private constructor(options: DecapsulatorOptions, folder: PinFolder | undefined) {
    const { interfaces, mode, addresses, guePort = DEFAULT_GUE_PORT } = options;
    this.#folder = folder;
    const spec = readObject('decapsulate.bpf.o');
    setGlobal(spec, 'gue_port', wirePort(guePort));
    const specs = KEPT_MAPS.map((name) => spec.maps.get(name)!);
    this.#reused = folder === undefined ? [] : specs.flatMap((map) => openOrRemove(folder, map));
    try {
      const replaceMaps = Object.fromEntries(this.#reused.map((map) => [map.name, map]));
      this.#collection = Collection.load(spec, { replaceMaps });
    } catch (error) {
      for (const map of this.#reused) map[Symbol.dispose]();
      throw error;
    }
    try {
      const program = this.#collection.program('decapsulate_packet');
      this.#attachments = new DeviceAttachments(interfaces, mode, folder);
      this.#attachments.attach(() => program);
      for (const address of addresses) this.setTunnelEnd(address, true);
      for (const name of KEPT_MAPS) folder?.pinOnce(this.#collection.map(name));
      this.#attachments.commit();
      const kept = new Set(addresses.map((address) => addressText(addressBytes(address))));
      for (const end of this.tunnelEnds()) if (!kept.has(end)) this.setTunnelEnd(end, false);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** Whether tunnels to an address end here. @throws EbpfError if it is no address */
  setTunnelEnd(address: string, ends: boolean): void {
    setTunnelEnd(this.#collection.map('tunnel_ends'), address, ends);
  }

  tunnelEnds(): string[] {
    return tunnelEnds(this.#collection.map('tunnel_ends'));
  }

  /** Packets that came out of a tunnel, since the start. */
  get packets(): bigint {
    const values = this.#collection.map('decapsulated').lookup(encodeNumber(0))!;
    const perCpu = new BigUint64Array(values.buffer, values.byteOffset, values.byteLength / 8);
    return perCpu.reduce((sum, count) => sum + count, 0n);
  }

  /** Takes the program off, and removes all that is pinned. */
  detach(): void {
    this.#attachments.release();
    if (this.#folder !== undefined) takeDown(this.#folder, undefined);
    this.#close();
  }

  /** Lets go of everything: without a `pin`, that ends it. */
  [Symbol.dispose](): void {
    this.#close();
  }

  #close(): void {
    this.#attachments?.release();
    this.#collection[Symbol.dispose]();
    for (const map of this.#reused) map[Symbol.dispose]();
    this.#folder?.[Symbol.dispose]();
  }
}

/** The pinned map of that shape. One of another shape is unpinned: the program that is attached keeps it. */
function openOrRemove(folder: PinFolder, spec: MapSpec): BpfMap[] {
  const path = join(folder.path, spec.name);
  if (!existsSync(path)) return [];
  const map = openPinnedMap(path);
  if (
    map.keySize === spec.keySize &&
    map.valueSize === spec.valueSize &&
    map.maxEntries === spec.maxEntries
  ) {
    return [map];
  }
  map[Symbol.dispose]();
  unlinkSync(path);
  return [];
}
