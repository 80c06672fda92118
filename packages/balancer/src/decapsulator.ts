/** Removes outer headers on reals. */
import { existsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type BpfMap, Collection, type MapSpec, openPinnedMap, setGlobal } from '@weir/ebpf';
import { canonicalAddress } from '@weir/ebpf/address';
import { wirePort } from './address.js';
import { encodeNumber } from './datapath/encode.js';
import { readObject } from './datapath/objects.js';
import { setTunnelEnd, tunnelEnds } from './datapath/tunnel-ends.js';
import { DeviceAttachments } from './lifecycle/attachments.js';
import { takeDown } from './lifecycle/lifecycle.js';
import { PinFolder } from './lifecycle/pin-folder.js';
import { DEFAULT_GUE_PORT } from './limits.js';
import type { XdpMode } from './options.js';
import { decapsulatorFeatures, requireFeatures } from './requirement/requirement.js';

/** Options of {@link Decapsulator}. */
export interface DecapsulatorOptions {
  /** Devices on which packets arrive in tunnels. */
  readonly interfaces: readonly string[];
  /** `native`: in the driver. `generic`: in the network stack. Default: native where the driver can. */
  readonly mode?: XdpMode;
  /** Addresses of this host at which tunnels end. */
  readonly addresses: readonly string[];
  /** UDP port of GUE. Default 6080. */
  readonly guePort?: number;
  /**
   * A name of 1 to 64 letters, digits, `_` and `-`, under which the program stays when this process ends,
   * until {@link Decapsulator.detach}. One process at a time.
   */
  readonly pin?: string;
  /** Folder in a BPF file system. Default /sys/fs/bpf/weir-decapsulator. */
  readonly pinRoot?: string;
}

const defaultRoot = '/sys/fs/bpf/weir-decapsulator';
const keptMaps = ['tunnel_ends', 'decapsulated'];

/**
 * Removes the outer headers of IP in IP and GUE (variant 1) until it is disposed of or its process ends. With a `pin` it
 * stays, and the next process that opens it replaces the program by its own, in one step. Needs Linux 5.10.
 */
export class Decapsulator implements Disposable {
  readonly #collection: Collection;
  readonly #attachments: DeviceAttachments;
  readonly #folder: PinFolder | undefined;
  readonly #reused: readonly BpfMap[];

  /**
   * Attaches to the devices.
   *
   * @throws OptionError for options that make no sense; EbpfError if another process runs it, if a device has
   * another XDP program, or if there is no BPF file system to pin to; VerifierError, UnsupportedError,
   * SyscallError
   */
  static open(options: DecapsulatorOptions): Decapsulator {
    const { pin, pinRoot = defaultRoot } = options;
    const folder = pin === undefined ? undefined : PinFolder.claim(pinRoot, pin);
    try {
      return new Decapsulator(options, folder);
    } catch (error) {
      folder?.[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Detaches a pinned one that no process runs; returns whether there was one.
   *
   * @throws EbpfError if one runs it; SyscallError
   */
  static detach(pin: string, pinRoot: string = defaultRoot): boolean {
    if (!existsSync(join(pinRoot, pin))) return false;
    using folder = PinFolder.claim(pinRoot, pin);
    takeDown(folder, undefined);
    return true;
  }

  private constructor(options: DecapsulatorOptions, folder: PinFolder | undefined) {
    requireFeatures(decapsulatorFeatures);
    const { interfaces, mode, addresses, guePort = DEFAULT_GUE_PORT } = options;
    this.#folder = folder;
    const spec = readObject('decapsulate.bpf.o');
    setGlobal(spec, 'gue_port', wirePort(guePort));
    const specs = keptMaps.map((name) => spec.maps.get(name)!);
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
      for (const name of keptMaps) folder?.pinOnce(this.#collection.map(name));
      this.#attachments.commit();
      const kept = new Set(addresses.map(canonicalAddress));
      for (const end of this.tunnelEnds()) if (!kept.has(end)) this.setTunnelEnd(end, false);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** Sets whether tunnels to an address end here. @throws OptionError for an invalid address; SyscallError */
  setTunnelEnd(address: string, ends: boolean): void {
    setTunnelEnd(this.#collection.map('tunnel_ends'), address, ends);
  }

  /** Addresses at which tunnels end. */
  tunnelEnds(): string[] {
    return tunnelEnds(this.#collection.map('tunnel_ends'));
  }

  /** Packets whose outer headers were removed, since the start. */
  get packets(): bigint {
    const values = this.#collection.map('decapsulated').lookup(encodeNumber(0))!;
    const perCpu = new BigUint64Array(values.buffer, values.byteOffset, values.byteLength / 8);
    return perCpu.reduce((sum, count) => sum + count, 0n);
  }

  /** Detaches the program and removes all pins. */
  detach(): void {
    this.#attachments.release();
    if (this.#folder !== undefined) takeDown(this.#folder, undefined);
    this.#close();
  }

  /** Closes everything: without a `pin`, the program is detached. */
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

/** Opens the pinned map of a spec. A map of another shape is unpinned; the attached program keeps it. */
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
