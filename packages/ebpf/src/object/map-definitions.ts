/**
 * Maps declared in C as variables in the `.maps` section. Nothing but their type matters: `__uint(name, n)` is a
 * member that points to an array of n, `__type(key, T)` a member that points to T, `__array(values, T)` a flexible
 * array of pointers to T.
 */
import type { Btf } from '../btf/parse.js';
import { Kind, Linkage, type Member, type StructType } from '../btf/types.js';
import { SymbolType } from '../elf/elf-constants.js';
import type { ElfFile } from '../elf/file.js';
import { FormatError } from '../errors.js';
import { MapType } from '../uapi/map-types.js';
import type { MapSpec } from './spec.js';

export const mapsSection = '.maps';

/** A map and where its variable lies in `.maps`. */
export interface MapDefinition {
  readonly spec: MapSpec;
  readonly offset: number;
  readonly size: number;
  /** Bytes from the variable's start to its `values` member, if it has one. */
  readonly valuesOffset: number | undefined;
}

/** A declaration's type decoded: what several variables of one type share. */
interface Declaration {
  readonly spec: Omit<MapSpec, 'name'>;
  readonly valuesOffset: number | undefined;
}

/** All maps of the `.maps` section, in ascending order of their offsets. @throws FormatError */
export function mapDefinitions(elf: ElfFile, btf: Btf | undefined): MapDefinition[] {
  const section = elf.section(mapsSection);
  if (section === undefined || section.size === 0) return [];
  const datasecId = btf?.find(mapsSection, Kind.datasec);
  const datasec = datasecId === undefined ? undefined : btf?.type(datasecId);
  if (btf === undefined || datasec?.kind !== Kind.datasec) {
    throw new FormatError(
      `maps are declared in ${mapsSection}, but the object has no BTF for it: compile with -g`,
    );
  }
  const symbols = new Map<string, { readonly value: number; readonly size: number }>();
  for (const symbol of elf.symbols) {
    if (symbol.section === section.index && symbol.type === SymbolType.object)
      symbols.set(symbol.name, symbol);
  }
  const declarations = new Map<number, Declaration>();
  const definitions: MapDefinition[] = [];
  for (const { typeId } of datasec.variables) {
    const variable = btf.type(typeId);
    if (variable.kind !== Kind.var || variable.name === '' || variable.linkage === Linkage.extern) {
      throw new FormatError(
        `${mapsSection} holds something that is not a map's definition: BTF type ${typeId}`,
      );
    }
    const symbol = symbols.get(variable.name);
    if (symbol === undefined) throw new FormatError(`map ${variable.name} has no symbol in ${mapsSection}`);
    const structId = btf.skipModifiers(variable.typeId, true);
    let declaration = declarations.get(structId);
    if (declaration === undefined) {
      declaration = readDeclaration(btf, structId, variable.name, false);
      declarations.set(structId, declaration);
    }
    definitions.push({
      spec: named(declaration.spec, variable.name),
      offset: symbol.value,
      size: symbol.size,
      valuesOffset: declaration.valuesOffset,
    });
  }
  return definitions.sort((a, b) => a.offset - b.offset);
}

function named(spec: Omit<MapSpec, 'name'>, name: string): MapSpec {
  const { innerMap, ...rest } = spec;
  return {
    name,
    ...rest,
    ...(innerMap === undefined ? {} : { innerMap: { ...innerMap, name: `${name}.inner` } }),
  };
}

function readDeclaration(btf: Btf, structId: number, name: string, inner: boolean): Declaration {
  const struct = btf.type(structId);
  if (struct.kind !== Kind.struct)
    throw new FormatError(`map ${name} is declared by something other than a struct`);
  const reader = new DeclarationReader(btf, name, inner);
  struct.members.forEach((member, i) => {
    reader.member(member, i === struct.members.length - 1);
  });
  return { spec: reader.finish(), valuesOffset: valuesOffset(struct) };
}

function valuesOffset(struct: StructType): number | undefined {
  const last = struct.members.at(-1);
  return last?.name === 'values' ? last.bitOffset / 8 : undefined;
}

class DeclarationReader {
  readonly #btf: Btf;
  readonly #name: string;
  readonly #inner: boolean;
  readonly #spec = { type: 0, keySize: 0, valueSize: 0, maxEntries: 0, flags: 0 } as Omit<MapSpec, 'name'>;
  /** Sizes given as numbers: they have to agree with those of the types. */
  readonly #sizes: { key?: number; value?: number } = {};

  constructor(btf: Btf, name: string, inner: boolean) {
    this.#btf = btf;
    this.#name = name;
    this.#inner = inner;
  }

