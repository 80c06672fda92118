/** The tunnel of health checks: packets that this host sends with a socket mark reach the mark's real. */
import { attachTc, type BpfMap, Collection, EbpfError, type Link, OptionError, setGlobal } from '@weir/ebpf';
import { keyAddress } from '../address.js';
import { encode, encodeNumber } from '../datapath/encode.js';
import { readObject } from '../datapath/objects.js';
import { sizeofDirectProbe, sizeofProbe, writeDirectProbe, writeProbe } from '../generated/probe.js';
import type { DirectPlace } from '../next-hop/direct-reals.js';
import { requireFeatures, tunnelFeatures } from '../requirement/requirement.js';
import { parseGre, parseGue } from '../settings.js';

/** Options of {@link ProbeTunnel}. */
export interface ProbeTunnelOptions {
  /** Devices through which probes leave: the devices of the routes to the services' addresses. */
  readonly interfaces: readonly string[];
  /** This host's address in outer headers to reals with IPv4. */
  readonly source4?: string;
  /** This host's address in outer headers to reals with IPv6. */
  readonly source6?: string;
  /** UDP encapsulation to this port (default 6080) instead of IP in IP. */
  readonly gue?: { readonly port?: number };
  /** Generic routing encapsulation instead of IP in IP. */
  readonly gre?: boolean;
  /** Returns the place of a real that is reached without a tunnel, as `Balancer.directPlace` does. Without it, there are no checks of such reals. */
  readonly placeOf?: (address: string) => DirectPlace | undefined;
}

/**
 * A program on outgoing packets: those of sockets with a mark (SO_MARK) go through the tunnel to the mark's real,
 * whatever their destination, and look to the real like a client's. Packets without a mark, or with a mark that has no
 * real, stay unchanged.
 *
 * The program ends with its process, even a killed one, on Linux 6.6 and later, since a link holds it there. On older
 * kernels a killed process leaves a filter in clsact, which sends marked packets into tunnels until the next one is
 * attached to the device.
 */
export class ProbeTunnel implements Disposable {
  readonly #collection: Collection;
  readonly #probes: BpfMap;
  readonly #direct: BpfMap;
  readonly #placeOf: (address: string) => DirectPlace | undefined;
  readonly #links: Link[] = [];
  readonly #hasSource: Readonly<Record<4 | 6, boolean>>;

  /**
   * Attaches to the devices. Needs Linux 5.10.
   *
   * @throws OptionError for an invalid address or port; UnknownFeatureError, UnsupportedError, VerifierError,
   * SyscallError
   */
  static open(options: ProbeTunnelOptions): ProbeTunnel {
    return new ProbeTunnel(options);
  }

  private constructor({ interfaces, source4, source6, gue, gre, placeOf }: ProbeTunnelOptions) {
    requireFeatures(tunnelFeatures);
    this.#hasSource = { 4: source4 !== undefined, 6: source6 !== undefined };
    const outer = parseGue({
      ...gue,
      ...(source4 !== undefined && { source4 }),
      ...(source6 !== undefined && { source6 }),
    });
    const usesGre = parseGre({ ...(gre !== undefined && { gre }), gue });
    const spec = readObject('probe.bpf.o');
    setGlobal(spec, 'use_gre', usesGre);
    setGlobal(spec, 'use_gue', gue !== undefined);
    setGlobal(spec, 'gue_port', outer.port);
    if (outer.source4 !== undefined) setGlobal(spec, 'probe_source4', outer.source4[0]!);
    if (outer.source6 !== undefined) setGlobal(spec, 'probe_source6', outer.source6);
    this.#collection = Collection.load(spec);
    this.#probes = this.#collection.map('probes');
    this.#direct = this.#collection.map('direct_probes');
    this.#placeOf = placeOf ?? (() => undefined);
    try {
      const program = this.#collection.program('encapsulate_probe');
      for (const device of interfaces) this.#links.push(attachTc(program, device, { direction: 'egress' }));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Sets a mark's real, from the next packet on; without an address, removes the mark.
   *
   * @param mark 1 to 4294967295. Other users of marks on this host, such as routing rules, see it as well.
   * @throws OptionError for an invalid mark or address, or a real of a family without a source; SyscallError
   */
  set(mark: number, address: string | undefined): void {
    const key = markKey(mark);
    if (address === undefined) {
      this.#probes.delete(key);
      this.#direct.delete(key);
      return;
    }
    const { words, ipv6 } = keyAddress(address);
    const family = ipv6 ? 6 : 4;
    if (!this.#hasSource[family]) {
      throw new OptionError(
        `real ${address}: checks through the tunnel to reals with IPv${family} need a source address of this host, ` +
          `probes.source${family}`,
      );
    }
    this.#probes.update(key, encode(sizeofProbe, writeProbe, { address: words, ipv6: Number(ipv6) }));
  }

  /**
   * Has a mark's packets go to a real without a tunnel, by its MAC address as it is now.
   *
   * @throws OptionError for an invalid mark; EbpfError if the real's MAC address is not known; SyscallError
   */
  setDirect(mark: number, address: string): void {
    const key = markKey(mark);
    const place = this.#placeOf(address);
    if (place === undefined) throw new EbpfError('MAC address not known');
    const value = { interface: place.ifindex, macs: place.macs };
    this.#direct.update(key, encode(sizeofDirectProbe, writeDirectProbe, value));
  }

  /** Detaches and unloads. */
  [Symbol.dispose](): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
    this.#collection[Symbol.dispose]();
  }
}

function markKey(mark: number): Uint8Array {
  if (!Number.isInteger(mark) || mark < 1 || mark > 0xffff_ffff)
    throw new OptionError(`mark ${mark}: expected 1 to 4294967295`);
  return encodeNumber(mark);
}
