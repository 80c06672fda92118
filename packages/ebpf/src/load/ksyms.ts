/** Kernel variables and functions that programs declare with `__ksym`. */
import { Budget } from '../btf/core/budget.js';
import { typesAreCompatible } from '../btf/core/compatible.js';
import { kernelBtf } from '../btf/kernel.js';
import { essentialName } from '../btf/names.js';
import type { Btf } from '../btf/parse.js';
import { Kind } from '../btf/types.js';
import { EbpfError, UnknownFeatureError } from '../errors.js';
import { unsupported } from '../features/since.js';
import { kernelSymbols } from '../features/symbols.js';
import type { KernelSymbol } from '../object/spec.js';
import { kernelAtLeast } from '../sys/kernel-version.js';
import { type ModuleTypes, withoutModuleBtf } from './module-types.js';

/** A kernel symbol, as it was found. */
export type ResolvedSymbol =
  /** A variable or function known by its id in the kernel's BTF, or in that of the module with this descriptor (else 0). */
  | {
      readonly kind: 'typed';
      readonly of: 'function' | 'variable';
      readonly btfId: number;
      readonly btfFd: number;
    }
  /** A bare address; 0 for a weak symbol that the kernel lacks. */
  | { readonly kind: 'address'; readonly address: bigint }
  /** A weak function that the kernel lacks. */
  | { readonly kind: 'missing' };

/** The places where symbols are declared and looked for. */
export interface SymbolContext {
  /** The object's own types. */
  readonly local: Btf | undefined;
  readonly modules: ModuleTypes;
}

/**
 * Looks all symbols up in the running kernel and its modules.
 * @throws EbpfError for one that is missing and not weak, or of another type than the kernel's; UnsupportedError for what lies in a module
 * where the kernel cannot call it; FormatError, SyscallError for a module's types that cannot be read or opened.
 */
export function resolveKernelSymbols(
  symbols: Iterable<KernelSymbol>,
  context: SymbolContext,
): Map<string, ResolvedSymbol> {
  const resolved = new Map<string, ResolvedSymbol>();
  for (const symbol of symbols) {
    const isTyped = symbol.typeId !== undefined || symbol.kind === 'kfunc';
    resolved.set(symbol.name, isTyped ? resolveTyped(symbol, context) : resolveAddress(symbol));
  }
  return resolved;
}

/** The `fd_array` of programs that call functions of modules: index 0 stands for the kernel itself. */
export function functionModules(symbols: Iterable<ResolvedSymbol>): readonly number[] {
  const fds = new Set<number>();
  for (const symbol of symbols)
    if (symbol.kind === 'typed' && symbol.of === 'function' && symbol.btfFd !== 0) fds.add(symbol.btfFd);
  return fds.size === 0 ? [] : [0, ...fds];
}

const zeros = {
  reason: '/proc/kallsyms shows no addresses to this process',
  advice: 'run it as root, or give it CAP_SYSLOG; kernel.kptr_restrict must be below 2',
};

interface TypedSymbol {
  readonly btf: Btf;
  readonly btfId: number;
  readonly btfFd: number;
}

function resolveTyped(symbol: KernelSymbol, context: SymbolContext): ResolvedSymbol {
  const { name, weak } = symbol;
  const isFunction = symbol.kind === 'kfunc';
  const found = findTyped(symbol, context.modules);
  const declared = declaredType(symbol, context.local);
  const fits = found === undefined || declared === undefined || isCompatible(declared, found);
  if (found !== undefined && fits)
    return {
      kind: 'typed',
      of: isFunction ? 'function' : 'variable',
      btfId: found.btfId,
      btfFd: found.btfFd,
    };
  // A function with other parameters is another function: what a flavour stands for.
  if (weak && isFunction) return { kind: 'missing' };
  const what = isFunction ? 'function' : 'variable';
  if (!fits)
    throw new EbpfError(
      `extern ${name}: the kernel's ${what} of that name has another type (structs declared without members count as other types)`,
    );
  if (weak) return { kind: 'address', address: 0n };
  const wanted = isFunction ? essentialName(name) : name;
  const module = kernelSymbols().get(wanted)?.module;
  if (module !== undefined && context.modules.modules?.get(module) === undefined)
    throw withoutModuleBtf(`extern ${name}`, module);
  const called = wanted === name ? 'that name' : `the name ${wanted}`;
  throw new EbpfError(
    `extern ${name}: the kernel's BTF has no ${what} of ${called}, nor has that of a module`,
  );
}

function findTyped({ name, kind }: KernelSymbol, modules: ModuleTypes): TypedSymbol | undefined {
  const btf = kernelBtf();
  if (btf === undefined) return undefined;
  const isFunction = kind === 'kfunc';
  // Flavours of a function are declarations of it with other parameters; a variable's name is as it stands.
  const wanted = isFunction ? essentialName(name) : name;
  const typeKind = isFunction ? Kind.func : Kind.var;
  const btfId = btf.find(wanted, typeKind);
  if (btfId !== undefined) return { btf, btfId, btfFd: 0 };
  // Without the symbol there is no use in reading the types of all modules.
  const symbols = kernelSymbols();
  const module = symbols.get(wanted)?.module;
  if (module === undefined && symbols.hidden === undefined) return undefined;
  const found = modules.find(wanted, typeKind, module);
  if (found === undefined) return undefined;
  const since = isFunction ? '5.16' : '5.12';
  if (!kernelAtLeast(since))
    throw unsupported(
      isFunction ? 'calls of functions in modules' : 'variables of modules in programs',
      since,
      `extern ${name} is in module ${found.module}`,
    );
  return { btf: modules.modules!.get(found.module)!, btfId: found.typeId, btfFd: found.btfFd };
}

interface DeclaredType {
  readonly btf: Btf;
  readonly typeId: number;
}

/** A function's prototype, a variable's type. */
function declaredType({ typeId, kind }: KernelSymbol, local: Btf | undefined): DeclaredType | undefined {
  if (typeId === undefined || local === undefined) return undefined;
  if (kind !== 'kfunc') return { btf: local, typeId: local.skipModifiers(typeId) };
  const type = local.type(typeId);
  return type.kind === Kind.func ? { btf: local, typeId: type.typeId } : undefined;
}

function isCompatible(declared: DeclaredType, { btf, btfId }: TypedSymbol): boolean {
  const type = btf.type(btfId);
  if (type.kind !== Kind.func && type.kind !== Kind.var) return false;
  const typeId = type.kind === Kind.var ? btf.skipModifiers(type.typeId) : type.typeId;
  return typesAreCompatible(declared.btf, declared.typeId, btf, typeId, new Budget(100_000));
}

function resolveAddress({ name, weak }: KernelSymbol): ResolvedSymbol {
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
