/** Removes outer headers on reals. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type BpfMap, Collection, EbpfError, openPinnedMap, setGlobal } from '@weir/ebpf';
import { canonicalAddress } from '@weir/ebpf/address';
import { wirePort } from './address.js';
import { encodeNumber } from './datapath/encode.js';
import { readObject } from './datapath/objects.js';
import { setTunnelEnd, tunnelEnds } from './datapath/tunnel-ends.js';
import { type Decapsulated, readDecapsulated, sizeofDecapsulated } from './generated/decapsulate.js';
import { DeviceAttachments } from './lifecycle/attachments.js';
import { openKept } from './lifecycle/kept-map.js';
import { takeDown } from './lifecycle/lifecycle.js';
import { currentNetns, type SavedNetns } from './lifecycle/own-netns.js';
import { PinFolder, readPinnedState } from './lifecycle/pin-folder.js';
import { pinnedAttachments } from './lifecycle/pinned-status.js';
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
   * Inner packets are sent on at once, by the routes and neighbours of this host, and their TTL or hop limit is decremented.
   * What has no route, or no neighbour that is known, is left to the host. Default false: all is left to the host.
   */
  readonly egress?: boolean;
  /**
   * TCP and UDP packets in tunnels get the source of their outer header, if that is of their family, for clients that make
   * the tunnel themselves: a translator on the way changes only the outer source. Not for packets from a balancer, whose
   * outer sources name no host. Default false.
   */
  readonly matchSources?: boolean;
  /**
   * A name of 1 to 64 letters, digits, `_` and `-`, under which the program stays when this process ends,
   * until {@link Decapsulator.detach}. One process at a time.
   */
  readonly pin?: string;
  /** Folder in a BPF file system. Default /sys/fs/bpf/weir-decapsulator. */
  readonly pinRoot?: string;
}

/** Packets and bytes in tunnels of one kind; bytes are those of frames as they arrived. */
export interface TunnelTraffic {
  readonly packets: number;
  readonly bytes: number;
}

/** What a {@link Decapsulator} has done since its start. */
export interface DecapsulatorCounters {
  /** IP in IP, with an outer IPv4 header. */
  readonly ipip4: TunnelTraffic;
  /** IP in IP, with an outer IPv6 header. */
  readonly ipip6: TunnelTraffic;
  /** GUE, with an outer IPv4 header. */
  readonly gue4: TunnelTraffic;
  /** GUE, with an outer IPv6 header. */
  readonly gue6: TunnelTraffic;
  /** GRE, with an outer IPv4 header. */
  readonly gre4: TunnelTraffic;
  /** GRE, with an outer IPv6 header. */
  readonly gre6: TunnelTraffic;
  /** Packets that {@link DecapsulatorOptions.egress} has sent on. */
  readonly sent: number;
  /** Packets that were dropped because their TTL or hop limit was at its end. */
  readonly lastHop: number;
  /** Packets that were to be sent on, but left to the host for want of a route or a neighbour. */
  readonly noRoute: number;
  /** Packets whose source {@link DecapsulatorOptions.matchSources} has changed. */
  readonly sourceMatched: number;
}

/** A pinned decapsulator. */
export interface DecapsulatorStatus {
  readonly name: string;
  /** Devices on which it works; undefined stands for one that is gone. */
  readonly interfaces: readonly (string | undefined)[];
  /** Addresses at which tunnels end. */
  readonly addresses: readonly string[];
  readonly guePort: number;
  readonly egress: boolean;
  readonly matchSources: boolean;
  readonly counters: DecapsulatorCounters;
}

interface SavedOptions extends SavedNetns {
  readonly guePort: number;
  readonly egress: boolean;
  readonly matchSources: boolean;
}

const defaultRoot = '/sys/fs/bpf/weir-decapsulator';
const keptMaps = ['tunnel_ends', 'decapsulated'];

