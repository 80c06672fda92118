/** Names of prefixes, found by address: the longest prefix counts. Pure. */
import { mapPrefix, parsePrefix } from '@weir/ebpf/address';

/** What an address was found by. */
export interface FoundPrefix {
  readonly name: string;
  /** Length of the prefix, 0 to 32 or 0 to 128. */
  readonly bits: number;
}

const IPV4_BITS = 32;
const IPV6_BITS = 128;
const MAPPED_BITS = 96;
const ipv4Form = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** A prefix as a number: the leading bits of its addresses. */
type Key = number | bigint;

/** Prefixes of one family, by their length. */
class Family<K extends Key> {
  readonly #byLength = new Map<number, Map<K, string>>();
  /** The longest first. */
  #lengths: readonly number[] = [];

  add(bits: number, key: K, name: string): string | undefined {
    let names = this.#byLength.get(bits);
    if (names === undefined) {
      names = new Map();
      this.#byLength.set(bits, names);
      this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
    }
    const known = names.get(key);
    if (known === undefined) names.set(key, name);
    return known;
  }

  find(keyOf: (bits: number) => K): FoundPrefix | undefined {
    for (const bits of this.#lengths) {
      const name = this.#byLength.get(bits)!.get(keyOf(bits));
      if (name !== undefined) return { name, bits };
    }
    return undefined;
  }
}

/** Prefixes with their names. Equal ones keep the name that came first. */
export class PrefixTable {
  readonly #ipv4 = new Family<number>();
  readonly #ipv6 = new Family<bigint>();
  /** Texts of names, each once. */
  readonly #names = new Map<string, string>();
  #size = 0;

  /** Number of prefixes. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a prefix, or an address, which counts as a whole.
   *
   * @returns The name that it has already; undefined for a new one.
   * @throws OptionError for what is no prefix, or has bits behind it
   */
  add(prefix: string, name: string): string | undefined {
    const known = this.#names.get(name) ?? name;
    if (known === name) this.#names.set(name, name);
    const earlier = this.#put(prefix, known);
    if (earlier === undefined) this.#size++;
    return earlier;
  }

  #put(prefix: string, name: string): string | undefined {
    const slash = prefix.indexOf('/');
    const number = ipv4Number(slash < 0 ? prefix : prefix.slice(0, slash));
    if (number !== undefined) {
      const bits = slash < 0 ? IPV4_BITS : Number(prefix.slice(slash + 1));
      const isWhole = Number.isInteger(bits) && bits >= 0 && bits <= IPV4_BITS && !/[/\s]$/.test(prefix);
      if (isWhole && number % 2 ** (IPV4_BITS - bits) === 0)
        return this.#ipv4.add(bits, leading(number, bits), name);
    }
    const parsed = parsePrefix(prefix);
    const { address, bits, ipv4 } = mapPrefix(parsed);
    const whole = bytesAsNumber(address);
    if (ipv4 && bits >= MAPPED_BITS) {
      const length = bits - MAPPED_BITS;
      return this.#ipv4.add(length, leading(Number(whole & 0xffff_ffffn), length), name);
    }
    return this.#ipv6.add(bits, whole >> BigInt(IPV6_BITS - bits), name);
  }

  /** The longest prefix that has an address, given in the form that rows have; undefined where none has. */
  find(address: string): FoundPrefix | undefined {
    const number = ipv4Number(address);
    if (number !== undefined) return this.#ipv4.find((bits) => leading(number, bits));
    let parsed: ReturnType<typeof mapPrefix>;
    try {
      parsed = mapPrefix(parsePrefix(address));
    } catch {
      return undefined;
    }
    const whole = bytesAsNumber(parsed.address);
    if (parsed.ipv4) return this.#ipv4.find((bits) => leading(Number(whole & 0xffff_ffffn), bits));
    return this.#ipv6.find((bits) => whole >> BigInt(IPV6_BITS - bits));
  }
}

function leading(number: number, bits: number): number {
  return Math.floor(number / 2 ** (IPV4_BITS - bits));
}

/** The 32 bits of an address in dotted form; undefined for any other text. */
export function ipv4Number(text: string): number | undefined {
  const match = ipv4Form.exec(text);
  if (match === null) return undefined;
  let number = 0;
  for (let index = 1; index <= 4; index++) {
    const part = Number(match[index]);
    // A leading zero stands for octal in some programs.
    if (part > 255 || String(part) !== match[index]) return undefined;
    number = number * 256 + part;
  }
  return number;
}

function bytesAsNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}
