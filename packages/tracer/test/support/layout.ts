/** Where fields are according to the running kernel's own types, or to its build. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type Btf, Kind, kernelBtf } from '@weir/ebpf';
import type { Field } from '../../src/discovery/fields.js';

/** A field's place in its struct: bytes. */
export interface Place {
  readonly offset: number;
  readonly size: number;
}

/** The kernel's BTF. */
export function kernelTypes(): Btf {
  const btf = kernelBtf();
  assert.ok(btf !== undefined, 'this kernel has no BTF');
  return btf;
}

/** Finds the offsets of fields: in the kernel's BTF, or in the output of the build of the lab's kernel without BTF (docs/lab.md). */
export function judge(): (field: Field) => Place | undefined {
  const path = process.env.WEIR_OFFSETS;
  if (path === undefined) {
    const btf = kernelTypes();
    return (field) => placeOf(btf, field);
  }
  const offsets = JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, number>>;
  return ({ struct, field, size }) => {
    const offset = offsets[struct === 'net' ? `net.ns.${field}` : `${struct}.${field}`];
    return offset === undefined ? undefined : { offset, size };
  };
}

/** Where a field is; undefined if this kernel has no such field. */
export function placeOf(btf: Btf, { struct, field }: Pick<Field, 'struct' | 'field'>): Place | undefined {
  if (struct !== 'net') return member(btf, struct, field);
  const outer = member(btf, 'net', 'ns');
  const inner = member(btf, 'ns_common', field);
  return outer && inner && { offset: outer.offset + inner.offset, size: inner.size };
}

function member(btf: Btf, struct: string, name: string): Place | undefined {
  const id = btf.find(struct, Kind.struct);
  return id === undefined ? undefined : find(btf, id, name, 0);
}

/** Looks into nameless members too. */
function find(btf: Btf, id: number, name: string, base: number): Place | undefined {
  const type = btf.resolve(id);
  if (type.kind !== Kind.struct && type.kind !== Kind.union) return undefined;
  for (const inner of type.members) {
    const offset = base + Math.floor(inner.bitOffset / 8);
    if (inner.name === name) {
      return { offset, size: inner.bitSize > 0 ? inner.bitSize / 8 : btf.size(inner.typeId) };
    }
    const nested = inner.name === '' ? find(btf, inner.typeId, name, offset) : undefined;
    if (nested !== undefined) return nested;
  }
  return undefined;
}
