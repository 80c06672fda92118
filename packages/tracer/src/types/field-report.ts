/** The offset of each field, for `weir doctor --offsets`. */
import { type Btf, kernelBtf } from '@weir/ebpf';
import { knownFields } from '../discovery/fields.js';
import { type DiscoveredField, discover, type MissingField } from '../discovery/index.js';
import type { FieldOffset, HostReport } from '../report.js';
import { fieldOffset } from './offsets.js';
import type { TargetTypes } from './target.js';

/**
 * Describes all fields: their offsets in the types in use, in the kernel's own types if it has them, and by discovery. Runs a
 * discovery unless one was made for these types.
 */
export function describeOffsets(types: TargetTypes): readonly FieldOffset[] {
  const found = types.fields ?? [];
  const { fields, missing } =
    types.fields === undefined ? discover() : { fields: found, missing: types.missing };
  return compareOffsets(types, kernelBtf(), fields, missing ?? []);
}

/** Pure. */
export function compareOffsets(
  types: Pick<TargetTypes, 'btf' | 'source'>,
  kernel: Btf | undefined,
  discovered: readonly DiscoveredField[],
  missing: readonly MissingField[],
): readonly FieldOffset[] {
  return knownFields.map((field) => {
    const used = fieldOffset(types.btf, field);
    const own = kernel && fieldOffset(kernel, field);
    const found = discovered.find((one) => one.field === field.field && one.struct === field.struct);
    const why = missing.find((one) => one.field === field.field)?.why;
    return {
      struct: field.struct,
      field: field.field,
      source: types.source,
      ...(used !== undefined && { used }),
      ...(own !== undefined && { kernel: own }),
      ...(found !== undefined && {
        discovered: found.offset,
        how: found.how,
        candidates: found.candidates,
      }),
      ...(why !== undefined && { why }),
    };
  });
}

/** The fields that a discovery, this one or an earlier one, did not find; nothing if it found all, or there was none. Pure. */
export function missingFields({
  fields,
  missing = [],
}: Pick<TargetTypes, 'fields' | 'missing'>): Pick<HostReport['btf'], 'missing'> {
  if (fields === undefined) return {};
  const found = new Set(fields.map(({ field }) => field));
  const rest = knownFields.filter(({ field }) => !found.has(field));
  if (rest.length === 0) return {};
  return {
    missing: rest.map(({ struct, field }) => {
      const why = missing.find((one) => one.field === field)?.why;
      return { field: `${struct}.${field}`, ...(why !== undefined && { why }) };
    }),
  };
}