  member(member: Member, last: boolean): void {
    const spec = this.#spec;
    switch (member.name) {
      case 'type':
        spec.type = this.#number(member);
        break;
      case 'max_entries':
        spec.maxEntries = this.#number(member);
        break;
      case 'map_flags':
        spec.flags = this.#number(member);
        break;
      case 'numa_node':
        spec.numaNode = this.#number(member);
        break;
      case 'map_extra':
        spec.mapExtra = this.#wideNumber(member);
        break;
      case 'key_size':
        this.#setSize('key', this.#number(member));
        break;
      case 'value_size':
        this.#setSize('value', this.#number(member));
        break;
      case 'key':
        spec.keyTypeId = this.#pointed(member);
        this.#setSize('key', this.#btf.size(spec.keyTypeId));
        break;
      case 'value':
        spec.valueTypeId = this.#pointed(member);
        this.#setSize('value', this.#btf.size(spec.valueTypeId));
        break;
      case 'pinning':
        this.#pinning(this.#number(member));
        break;
      case 'values':
        if (!last) throw this.#error('values has to be the last member');
        this.#values(member);
        break;
      default:
        throw this.#error(`unknown attribute '${member.name}'`);
    }
  }

  finish(): Omit<MapSpec, 'name'> {
    if (this.#spec.type === MapType.unspec) throw this.#error('it has no type');
    // Types of records are for user space: the kernel knows no keys and values of these.
    const { type } = this.#spec;
    const size =
      type === MapType.ringbuf || type === MapType.userRingbuf
        ? 0
        : type === MapType.perfEventArray
          ? 4
          : undefined;
    if (size !== undefined) {
      this.#spec.keySize = size;
      this.#spec.valueSize = size;
    }
    return this.#spec;
  }

  #pinning(value: number): void {
    if (this.#inner) throw this.#error('an inner map cannot be pinned');
    if (value > 1) throw this.#error(`unknown way of pinning ${value}`);
    if (value === 1) this.#spec.pinning = 'by-name';
  }

  /** `__array(values, …)`: inner maps (described by a struct) or programs (a function prototype). */
  #values(member: Member): void {
    const { type } = this.#spec;
    const isOuter = type === MapType.arrayOfMaps || type === MapType.hashOfMaps;
    if (this.#inner) throw this.#error('maps in maps in maps do not exist');
    if (!isOuter && type !== MapType.progArray) {
      throw this.#error('values is only for program arrays and maps of maps, and comes after type');
    }
    this.#setSize('value', 4);
    const array = this.#btf.resolve(member.typeId);
    if (array.kind !== Kind.array) throw this.#error('values is not an array');
    const pointer = this.#btf.type(this.#btf.skipModifiers(array.elementTypeId, true));
    if (pointer.kind !== Kind.ptr) throw this.#error('values is not an array of pointers');
    const element = this.#btf.skipModifiers(pointer.typeId, true);
    if (isOuter) {
      this.#spec.innerMap = {
        name: '',
        ...readDeclaration(this.#btf, element, `${this.#name}.inner`, true).spec,
      };
    } else if (this.#btf.kind(element) !== Kind.funcProto) {
      throw this.#error('values is not an array of pointers to functions');
    }
  }

  #setSize(which: 'key' | 'value', size: number): void {
    const known = this.#sizes[which];
    if (known !== undefined && known !== size) {
      throw this.#error(`its ${which} is given as ${known} and as ${size} bytes`);
    }
    this.#sizes[which] = size;
    this.#spec[which === 'key' ? 'keySize' : 'valueSize'] = size;
  }

  /** The type that a `__type` member points to. */
  #pointed(member: Member): number {
    const pointer = this.#btf.type(member.typeId);
    if (pointer.kind !== Kind.ptr) throw this.#error(`${member.name} is not a pointer to a type`);
    return pointer.typeId;
  }

  #wideNumber(member: Member): bigint {
    const type = this.#btf.resolve(member.typeId);
    // `__ulong` keeps numbers beyond 32 bits as an enumerator.
    if (type.kind === Kind.enum || type.kind === Kind.enum64) {
      const first = type.values[0];
      if (first === undefined) throw this.#error(`${member.name} has no value`);
      return BigInt.asUintN(64, BigInt(first.value));
    }
    return BigInt(this.#number(member));
  }

  /** `__uint`: the element count of the array pointed to. */
  #number(member: Member): number {
    const pointer = this.#btf.resolve(member.typeId);
    const array = pointer.kind === Kind.ptr ? this.#btf.type(pointer.typeId) : undefined;
    if (array?.kind !== Kind.array) throw this.#error(`${member.name} is not a number`);
    return array.count;
  }

  #error(message: string): FormatError {
    return new FormatError(`map ${this.#name}: ${message}`);
  }
}
