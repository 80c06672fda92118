/** What the label of a peer says: its address where that may be a label, else the group that it belongs to. Pure. */
import {
  addressBytes,
  isAddress,
  isWithin,
  type MappedPrefix,
  mapPrefix,
  parseMappedPrefix,
} from '@weir/ebpf/address';
import type { PeerDirectory } from '../naming/peer-directory.js';

/** Addresses whose label is remembered. */
const MOST_KNOWN = 32_768;

const LOOPBACK = 'loopback';
const EXTERNAL = 'external';
/** Bits before an address of IPv4 among those of both families. */
const IPV4_OFFSET = 96;

/** Which peers have which label. */
export interface PeerOptions {
  /** Prefixes of the peers whose address is the label. */
  readonly addresses: readonly string[];
  /** Prefixes of the peers whose label is a name, by that name. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Groups of networks that rows have: the longest prefix of all counts. */
  readonly directory?: Pick<PeerDirectory, 'groupOf' | 'generation'>;
}

interface Rule {
  readonly prefix: MappedPrefix;
  /** Absent: the address itself. */
  readonly name?: string;
}

/** Groups of peers. */
export class PeerGroups {
  /** The longest prefix first; of equal ones, a group before addresses. */
  readonly #rules: readonly Rule[];
  readonly #known = new Map<string, string>();
  readonly #directory: PeerOptions['directory'];
  /** That of the directory of which labels are remembered. */
  #generation: number | undefined;

  /** @throws OptionError for what is no prefix */
  constructor({ addresses, groups, directory }: PeerOptions) {
    this.#directory = directory;
    const named = { ...groups, [LOOPBACK]: ['127.0.0.0/8', '::1/128', ...(groups[LOOPBACK] ?? [])] };
    const rules: Rule[] = Object.entries(named).flatMap(([name, prefixes]) =>
      prefixes.map((text) => ({ name, prefix: parseMappedPrefix(text) })),
    );
    rules.push(...addresses.map((text) => ({ prefix: parseMappedPrefix(text) })));
    this.#rules = rules.sort((a, b) => b.prefix.bits - a.prefix.bits);
  }

  /** The label of an address; empty where there is none. */
  labelOf(address: string): string {
    if (this.#directory?.generation !== this.#generation) this.#known.clear();
    this.#generation = this.#directory?.generation;
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const label = this.#find(address);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(address, label);
    return label;
  }

  #find(address: string): string {
    if (!isAddress(address)) return address === '' ? '' : EXTERNAL;
    const bytes = addressBytes(address);
    const whole = mapPrefix({ address: bytes, bits: bytes.length * 8 });
    const rule = this.#rules.find(({ prefix }) => isWithin(whole, prefix));
    const found = this.#directory?.groupOf(address);
    if (found !== undefined && isLonger(found.bits + (whole.ipv4 ? IPV4_OFFSET : 0), rule)) return found.name;
    return rule === undefined ? EXTERNAL : (rule.name ?? address);
  }
}

/** A group of networks counts before addresses of the same prefix, as a group of metrics does before both. */
function isLonger(bits: number, rule: Rule | undefined): boolean {
  if (rule === undefined) return true;
  return rule.name === undefined ? bits >= rule.prefix.bits : bits > rule.prefix.bits;
}
