/**
 * CO-RE: makes compiled programs fit the types of the kernel they run on. The results equal libbpf's to the byte.
 *
 * Source of the rules: libbpf's documentation of CO-RE and the kernel's tools/testing/selftests/bpf/progs/core_reloc_*.
 */
import { EbpfError, FormatError } from '../../errors.js';
import { CoreKind, type CoreRelocation } from '../ext.js';
import type { Btf } from '../parse.js';
import { type AccessPath, parseAccess, pathLabel } from './access-spec.js';
import { Budget } from './budget.js';
import { type Candidate, Candidates } from './candidates.js';
import { matchPath } from './match.js';
import { patchInstruction, poison } from './patch.js';
import { relocationValue, type Value, widthMayChange } from './value.js';

/** The outcome of one relocation. */
export interface CoreResult {
  readonly relocation: CoreRelocation;
  /** The type, field or enumerator it asked about, in C's words: `struct tcp_sock.srtt_us`. */
  readonly description: string;
  /**
   * `resolved`: the instruction holds `value`. `poisoned`: the target has nothing that fits, and the instruction was
   * replaced by an invalid call, which the verifier refuses unless it cannot be reached.
   */
  readonly outcome: 'resolved' | 'poisoned';
  /** The value by the object's own types; 64 bits, unsigned. */
  readonly localValue: bigint;
  /** The value by the target's types; undefined if poisoned. */
  readonly value: bigint | undefined;
  /** The target's type; undefined if it has none that fits. */
  readonly target: Candidate | undefined;
}

/**
 * Applies CO-RE relocations, in place, to a program's instructions.
 * @param instructions the program, in the local BTF's byte order.
 * @param relocations their offsets are in bytes from the start of `instructions`.
 * @param local the object's own types.
 * @param targets the kernel's types, then those of modules, which are asked for one after the other where the kernel lacks a type.
 * @param candidates one instance for all programs of an object; see {@link Candidates}.
 * @throws FormatError if object or target are damaged or do not fit the instructions; EbpfError if types of the target
 * contradict each other.
 */
export function relocate(
  instructions: Uint8Array,
  relocations: readonly CoreRelocation[],
  local: Btf,
  targets: Iterable<Btf>,
  candidates: Candidates = new Candidates(local, targets),
): CoreResult[] {
  const view = new DataView(instructions.buffer, instructions.byteOffset, instructions.byteLength);
  const budget = new Budget(10_000_000 + 2_000 * relocations.length);
  return relocations.map((relocation) => {
    const { offset } = relocation;
    if (offset % 8 !== 0 || offset + 8 > instructions.length) {
      throw new FormatError(`CO-RE: a relocation at byte ${offset}, where no instruction is`);
    }
    return apply(view, relocation, local, candidates, budget);
  });
}

function apply(
  view: DataView,
  relocation: CoreRelocation,
  local: Btf,
  candidates: Candidates,
  budget: Budget,
): CoreResult {
  const { description, localValue, value, target, resizable } = answer(relocation, local, candidates, budget);
  const result = { relocation, description, localValue: localValue.value };
  if (value === undefined) {
    poison(view, relocation.offset, local.littleEndian);
    return { ...result, outcome: 'poisoned', value: undefined, target };
  }
  const patched = patchInstruction(
    view,
    relocation.offset,
    {
      localValue: localValue.value,
      targetValue: value.value,
      exact: localValue.exact,
      localSize: localValue.size,
      targetSize: value.size,
      resizable,
    },
    local.littleEndian,
  );
  return {
    ...result,
    outcome: patched ? 'resolved' : 'poisoned',
    value: patched ? value.value : undefined,
    target,
  };
}

/** What is asked about, in the same words by many relocations, and what stands for it in the target. */
interface Answer extends Choice {
  readonly description: string;
  readonly localValue: Value;
  /** Whether an instruction that loads it may become one of another width. */
  readonly resizable: boolean;
  /** The candidates that fit. Where later relocations narrow them down, the answer is sought anew. */
  readonly fitting: readonly Candidate[] | undefined;
}

/** Answers found so far, by what they were asked. */
const answers = new WeakMap<Candidates, Map<string, Answer>>();

function answer(relocation: CoreRelocation, local: Btf, candidates: Candidates, budget: Budget): Answer {
  const { kind, typeId, accessString } = relocation;
  const key = `${kind} ${typeId} ${accessString}`;
  const known = knownAnswers(candidates);
  const before = known.get(key);
  if (before !== undefined && (before.fitting === undefined || before.fitting === candidates.of(typeId)))
    return before;
  const path = parseAccess(relocation, local);
  const description = pathLabel(path);
  const localValue = relocationValue(kind, path)!;
  const isLocal = kind === CoreKind.typeIdLocal;
  const { value, target } = isLocal
    ? { value: localValue, target: undefined }
    : choose(relocation, path, description, candidates, budget);
  const resizable =
    target !== undefined &&
    value !== undefined &&
    widthMayChange(local.type(localValue.typeId), target.btf.type(value.typeId));
  const fitting = isLocal ? undefined : candidates.of(typeId);
  const found = { description, localValue, value, target, resizable, fitting };
  known.set(key, found);
  return found;
}

function knownAnswers(candidates: Candidates): Map<string, Answer> {
  let known = answers.get(candidates);
  if (known === undefined) {
    known = new Map();
    answers.set(candidates, known);
  }
  return known;
}

interface Choice {
  /** undefined: nothing fits, and the instruction cannot do without. */
  readonly value: Value | undefined;
  readonly target: Candidate | undefined;
}

/** Tries all candidates; those that fit must agree. */
function choose(
  relocation: CoreRelocation,
  path: AccessPath,
  description: string,
  candidates: Candidates,
  budget: Budget,
): Choice {
  const fitting: Candidate[] = [];
  let first: { path: AccessPath; value: Value | undefined } | undefined;
  for (const candidate of candidates.of(relocation.typeId)) {
    const found = matchPath(path, relocation.kind, candidate.btf, candidate.typeId, budget);
    if (found === undefined) continue;
    const value = relocationValue(relocation.kind, found);
    first ??= { path: found, value };
    if (found.bitOffset !== first.path.bitOffset || value?.value !== first.value?.value) {
      throw new EbpfError(
        `CO-RE: ${description} is ambiguous: types ${fitting[0]?.typeId} and ${candidate.typeId} of the target differ in it` +
          ` (${first.value?.value} and ${value?.value}, at bits ${first.path.bitOffset} and ${found.bitOffset})`,
      );
    }
    fitting.push(candidate);
  }
  if (first === undefined) return { value: relocationValue(relocation.kind, undefined), target: undefined };
  candidates.narrow(relocation.typeId, fitting);
  return { value: first.value, target: fitting[0] };
}
