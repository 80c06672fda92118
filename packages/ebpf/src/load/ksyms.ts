/** Kernel variables and functions that programs declare with `__ksym`. */
import { kernelBtf } from '../btf/kernel.js';
import { Kind } from '../btf/types.js';
import { EbpfError, UnknownFeatureError } from '../errors.js';
import { kernelSymbols } from '../features/symbols.js';
import type { KernelSymbol } from '../object/spec.js';

/** A kernel symbol, as it was found. */
export type ResolvedSymbol =
  /** A variable or function known by its id in the kernel's BTF. */
  | { readonly kind: 'typed'; readonly btfId: number }
  /** A bare address; 0 for a weak symbol that the kernel lacks. */
  | { readonly kind: 'address'; readonly address: bigint }
  /** A weak function that the kernel lacks. */
  | { readonly kind: 'missing' };

/**
 * Looks all symbols up in the running kernel (not in modules).
 * @throws EbpfError for one that is missing and not weak.
 */
export function resolveKernelSymbols(symbols: Iterable<KernelSymbol>): Map<string, ResolvedSymbol> {
  const resolved = new Map<string, ResolvedSymbol>();
  for (const symbol of symbols) resolved.set(symbol.name, resolve(symbol));
  return resolved;
}

const zeros = {
  reason: '/proc/kallsyms shows no addresses to this process',
  advice: 'run it as root, or give it CAP_SYSLOG; kernel.kptr_restrict must be below 2',
};

function resolve({ name, kind, weak, typeId }: KernelSymbol): ResolvedSymbol {
  if (typeId !== undefined || kind === 'kfunc') {
    const btfId = kernelBtf()?.find(name, kind === 'kfunc' ? Kind.func : Kind.var);
    if (btfId !== undefined) return { kind: 'typed', btfId };
    if (weak) return kind === 'kfunc' ? { kind: 'missing' } : { kind: 'address', address: 0n };
    throw new EbpfError(
      `extern ${name}: the kernel's BTF has no ${kind === 'kfunc' ? 'function' : 'variable'} of that name`,
    );
  }
  const symbols = kernelSymbols();
  const symbol = symbols.get(name);
  if (symbol !== undefined) {
    // An address of zero stands for a weak symbol that the kernel lacks.
    if (symbol.address === 0n && symbols.hidesAddresses)
      throw new UnknownFeatureError(`${name} at a known address`, zeros);
    return { kind: 'address', address: symbol.address };
  }
  if (symbols.hidden !== undefined) throw new UnknownFeatureError(`the symbol ${name}`, symbols.hidden);
  if (weak) return { kind: 'address', address: 0n };
  throw new EbpfError(`extern ${name}: /proc/kallsyms has no such symbol`);
}
