/** Finds in a target type what a local access path stands for. */
import { FormatError } from '../../errors.js';
import { CoreKind } from '../ext.js';
import { essentialName } from '../names.js';
import type { Btf } from '../parse.js';
import { isComposite, isEnum, Kind } from '../types.js';
import {
  type Accessor,
  type AccessPath,
  isEnumKind,
  isFlexible,
  isTypeKind,
  MAX_STEPS,
  memberOf,
  typeLabel,
} from './access-spec.js';
import type { Budget } from './budget.js';
import { fieldsAreCompatible, typesAreCompatible } from './compatible.js';
import { typesMatch } from './matches.js';

/**
 * The path in the target that corresponds to the local one; undefined if the target lacks it or has it with an
 * incompatible type.
 * @throws FormatError if the target's types are damaged or nested too deeply.
 */
export function matchPath(
  local: AccessPath,
  kind: number,
  target: Btf,
  targetId: number,
  budget: Budget,
): AccessPath | undefined {
  if (isTypeKind(kind)) {
    const test = kind === CoreKind.typeMatches ? typesMatch : typesAreCompatible;
    const found = test(local.btf, local.rootTypeId, target, targetId, budget);
    return found ? { btf: target, rootTypeId: targetId, accessors: [], bitOffset: 0 } : undefined;
  }
  if (isEnumKind(kind)) return matchEnumerator(local, target, targetId, budget);
  return matchField(local, target, targetId, budget);
}

function matchEnumerator(
  local: AccessPath,
  target: Btf,
  targetId: number,
  budget: Budget,
): AccessPath | undefined {
  const id = target.skipModifiers(targetId);
  const type = target.type(id);
  if (!isEnum(type)) return undefined;
  const wanted = essentialName(local.accessors[0]?.name ?? '');
  const index = type.values.findIndex(({ name }) => {
    budget.spend();
    return essentialName(name) === wanted;
  });
  const found = type.values[index];
  if (found === undefined) return undefined;
  return {
    btf: target,
    rootTypeId: targetId,
    accessors: [{ typeId: id, index, name: found.name }],
    bitOffset: 0,
  };
}

function matchField(
  local: AccessPath,
  target: Btf,
  targetId: number,
  budget: Budget,
): AccessPath | undefined {
  const accessors: Accessor[] = [];
  let steps = 0;
  let bitOffset = 0;
  let id = target.skipModifiers(targetId);
  for (const [i, wanted] of local.accessors.entries()) {
    id = target.skipModifiers(id);
    if (wanted.name !== undefined) {
      const found = findMember(local.btf, wanted, target, id, steps, budget);
      if (found === undefined) return undefined;
      accessors.push(found.accessor);
      bitOffset += found.bitOffset;
      steps += found.steps;
      id = found.typeId;
      continue;
    }
    // The first step indexes the pointer to the root, so the root is the element already.
    if (i > 0) {
      const array = target.type(id);
      if (array.kind !== Kind.array) return undefined;
      if (wanted.index >= array.count && !isFlexible(target, accessors.at(-1), array)) return undefined;
      id = target.skipModifiers(array.elementTypeId);
    }
    if (++steps > MAX_STEPS) throw tooDeep(target, targetId);
    accessors.push({ typeId: id, index: wanted.index, name: undefined });
    bitOffset += wanted.index * target.size(id) * 8;
  }
  return { btf: target, rootTypeId: targetId, accessors, bitOffset };
}

interface FoundMember {
  readonly accessor: Accessor;
  /** From the start of the struct that was searched. */
  readonly bitOffset: number;
  /** Members gone through, anonymous ones included. */
  readonly steps: number;
  readonly typeId: number;
}

/** A struct to search, and what leads to it from the struct where the search began. */
interface Place {
  readonly typeId: number;
  readonly bitOffset: number;
  readonly steps: number;
}

/** The member of that name, in the struct itself or in its anonymous members, if its type is compatible. */
function findMember(
  local: Btf,
  wanted: Accessor,
  target: Btf,
  targetId: number,
  stepsBefore: number,
  budget: Budget,
): FoundMember | undefined {
  const localTypeId = memberOf(local, wanted).typeId;
  const search = (place: Place): FoundMember | undefined => {
    const id = target.skipModifiers(place.typeId);
    const type = target.type(id);
    if (!isComposite(type)) return undefined;
    const steps = place.steps + 1;
    if (stepsBefore + steps > MAX_STEPS) throw tooDeep(target, targetId);
    for (const [index, member] of type.members.entries()) {
      budget.spend();
      const bitOffset = place.bitOffset + member.bitOffset;
      if (member.name === '') {
        const found = search({ typeId: member.typeId, bitOffset, steps });
        if (found !== undefined) return found;
      } else if (member.name === wanted.name) {
        if (!fieldsAreCompatible(local, localTypeId, target, member.typeId)) return undefined;
        return {
          accessor: { typeId: id, index, name: member.name },
          bitOffset,
          steps,
          typeId: member.typeId,
        };
      }
    }
    return undefined;
  };
  return search({ typeId: targetId, bitOffset: 0, steps: 0 });
}

function tooDeep(target: Btf, id: number): FormatError {
  return new FormatError(`CO-RE: ${typeLabel(target, id)} is nested deeper than ${MAX_STEPS}`);
}