/**
 * Removes the outer headers of IP in IP, GRE (without key and checksum) and GUE (variant 1) until it is disposed of or its process ends. With a `pin` it
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
   * @throws OptionError for options that make no sense; EbpfError if another process runs it, if it is attached in another
   * network namespace, if a device has another XDP program, or if there is no BPF file system to pin to; VerifierError,
   * UnsupportedError, SyscallError
   */
  static open(options: DecapsulatorOptions): Decapsulator {
    const { pin, pinRoot = defaultRoot } = options;
    const folder = pin === undefined ? undefined : PinFolder.claim(pinRoot, pin);
    try {
      return new Decapsulator(options, folder);
    } catch (error) {
      folder?.removeEmpty();
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

  /** Names of those that are pinned. */
  static names(pinRoot: string = defaultRoot): string[] {
    return PinFolder.names(pinRoot).sort();
  }

  /**
   * The state of a pinned one, whether or not a process has it open.
   *
   * @throws EbpfError if none is pinned under the name; SyscallError
   */
  static status(pin: string, pinRoot: string = defaultRoot): DecapsulatorStatus {
    const folder = join(pinRoot, pin);
    const text = readPinnedState(folder);
    if (text === undefined) throw new EbpfError(`no decapsulator is pinned as ${pin} in ${pinRoot}`);
    using ends = openPinnedMap(join(folder, 'tunnel_ends'));
    using counts = openPinnedMap(join(folder, 'decapsulated'));
    const { guePort, egress, matchSources } = JSON.parse(text) as SavedOptions;
    return {
      name: pin,
      interfaces: pinnedAttachments(pin, pinRoot).map((attachment) => attachment.interface),
      addresses: tunnelEnds(ends).sort(),
      ...{ guePort, egress, matchSources },
      counters: countersOf(counts),
    };
  }

  private constructor(options: DecapsulatorOptions, folder: PinFolder | undefined) {
    requireFeatures(decapsulatorFeatures);
    const { interfaces, mode, addresses, guePort = DEFAULT_GUE_PORT } = options;
    const { egress = false, matchSources = false } = options;
    this.#folder = folder;
    const spec = readObject('decapsulate.bpf.o');
    setGlobal(spec, 'gue_port', wirePort(guePort));
    setGlobal(spec, 'egress', Number(egress));
    setGlobal(spec, 'match_sources', Number(matchSources));
    const specs = keptMaps.map((name) => spec.maps.get(name)!);
    this.#reused = folder === undefined ? [] : specs.flatMap((map) => openKept(folder, map));
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
      const saved: SavedOptions = { guePort, egress, matchSources, netns: currentNetns() };
      folder?.writeState(JSON.stringify(saved));
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
    const { ipip4, ipip6, gue4, gue6, gre4, gre6 } = this.counters();
    return BigInt([ipip4, ipip6, gue4, gue6, gre4, gre6].reduce((sum, { packets }) => sum + packets, 0));
  }

  /** What was done since the start; with a `pin`, since the first one's. @throws SyscallError */
  counters(): DecapsulatorCounters {
    return countersOf(this.#collection.map('decapsulated'));
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

/** Sums the CPUs' values of the map. */
function countersOf(map: BpfMap): DecapsulatorCounters {
  const values = map.lookup(encodeNumber(0))!;
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const perCpu = Array.from({ length: values.byteLength / sizeofDecapsulated }, (_, cpu) =>
    readDecapsulated(view, cpu * sizeofDecapsulated),
  );
  const sum = (count: (one: Decapsulated) => number) => perCpu.reduce((total, one) => total + count(one), 0);
  const traffic = (kind: 'ipip4' | 'ipip6' | 'gue4' | 'gue6' | 'gre4' | 'gre6') => ({
    packets: sum((one) => one[kind].packets),
    bytes: sum((one) => one[kind].bytes),
  });
  return {
    ipip4: traffic('ipip4'),
    ipip6: traffic('ipip6'),
    gue4: traffic('gue4'),
    gue6: traffic('gue6'),
    gre4: traffic('gre4'),
    gre6: traffic('gre6'),
    sent: sum((one) => one.sent),
    lastHop: sum((one) => one.lastHop),
    noRoute: sum((one) => one.noRoute),
    sourceMatched: sum((one) => one.sourceMatched),
  };
}
