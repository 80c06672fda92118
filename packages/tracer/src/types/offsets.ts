/** The offsets of the tracer's fields in types. Pure. */
import { type Btf, Kind } from '@weir/ebpf';
import type { Field } from '../discovery/fields.js';

/** @returns bytes from the start of the struct; undefined where the types have no such field. */
export function fieldOffset(
  btf: Btf,
  { struct, field }: Pick<Field, 'struct' | 'field'>,
): number | undefined {
  // The namespace's number is in a struct of its own within struct net.
  if (struct === 'net') return sum(memberOffset(btf, 'net', 'ns'), memberOffset(btf, 'ns_common', field));
  return memberOffset(btf, struct, field);
}

function memberOffset(btf: Btf, struct: string, member: string): number | undefined {
  const id = btf.find(struct, Kind.struct);
  return id === undefined ? undefined : findMember(btf, id, member);
}

/** Members of anonymous structs and unions are members of what contains these. */
function findMember(btf: Btf, id: number, name: string): number | undefined {
  const type = btf.type(btf.skipModifiers(id));
  if (type.kind !== Kind.struct && type.kind !== Kind.union) return undefined;
  for (const member of type.members) {
    if (member.name === name) return Math.floor(member.bitOffset / 8);
    if (member.name !== '') continue;
    const inner = findMember(btf, member.typeId, name);
    if (inner !== undefined) return member.bitOffset / 8 + inner;
  }
  return undefined;
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
