/** Finds the service of a flow, as bpf/vip.h does for a packet. Pure. */
import { type KeyPrefix, keyPrefix, wirePort } from '../address.js';
import type { ServedService } from '../datapath/service-table.js';
import type { RawFlow } from './raw-flow.js';

interface Entry {
  readonly served: ServedService;
  readonly prefix: KeyPrefix;
  /** As the program loads it. */
  readonly port: number;
  /** Whether the destination port counts although the service is for all ports or has a prefix. */
  readonly countsPort: boolean;
  /** Numbers of its reals. */
  readonly reals: ReadonlySet<number>;
}

/** A cache for a service with a prefix may see many addresses. */
const MOST_CACHED = 65_536;

/** What a packet is for. */
export interface PacketTarget {
  readonly served: ServedService;
  /** The ports under which its flow is known, as the program loads them. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export class ServiceFinder {
  readonly #entries: readonly Entry[];
  readonly #whole = new Map<string, Entry>();
  readonly #prefixes: readonly Entry[];
  readonly #byNumber: ReadonlyMap<number, ServedService>;
  readonly #cache = new Map<string, readonly Entry[]>();

  constructor(services: readonly ServedService[]) {
    this.#entries = services.map((served) => {
      const { address, port } = served.service;
      const flags = served.spec.flags ?? [];
      return {
        served,
        prefix: keyPrefix(address),
        port: wirePort(port),
        countsPort: flags.includes('hashDestinationPort') || flags.includes('hashBothPorts'),
        reals: new Set(served.members.map(({ real }) => real.number)),
      };
    });
    for (const entry of this.#entries) {
      if (entry.prefix.whole)
        this.#whole.set(keyOf(entry.prefix.words, 0, entry.port, entry.prefix.ipv6, isUdp(entry)), entry);
    }
    this.#prefixes = this.#entries
      .filter(({ prefix }) => !prefix.whole)
      .sort((a, b) => b.prefix.bits - a.prefix.bits);
    this.#byNumber = new Map(services.map((served) => [served.number, served]));
  }

  /**
   * The service to which a known flow belongs. Where ports do not count, several services may share the flow's address: the
   * one that has its real is meant.
   */
  find(flow: RawFlow, real: number): ServedService | undefined {
    if (flow.nat !== undefined) return this.#byNumber.get(flow.nat.vip);
    if (!flow.hasEnds) return undefined;
    const key = keyOf(flow.ends, 4, flow.destinationPort, flow.ipv6, flow.udp);
    let candidates = this.#cache.get(key);
    if (candidates === undefined) {
      candidates = this.#candidates(flow, key);
      if (this.#cache.size >= MOST_CACHED) this.#cache.clear();
      this.#cache.set(key, candidates);
    }
    return (candidates.find(({ reals }) => reals.has(real)) ?? candidates[0])?.served;
  }

  /** The service to which a packet with these addresses and ports goes. */
  target(
    flow: Pick<RawFlow, 'ends' | 'ipv6' | 'udp' | 'sourcePort' | 'destinationPort'>,
  ): PacketTarget | undefined {
    const { destinationPort, udp } = flow;
    const exact = this.#whole.get(keyOf(flow.ends, 4, destinationPort, flow.ipv6, udp));
    const entry =
      exact ??
      this.#longest(flow, destinationPort) ??
      this.#whole.get(keyOf(flow.ends, 4, 0, flow.ipv6, udp)) ??
      this.#longest(flow, 0);
    if (entry === undefined) return undefined;
    const { served, countsPort } = entry;
    const isTranslated = served.spec.forwarding === 'nat';
    return {
      served,
      sourcePort: served.spec.flags?.includes('noSourcePort') && !isTranslated ? 0 : flow.sourcePort,
      destinationPort: exact === undefined && !countsPort && !isTranslated ? 0 : destinationPort,
    };
  }

  /** Whether a service that a known flow may have has the flag with which the program remembers by rules. */
  hasRules({ spec: { flags = [] }, service }: ServedService, tcpServerIds: boolean): boolean {
    return (
      (['sourceRouting', 'quic', 'stableUdp'] as const).some((flag) => flags.includes(flag)) ||
      (tcpServerIds && service.protocol === 'tcp')
    );
  }

  #longest(flow: Pick<RawFlow, 'ends' | 'ipv6' | 'udp'>, port: number): Entry | undefined {
    return this.#prefixes.find((entry) => entry.port === port && this.#isIn(flow, entry));
  }

  #isIn({ ends, ipv6, udp }: Pick<RawFlow, 'ends' | 'ipv6' | 'udp'>, entry: Entry): boolean {
    return entry.prefix.ipv6 === ipv6 && isUdp(entry) === udp && isWithin(ends, 4, entry.prefix);
  }

  #candidates(flow: RawFlow, key: string): readonly Entry[] {
    const { destinationPort: port, udp } = flow;
    const exact = this.#whole.get(key);
    if (port !== 0 && exact !== undefined) return [exact];
    const any = port === 0 ? exact : this.#whole.get(keyOf(flow.ends, 4, 0, flow.ipv6, udp));
    const fits = (entry: Entry) =>
      port === 0 ? !entry.countsPort : entry.countsPort && (entry.port === port || entry.port === 0);
    return [
      ...(any === undefined ? [] : [any]),
      ...this.#prefixes.filter((entry) => this.#isIn(flow, entry)),
    ].filter(fits);
  }
}

/** Whether an address lies in a prefix. @param at The word at which the address begins. */
export function isWithin(words: Uint32Array, at: number, prefix: KeyPrefix): boolean {
  for (let i = 0, bits = prefix.bits; bits > 0; i++, bits -= 32) {
    const different = swapWord(words[at + i]! ^ prefix.words[i]!);
    if (different >>> (32 - Math.min(bits, 32)) !== 0) return false;
  }
  return true;
}

/** A word in network order as a number whose first bit is the address's first. */
function swapWord(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function isUdp({ served }: Entry): boolean {
  return served.service.protocol === 'udp';
}

function keyOf(words: Uint32Array, at: number, port: number, ipv6: boolean, udp: boolean): string {
  const address = ipv6 ? words.subarray(at, at + 4).join(' ') : words[at]!;
  return `${address} ${udp ? 'udp' : 'tcp'} ${port}`;
}
