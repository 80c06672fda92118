/**
 * Types by name without an index of all names: a search through the strings, by native code, for those that are asked for. A load
 * asks for some dozens of the kernel's 120,000 names.
 */
import { essentialName, stringEnd } from './names.js';

/** Bytes of strings that are searched at a time, as text that a young generation has room for. */
const CHUNK = 1 << 16;
/** So many names are searched for one by one. */
const FEW = 3;
const underscore = 0x5f;
/** What follows a name that another one's flavour begins with. */
const flavourMark = '___';
/** Searches of one name, then of several at once, as compared with each other; and how many of the former an index costs. */
const cost = { one: 1, several: 3, index: 10 } as const;

/** The strings in which a name without its flavour stands: by itself, and with flavours. */
interface Found {
  exact: number | undefined;
  readonly flavoured: number[];
}

/**
 * Searches a string section that begins with a NUL, has no string twice, and in which no name begins within a longer one.
 */
export class NameSearch {
  readonly #bytes: Buffer;
  /** Where each type's name begins. */
  readonly #starts: Uint32Array;
  readonly #expected = new Map<string, Found>();
  #spent = 0;

  constructor(bytes: Buffer, starts: Uint32Array) {
    this.#bytes = bytes;
    this.#starts = starts;
  }

  /** Searches for all these names at once, flavours aside, for those who will ask for them. */
  expect(names: Iterable<string>): void {
    this.#expectEssential(new Set(Array.from(names, essentialName)));
  }

  /**
   * Indexes into `starts` of the types named `name`, of any flavour if `flavours`; ascending. Undefined once an index would have
   * cost less than all that was searched for.
   */
  find(name: string, flavours: boolean): number[] | undefined {
    let known = this.#expected.get(name);
    if (known === undefined && this.#spent >= cost.index) return undefined;
    if (!flavours) return this.#typesAt(known === undefined ? this.#searchOne(name) : known.exact);
    if (known === undefined) this.#expectEssential(new Set([name]));
    known = this.#expected.get(name)!;
    const starts = known.exact === undefined ? known.flavoured : [known.exact, ...known.flavoured];
    const types = starts.flatMap((start) => this.#typesAt(start));
    return starts.length > 1 ? types.sort((a, b) => a - b) : types;
  }

  #expectEssential(names: Set<string>): void {
    names.delete('');
    for (const name of this.#expected.keys()) names.delete(name);
    if (names.size === 0) return;
    this.#spent += cost.several;
    const found = new Map<string, Found>(
      Array.from(names, (name) => [latin1(name), { exact: undefined, flavoured: [] }]),
    );
    this.#searchAll(found);
    for (const name of names) this.#expected.set(name, found.get(latin1(name))!);
  }

  #searchOne(name: string): number | undefined {
    this.#spent += cost.one;
    const at = this.#bytes.indexOf(`\0${name}\0`);
    return at < 0 ? undefined : at + 1;
  }

  /** @param found By name, a character for each byte. */
  #searchAll(found: ReadonlyMap<string, Found>): void {
    const names = [...found.keys()];
    const places = names.length <= FEW ? this.#placesOfFew(names) : this.#placesOfMany(names);
    // Each once: a name may begin with another one.
    for (const start of new Set(places)) {
      const name = this.#bytes.toString('latin1', start, stringEnd(this.#bytes, start));
      const essential = essentialName(name);
      const exact = found.get(name);
      if (exact !== undefined) exact.exact = start;
      if (essential !== name) found.get(essential)?.flavoured.push(start);
    }
  }

  /** Where these names begin, with flavours and without: a search for each, which makes no garbage. */
  *#placesOfFew(names: readonly string[]): Generator<number, void, undefined> {
    const bytes = this.#bytes;
    for (const name of names) {
      const wanted = Buffer.from(`\0${name}`, 'latin1');
      for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
        const end = at + wanted.length;
        if (bytes[end] === 0 || (bytes[end] === underscore && bytes[end + 1] === underscore)) yield at + 1;
      }
    }
  }

  /** As {@link #placesOfFew}, by one search for all. */
  *#placesOfMany(names: readonly string[]): Generator<number, void, undefined> {
    const bytes = this.#bytes;
    const pattern = new RegExp(`\0(?:${names.map(escapePattern).join('|')})(?=\0|${flavourMark})`, 'g');
    const overlap = 1 + Math.max(...names.map(({ length }) => length)) + flavourMark.length;
    for (let from = 0; from < bytes.length; from += CHUNK) {
      const chunk = bytes.toString('latin1', from, from + CHUNK + overlap);
      // Not matchAll, which compiles a pattern for each text.
      for (let match = pattern.exec(chunk); match !== null; match = pattern.exec(chunk))
        // The next chunk begins with those behind its end, too.
        if (match.index < CHUNK) yield from + match.index + 1;
    }
  }

  #typesAt(start: number | undefined): number[] {
    const types: number[] = [];
    if (start === undefined) return types;
    for (let i = this.#starts.indexOf(start); i >= 0; i = this.#starts.indexOf(start, i + 1)) types.push(i);
    return types;
  }
}

/** The bytes of a name, a character each. */
function latin1(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
