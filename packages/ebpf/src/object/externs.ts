/** Symbols that an object uses without defining them: `__ksym` and `__kconfig`, as the object's BTF declares them. */
import type { Btf } from '../btf/parse.js';
import { Kind, Linkage } from '../btf/types.js';
import { FormatError } from '../errors.js';
import type { KconfigVariable, KernelSymbol } from './spec.js';

export const kconfigSection = '.kconfig';
export const ksymsSection = '.ksyms';

/** More than any kernel's configuration has. */
const MAX_KCONFIG_SIZE = 64 * 1024;

/** The externs that an object's BTF declares, by name. */
export interface Externs {
  readonly kernelSymbols: Map<string, KernelSymbol>;
  readonly kconfig: Map<string, KconfigVariable>;
  /** Bytes of the `.kconfig` map's value. */
  readonly kconfigSize: number;
}

/**
 * @param isWeak whether the ELF symbol of that name is weak.
 * @throws FormatError for a declaration of a type that has no meaning.
 */
export function collectExterns(btf: Btf | undefined, isWeak: (name: string) => boolean): Externs {
  const kernelSymbols = new Map<string, KernelSymbol>();
  const kconfig = new Map<string, KconfigVariable>();
  if (btf === undefined) return { kernelSymbols, kconfig, kconfigSize: 0 };
  for (const id of externIds(btf, ksymsSection)) {
    const symbol = kernelSymbol(btf, id, isWeak);
    kernelSymbols.set(symbol.name, symbol);
  }
  const variables = externIds(btf, kconfigSection).map((id) => kconfigVariable(btf, id, isWeak));
  // libbpf's order, so that both loaders make the same map.
  variables.sort((a, b) => b.alignment - a.alignment || a.size - b.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  for (const { alignment, ...variable } of variables) {
    const offset = Math.ceil(end / alignment) * alignment;
    end = offset + variable.size;
    if (end > MAX_KCONFIG_SIZE) {
      throw new FormatError(`the __kconfig variables take more than ${MAX_KCONFIG_SIZE} bytes`);
    }
    kconfig.set(variable.name, { ...variable, offset });
  }
  return { kernelSymbols, kconfig, kconfigSize: end };
}

function externIds(btf: Btf, section: string): number[] {
  const id = btf.find(section, Kind.datasec);
  const type = id === undefined ? undefined : btf.type(id);
  return type?.kind === Kind.datasec ? type.variables.map((variable) => variable.typeId) : [];
}

function kernelSymbol(btf: Btf, id: number, isWeak: (name: string) => boolean): KernelSymbol {
  const type = btf.type(id);
  if (type.kind === Kind.func) {
    return { name: type.name, kind: 'kfunc', weak: isWeak(type.name), typeId: id };
  }
  if (type.kind !== Kind.var || type.linkage !== Linkage.extern) {
    throw new FormatError(`BTF type ${id} in ${ksymsSection} is no extern variable or function`);
  }
  const typeless = btf.resolve(type.typeId).kind === Kind.void;
  return {
    name: type.name,
    kind: 'ksym',
    weak: isWeak(type.name),
    ...(typeless ? {} : { typeId: type.typeId }),
  };
}

type KconfigShape = Pick<KconfigVariable, 'kind' | 'size' | 'signed'> & { readonly alignment: number };

function kconfigVariable(btf: Btf, id: number, isWeak: (name: string) => boolean) {
  const variable = btf.type(id);
  if (variable.kind !== Kind.var) throw new FormatError(`BTF type ${id} in ${kconfigSection} is no variable`);
  const shape = kconfigShape(btf, variable.typeId);
  if (shape === undefined) {
    throw new FormatError(`__kconfig variable ${variable.name} is of a type that no kernel option can have`);
  }
  return { name: variable.name, weak: isWeak(variable.name), ...shape };
}

function kconfigShape(btf: Btf, typeId: number): KconfigShape | undefined {
  const type = btf.resolve(typeId);
  switch (type.kind) {
    case Kind.int:
      if (![1, 2, 4, 8].includes(type.size)) return undefined;
      return {
        kind: type.bool ? 'bool' : type.size === 1 ? 'char' : 'int',
        size: type.size,
        signed: type.signed,
        alignment: type.size,
      };
    case Kind.enum:
    case Kind.enum64:
      if (type.size !== 4 || type.name !== 'libbpf_tristate') return undefined;
      return { kind: 'tristate', size: 4, signed: false, alignment: 4 };
    case Kind.array: {
      const element = btf.resolve(type.elementTypeId);
      if (element.kind !== Kind.int || element.size !== 1 || element.bool || type.count === 0)
        return undefined;
      return { kind: 'string', size: type.count, signed: false, alignment: 1 };
    }
    default:
      return undefined;
  }
}
