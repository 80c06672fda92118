/** For reals: outer headers are taken off what the balancer sends. */
import { attachXdp, type BpfMap, Collection, type Link, setGlobal } from '@weir/ebpf';
import { addressText, keyAddress, wirePort } from '../address.js';
import { encode, encodeNumber } from '../encode.js';
import { readTunnelEnd, sizeofTunnelEnd, writeTunnelEnd } from '../generated/decapsulate.js';
import { readObject } from '../objects.js';
import { DEFAULT_GUE_PORT } from '../options.js';

export interface DecapsulatorOptions {
  /** Devices on which tunnelled packets arrive. */
  readonly interfaces: readonly string[];
  /** `native`: in the driver. `generic`: in the network stack. Default: native where the driver can. */
  readonly mode?: 'native' | 'generic';
  /** Addresses of this host to which tunnels lead. */
  readonly addresses: readonly string[];
  /** UDP port of GUE. Default 6080. */
  readonly guePort?: number;
}

/** Takes IP in IP and GUE (variant 1) off, until it is disposed of or its process ends. Needs Linux 5.10. */
export class Decapsulator implements Disposable {
  readonly #collection: Collection;
  readonly #links: Link[] = [];

  /** @throws RangeError, EbpfError for options that make no sense; SyscallError */
  static open(options: DecapsulatorOptions): Decapsulator {
    return new Decapsulator(options);
  }

  private constructor({ interfaces, mode, addresses, guePort = DEFAULT_GUE_PORT }: DecapsulatorOptions) {
    const spec = readObject('decapsulate.bpf.o');
    setGlobal(spec, 'gue_port', wirePort(guePort));
    this.#collection = Collection.load(spec);
    try {
      for (const address of addresses) this.setTunnelEnd(address, true);
      const program = this.#collection.program('decapsulate_packet');
      for (const device of interfaces) {
        this.#links.push(attachXdp(program, device, mode === undefined ? {} : { mode }));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether tunnels to an address end here. @throws EbpfError if it is no address */
  setTunnelEnd(address: string, ends: boolean): void {
    setTunnelEnd(this.#collection.map('tunnel_ends'), address, ends);
  }

  /** Packets that came out of a tunnel, since the start. */
  get packets(): bigint {
    const values = this.#collection.map('decapsulated').lookup(encodeNumber(0))!;
    const perCpu = new BigUint64Array(values.buffer, values.byteOffset, values.byteLength / 8);
    return perCpu.reduce((sum, count) => sum + count, 0n);
  }

  /** Detaches and unloads. */
  [Symbol.dispose](): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
    this.#collection[Symbol.dispose]();
  }
}

/** The addresses in a program's table of tunnel ends. */
export function tunnelEnds(map: BpfMap): string[] {
  return [...map.keys()].map((key) => {
    const { address, ipv6 } = readTunnelEnd(new DataView(key.buffer, key.byteOffset), 0);
    const bytes = new Uint8Array(address.buffer, address.byteOffset, ipv6 === 0 ? 4 : 16);
    return addressText(bytes);
  });
}

/** Enters an address into a program's table of tunnel ends, or takes it out. */
export function setTunnelEnd(map: BpfMap, address: string, ends: boolean): void {
  const { words, ipv6 } = keyAddress(address);
  const key = encode(sizeofTunnelEnd, writeTunnelEnd, { address: words, ipv6: Number(ipv6) });
  if (ends) map.update(key, encodeNumber(1));
  else map.delete(key);
}
