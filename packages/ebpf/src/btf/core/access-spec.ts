/**
 * The target of a CO-RE relocation, as a path through types. The compiler gives it as an access string such as
 * `0:3:1`; the first number indexes the pointer the access starts from, the others are members of structs and elements
 * of arrays. Only the named members and the array indexes identify a field across kernels: anonymous structs
 * and unions may come and go between versions.
 */
import { FormatError } from '../../errors.js';
import { CoreKind, type CoreRelocation } from '../ext.js';
import type { Btf } from '../parse.js';
import { type ArrayType, type BtfType, isComposite, isEnum, Kind, kindName, type Member } from '../types.js';

/** A named member of `typeId`, or without a name the element `index` of an array of `typeId`. */
export interface Accessor {
  readonly typeId: number;
  readonly index: number;
  readonly name: string | undefined;
}

/** A resolved path in one BTF blob. */
export interface AccessPath {
  readonly btf: Btf;
  readonly rootTypeId: number;
  /** Empty for relocations of types; the one enumerator for those of enumerators. */
  readonly accessors: readonly Accessor[];
  /** Where the field begins, in bits from the root. */
  readonly bitOffset: number;
}

/** Steps in one path, anonymous members included; the same limit as in libbpf and the kernel. */
export const MAX_STEPS = 64;
/** A path leads at most this far, in bits: the kernel counts them in 32 bits. */
const MAX_BITS = 0xffffffff;

export function isFieldKind(kind: number): boolean {
  return kind >= CoreKind.fieldByteOffset && kind <= CoreKind.fieldRightShift;
}

export function isTypeKind(kind: number): boolean {
  return (kind >= CoreKind.typeIdLocal && kind <= CoreKind.typeSize) || kind === CoreKind.typeMatches;
}

export function isEnumKind(kind: number): boolean {
  return kind === CoreKind.enumValueExists || kind === CoreKind.enumValue;
}

/**
 * The local side of a relocation, from its access string.
 * @throws FormatError if the string does not fit the type.
 */
export function parseAccess({ typeId, accessString, kind }: CoreRelocation, btf: Btf): AccessPath {
  const fail = (why: string): FormatError =>
    new FormatError(`CO-RE: the access ${JSON.stringify(accessString)} to ${typeLabel(btf, typeId)} ${why}`);

  if (isTypeKind(kind)) {
    if (accessString !== '0') throw fail('names a member, but the relocation asks about the whole type');
    btf.type(typeId);
    return { btf, rootTypeId: typeId, accessors: [], bitOffset: 0 };
  }
  if (!/^\d{1,10}(:\d{1,10})*$/.test(accessString)) throw fail('is malformed');
  const steps = accessString.split(':').map(Number);
  if (steps.length > MAX_STEPS) throw fail(`has more than ${MAX_STEPS} steps`);
  const [first = 0, ...rest] = steps;
  let id = btf.skipModifiers(typeId);
  const root = btf.type(id);

  if (isEnumKind(kind)) {
    const value = isEnum(root) && rest.length === 0 ? root.values[first] : undefined;
    if (value === undefined) throw fail('is not an enumerator');
    return {
      btf,
      rootTypeId: typeId,
      accessors: [{ typeId: id, index: first, name: value.name }],
      bitOffset: 0,
    };
  }
  if (!isFieldKind(kind)) throw fail(`is of the unknown kind ${kind}`);

  const accessors: Accessor[] = [{ typeId: id, index: first, name: undefined }];
  let bitOffset = first * btf.size(id) * 8;
  for (const index of rest) {
    id = btf.skipModifiers(id);
    const type = btf.type(id);
    if (isComposite(type)) {
      const member = type.members[index];
      if (member === undefined) throw fail(`leads to member ${index}, which ${typeLabel(btf, id)} lacks`);
      bitOffset += member.bitOffset;
      if (member.name !== '') accessors.push({ typeId: id, index, name: member.name });
      id = member.typeId;
    } else if (type.kind === Kind.array) {
      if (index >= type.count && !isFlexible(btf, accessors.at(-1), type)) throw fail('leaves an array');
      id = btf.skipModifiers(type.elementTypeId);
      accessors.push({ typeId: id, index, name: undefined });
      bitOffset += index * btf.size(id) * 8;
    } else {
      throw fail(`leads into ${typeLabel(btf, id)}, which has no members`);
    }
    if (bitOffset > MAX_BITS) throw fail('leads too far');
  }
  return { btf, rootTypeId: typeId, accessors, bitOffset };
}

/** Whether an array, reached by the accessor, is a flexible one: without a length, as the last member. */
export function isFlexible(btf: Btf, reachedBy: Accessor | undefined, array: ArrayType): boolean {
  if (reachedBy?.name === undefined || array.count > 0) return false;
  const owner = btf.type(reachedBy.typeId);
  return isComposite(owner) && reachedBy.index === owner.members.length - 1;
}

/** The member an accessor stands for. */
export function memberOf(btf: Btf, accessor: Accessor): Member {
  const type = btf.type(accessor.typeId);
  const member = isComposite(type) ? type.members[accessor.index] : undefined;
  if (member === undefined) throw new FormatError(`CO-RE: ${typeLabel(btf, accessor.typeId)} lacks a member`);
  return member;
}

/** A type in C's words, for messages: `struct sock`. */
export function typeLabel(btf: Btf, id: number): string {
  const type: BtfType = btf.type(id);
  const keyword = type.kind === Kind.enum64 ? 'enum' : kindName(type.kind);
  return type.kind === Kind.int ? type.name : `${keyword} ${type.name === '' ? '(anonymous)' : type.name}`;
}

/** A path in C's words, for messages: `struct sock.__sk_common.skc_family`, `enum bpf_map_type::BPF_MAP_TYPE_HASH`. */
export function pathLabel({ btf, rootTypeId, accessors }: AccessPath): string {
  const root = typeLabel(btf, rootTypeId);
  if (isEnum(btf.resolve(rootTypeId)) && accessors.length === 1) return `${root}::${accessors[0]!.name}`;
  const steps = accessors.map(({ name, index }, i) => {
    if (name !== undefined) return `.${name}`;
    return i > 0 || index > 0 ? `[${index}]` : '';
  });
  return root + steps.join('');
}
