/**
 * The relation behind `bpf_core_type_matches()`: the target has at least what the local type has, with the same types.
 *
 * Modifiers and typedefs are ignored, flavours too. Integers match in size and signedness, enumerations in size and
 * names (not values), arrays in length and elements, functions in parameters and results. Structs match if every local
 * member has a namesake that matches; behind a pointer, structs match by name and kind alone, and a forward declaration
 * is as good as the definition.
 */
import { FormatError } from '../../errors.js';
import { essentialName } from '../names.js';
import type { Btf } from '../parse.js';
import {
  type BtfType,
  type Enum64Type,
  type EnumType,
  isEnum,
  Kind,
  type StructType,
  type UnionType,
} from '../types.js';
import type { Budget } from './budget.js';

const MAX_DEPTH = 32;

/** Whether the types match. The caller has compared the names of the roots. */
export function typesMatch(
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
  budget: Budget,
): boolean {
  return new Matcher(local, target, budget).types(localId, targetId, false, MAX_DEPTH);
}

class Matcher {
  readonly #local: Btf;
  readonly #target: Btf;
  readonly #budget: Budget;

  constructor(local: Btf, target: Btf, budget: Budget) {
    this.#local = local;
    this.#target = target;
    this.#budget = budget;
  }

  types(localId: number, targetId: number, behindPointer: boolean, level: number): boolean {
    if (level <= 0) throw new FormatError('CO-RE: types are nested too deeply to be matched');
    let [localNow, targetNow, behind] = [localId, targetId, behindPointer];
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      this.#budget.spend();
      const a = this.#local.resolve(localNow);
      const b = this.#target.resolve(targetNow);
      if (!namesMatch(a.name, b.name)) return false;
      switch (a.kind) {
        case Kind.void:
          return b.kind === Kind.void;
        case Kind.fwd:
          if (b.kind === Kind.fwd) return a.union === b.union;
          return behind && b.kind === (a.union ? Kind.union : Kind.struct);
        case Kind.enum:
        case Kind.enum64:
          return isEnum(b) && this.#enumerators(a, b);
        case Kind.struct:
        case Kind.union:
          if (behind)
            return b.kind === a.kind || (b.kind === Kind.fwd && b.union === (a.kind === Kind.union));
          return (b.kind === Kind.struct || b.kind === Kind.union) && this.#members(a, b, level);
        case Kind.int:
          return b.kind === Kind.int && a.size === b.size && a.signed === b.signed;
        case Kind.ptr:
          if (b.kind !== Kind.ptr) return false;
          behind = true;
          localNow = a.typeId;
          targetNow = b.typeId;
          break;
        case Kind.array:
          if (b.kind !== Kind.array || a.count !== b.count) return false;
          localNow = a.elementTypeId;
          targetNow = b.elementTypeId;
          break;
        case Kind.funcProto:
          if (!this.#parameters(a, b, behind, level)) return false;
          localNow = a.returnTypeId;
          targetNow = b.kind === Kind.funcProto ? b.returnTypeId : 0;
          break;
        default:
          return false;
      }
    }
    throw new FormatError(`CO-RE: type ${localId} is nested deeper than ${MAX_DEPTH}`);
  }

  #parameters(a: BtfType, b: BtfType, behind: boolean, level: number): boolean {
    if (a.kind !== Kind.funcProto || b.kind !== Kind.funcProto) return false;
    if (a.parameters.length !== b.parameters.length) return false;
    return a.parameters.every(({ typeId }, i) =>
      this.types(typeId, b.parameters[i]!.typeId, behind, level - 1),
    );
  }

  #members(a: StructType | UnionType, b: StructType | UnionType, level: number): boolean {
    if (a.kind !== b.kind || a.members.length > b.members.length) return false;
    return a.members.every((wanted) =>
      b.members.some((member) => {
        this.#budget.spend();
        return (
          namesMatch(wanted.name, member.name) && this.types(wanted.typeId, member.typeId, false, level - 1)
        );
      }),
    );
  }

  #enumerators(a: EnumType | Enum64Type, b: EnumType | Enum64Type): boolean {
    if (a.size !== b.size || a.values.length > b.values.length) return false;
    const names = new Set<string>();
    for (const { name } of b.values) {
      this.#budget.spend();
      names.add(essentialName(name));
    }
    return a.values.every(({ name }) => names.has(essentialName(name)));
  }
}

function namesMatch(local: string, target: string): boolean {
  return essentialName(local) === essentialName(target);
}
