/**
 * Which types CO-RE accepts for each other, when it looks for a field and when it asks whether a type exists. Names are
 * compared by the caller.
 */
import { FormatError } from '../../errors.js';
import { essentialName } from '../names.js';
import type { Btf } from '../parse.js';
import { type BtfType, isComposite, isEnum, Kind } from '../types.js';
import type { Budget } from './budget.js';

const MAX_DEPTH = 32;

/** The same kind, where enumerations of 32 and 64 bits count as one. */
export function kindsAreCompatible(local: BtfType, target: BtfType): boolean {
  return local.kind === target.kind || (isEnum(local) && isEnum(target));
}

/**
 * Whether a field of the one type can be read as one of the other: any two structs or unions, pointers, floats; integers
 * whatever their size; enumerations of the same name or without one; arrays by their elements.
 */
export function fieldsAreCompatible(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  let [localNow, targetNow] = [localId, targetId];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const a = local.resolve(localNow);
    const b = target.resolve(targetNow);
    if (isComposite(a) && isComposite(b)) return true;
    if (!kindsAreCompatible(a, b)) return false;
    switch (a.kind) {
      case Kind.ptr:
      case Kind.float:
        return true;
      case Kind.fwd:
      case Kind.enum:
      case Kind.enum64:
        return a.name === '' || b.name === '' || essentialName(a.name) === essentialName(b.name);
      case Kind.int:
        return a.bitOffset === 0 && b.kind === Kind.int && b.bitOffset === 0;
      case Kind.array:
        if (b.kind !== Kind.array) return false;
        localNow = a.elementTypeId;
        targetNow = b.elementTypeId;
        break;
      default:
        return false;
    }
  }
  throw new FormatError(`CO-RE: type ${localId} is an array nested deeper than ${MAX_DEPTH}`);
}

/**
 * Whether a type of the target can stand for a local one of the same name: structs, unions and enumerations of equal
 * kind whatever is in them; pointers and arrays by what they lead to; functions by all their parameters and results.
 */
export function typesAreCompatible(
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
  budget: Budget,
  level = MAX_DEPTH,
): boolean {
  if (!kindsAreCompatible(local.type(localId), target.type(targetId))) return false;
  let [localNow, targetNow] = [localId, targetId];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    budget.spend();
    const a = local.resolve(localNow);
    const b = target.resolve(targetNow);
    if (!kindsAreCompatible(a, b)) return false;
    if (a.kind === Kind.int && b.kind === Kind.int) return a.bitOffset === 0 && b.bitOffset === 0;
    if (a.kind === Kind.ptr && b.kind === Kind.ptr) {
      localNow = a.typeId;
      targetNow = b.typeId;
    } else if (a.kind === Kind.array && b.kind === Kind.array) {
      localNow = a.elementTypeId;
      targetNow = b.elementTypeId;
    } else if (a.kind === Kind.funcProto && b.kind === Kind.funcProto) {
      if (a.parameters.length !== b.parameters.length) return false;
      if (level <= 0 && a.parameters.length > 0) {
        throw new FormatError('CO-RE: function prototypes are nested too deeply');
      }
      for (const [i, parameter] of a.parameters.entries()) {
        const one = local.skipModifiers(parameter.typeId);
        const other = target.skipModifiers(b.parameters[i]!.typeId);
        if (!typesAreCompatible(local, one, target, other, budget, level - 1)) return false;
      }
      localNow = a.returnTypeId;
      targetNow = b.returnTypeId;
    } else {
      return a.kind === Kind.void || isComposite(a) || isEnum(a) || a.kind === Kind.fwd;
    }
  }
  throw new FormatError(`CO-RE: type ${localId} is nested deeper than ${MAX_DEPTH}`);
}
