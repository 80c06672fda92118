/**
 * The running kernel's symbol table, /proc/kallsyms: which functions exist (and can be probed), and at which
 * address a variable lies. Addresses read as zero for those without CAP_SYSLOG or with kernel.kptr_restrict.
 */
import { judgeFile, readText, statErrno } from './kernel-files.js';
import { known, type ProbeResult, type UnknownFeature, unknown } from './state.js';

/** A line of /proc/kallsyms. */
export interface KernelSymbolEntry {
  readonly name: string;
  /** 0n where the kernel hides addresses from this process. */
  readonly address: bigint;
  /** As nm prints it: `T` and `t` are functions, `D`, `d`, `B`, `b`, `R`, `r` data. */
  readonly type: string;
  /** The module that owns the symbol; absent for the kernel itself. */
  readonly module?: string;
}

/** Symbols by name, parsed on demand: the table has more than 100,000 lines, most callers ask for a handful. */
export class KernelSymbols {
  /** Why the table cannot be read; it is empty then, which says nothing. */
  readonly hidden: UnknownFeature | undefined;
  readonly #text: string;
  /** Functions by address, once one was asked for. */
  #functions: { readonly addresses: BigUint64Array; readonly lines: readonly number[] } | undefined;

  /**
   * Parses the text of /proc/kallsyms.
   *
   * @param text The contents of /proc/kallsyms: lines of address, type, name and optionally `[module]`.
   * @param hidden Why there is no text.
   */
  constructor(text: string, hidden?: UnknownFeature) {
    this.hidden = hidden;
    this.#text = text.startsWith('\n') ? text : `\n${text}`;
  }

  /** The first symbol of this exact name. */
  get(name: string): KernelSymbolEntry | undefined {
    for (let at = this.#text.indexOf(` ${name}`); at >= 0; at = this.#text.indexOf(` ${name}`, at + 1)) {
      const symbol = this.#lineAt(at);
      if (symbol?.name === name) return symbol;
    }
    return undefined;
  }

  /** The name of the function that begins at an address; undefined if none does. */
  functionAt(address: bigint): string | undefined {
    const digits = address.toString(16).padStart(16, '0');
    return new RegExp(`^${digits} [tTwW] (\\S+)`, 'm').exec(this.#text)?.[1];
  }

  /**
   * The function that an address is in, such as one of a stack: the last that begins at or before it. `offset` is in bytes from its beginning;
   * sizes are not known, and an address behind the last function counts as one in it. Undefined before the first, and where addresses are hidden.
   */
  functionAround(address: bigint): (KernelSymbolEntry & { readonly offset: number }) | undefined {
    this.#functions ??= this.#sortFunctions();
    const { addresses, lines } = this.#functions;
    let [low, high] = [0, addresses.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    const symbol = low === 0 ? undefined : this.#lineAt(lines[low - 1]!);
    return symbol && { ...symbol, offset: Number(address - symbol.address) };
  }

  /** Whether a function of this name exists, in the kernel or in a loaded module. */
  hasFunction(name: string): boolean {
    const symbol = this.get(name);
    return symbol !== undefined && /^[tTwW]$/.test(symbol.type);
  }

  /** Whether all addresses read as zero: they are shown to those with CAP_SYSLOG, by kernel.kptr_restrict. */
  get hidesAddresses(): boolean {
    const text = this.get('_stext') ?? this.get('_text');
    return text?.address === 0n;
  }

  /** The same, where the table may be hidden from this process. */
  functionState(name: string): ProbeResult {
    return this.hidden ?? known(this.hasFunction(name));
  }

  /**
   * Functions whose names are this one with a suffix that compilers add when they split, clone or specialise it
   * (`.part.0`, `.isra.0`, `.constprop.0`, `.cold`), or that differ only in leading underscores or a system
   * call's prefix. For advice in errors.
   */
  closeTo(name: string): readonly string[] {
    const stem = name.replace(/^(__x64_sys_|__arm64_sys_|__se_sys_|__do_sys_|ksys_|sys_|_+)/, '');
    if (stem.length < 3) return [];
    const pattern = new RegExp(
      `^[0-9a-f]+ [tTwW] (?:${escapeRegExp(name)}\\.[\\w.]+|(?:__x64_sys_|__arm64_sys_|ksys_|_+)?${escapeRegExp(stem)})(?=\\s|$)`,
      'gm',
    );
    const found = new Set<string>();
    for (const match of this.#text.matchAll(pattern)) {
      const candidate = match[0].split(' ')[2];
      if (candidate !== undefined && candidate !== name) found.add(candidate);
      if (found.size === 8) break;
    }
    return [...found];
  }

  /** Their addresses in ascending order, and where the line of each is. Lines of modules are not in the order of addresses. */
  #sortFunctions(): { addresses: BigUint64Array; lines: number[] } {
    const found: { address: bigint; line: number }[] = [];
    for (const match of this.#text.matchAll(/\n([0-9a-f]+) [tTwW] /g)) {
      const address = BigInt(`0x${match[1]}`);
      if (address !== 0n) found.push({ address, line: match.index + 1 });
    }
    found.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
    return {
      addresses: BigUint64Array.from(found, ({ address }) => address),
      lines: found.map(({ line }) => line),
    };
  }

  #lineAt(offset: number): KernelSymbolEntry | undefined {
    const start = this.#text.lastIndexOf('\n', offset) + 1;
    const end = this.#text.indexOf('\n', offset);
    const line = this.#text.slice(start, end < 0 ? undefined : end);
    const match = /^([0-9a-f]+) (\S) (\S+)(?:\s+\[(.+)\])?$/.exec(line);
    if (match === null) return undefined;
    const [, address, type, name, module] = match;
    const symbol = { name: name!, address: BigInt(`0x${address}`), type: type! };
    return module === undefined ? symbol : { ...symbol, module };
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

let cached: KernelSymbols | undefined;

/**
 * The running kernel's symbols, read once. Empty where there is no /proc/kallsyms (CONFIG_KALLSYMS off); empty and
 * {@link KernelSymbols.hidden} where this process may not read it, which is tried again the next time.
 */
export function kernelSymbols(): KernelSymbols {
  if (cached !== undefined) return cached;
  const symbols = readSymbols();
  if (symbols.hidden === undefined) cached = symbols;
  return symbols;
}

const path = '/proc/kallsyms';

function readSymbols(): KernelSymbols {
  const file = readText(path);
  if ('text' in file && file.text !== '') return new KernelSymbols(file.text);
  if ('text' in file) return new KernelSymbols('', unknown(`${path} shows nothing`));
  // A procfs that is mounted for processes only has no such file either.
  const mounted = statErrno('/proc/version') === 0;
  const state = judgeFile(file.errno, path, mounted ? undefined : 'procfs is not mounted');
  return new KernelSymbols('', state.state === 'unknown' ? state : undefined);
}
