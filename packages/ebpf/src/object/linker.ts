/**
 * Links programs: each main function is followed by the subprograms it reaches, each once, in the order in which
 * they are first called (depth first). That is libbpf's order, so both loaders make the same program.
 */
import type { BtfExt, CoreRelocation, FuncInfo, LineInfo } from '../btf/ext.js';
import { FormatError } from '../errors.js';
import { Instructions, instructionSize } from '../insn/insn.js';
import { Pseudo } from '../uapi/flags.js';
import type { ObjectFunction } from './functions.js';
import { functionReferences, type Reference, type ReferenceContext } from './references.js';
import type {
  ExternReference,
  FunctionReference,
  LinkedFunction,
  MapReference,
  ProgramSpec,
} from './spec.js';

/** BPF_COMPLEXITY_LIMIT_INSNS: no kernel loads a longer program. */
const MAX_PROGRAM_LENGTH = 1_000_000;
/** All programs of an object together; subprograms that many programs share could otherwise unfold without bound. */
const MAX_TOTAL_LENGTH = 4_000_000;

/** The part of a program that linking makes. */
export type LinkedProgram = Pick<
  ProgramSpec,
  | 'instructions'
  | 'functions'
  | 'mapReferences'
  | 'externReferences'
  | 'functionReferences'
  | 'coreRelocations'
  | 'funcInfo'
  | 'lineInfo'
>;

/** A function placed in a linked program, at slot `index`. */
interface Placed {
  readonly fn: ObjectFunction;
  readonly index: number;
}

/** Links the programs of one object. */
export class Linker {
  readonly #context: ReferenceContext;
  readonly #ext: SortedExt;
  readonly #littleEndian: boolean;
  readonly #references = new Map<ObjectFunction, Reference[]>();
  #total = 0;

  constructor(context: ReferenceContext, ext: BtfExt | undefined, littleEndian: boolean) {
    this.#context = context;
    this.#ext = new SortedExt(ext);
    this.#littleEndian = littleEndian;
  }

  /** @throws FormatError if a reference leads nowhere or the program is too long for any kernel. */
  link(main: ObjectFunction): LinkedProgram {
    const placed = this.#place(main);
    const last = [...placed.values()].at(-1)!;
    const instructions = new Instructions(
      new Uint8Array((last.index + last.fn.count) * instructionSize),
      this.#littleEndian,
    );
    const mapReferences: MapReference[] = [];
    const externReferences: ExternReference[] = [];
    const functionReferences: FunctionReference[] = [];
    const functions: LinkedFunction[] = [];
    for (const { fn, index: base } of placed.values()) {
      functions.push({ name: fn.name, index: base, instructionCount: fn.count });
      const source = this.#context.code.get(fn.section.index)!.instructions.bytes;
      const from = fn.start * instructionSize;
      instructions.bytes.set(
        source.subarray(from, from + fn.count * instructionSize),
        base * instructionSize,
      );
      for (const reference of this.#referencesOf(fn)) {
        const index = base + reference.index;
        switch (reference.kind) {
          case 'fd':
          case 'value':
            mapReferences.push({ index, map: reference.map, kind: reference.kind, offset: reference.offset });
            break;
          case 'ksym':
          case 'kfunc':
            externReferences.push({ index, name: reference.name, kind: reference.kind });
            break;
          case 'function':
            functionReferences.push({ index, function: reference.target.name });
            instructions.setSource(index, Pseudo.func);
            instructions.setImmediate(index, placed.get(reference.target)!.index - index - 1);
            break;
          case 'call':
            instructions.setImmediate(index, placed.get(reference.target)!.index - index - 1);
            break;
        }
      }
    }
    const list = [...placed.values()];
    const funcInfo = this.#ext.rebased('funcInfo', list);
    return {
      instructions: instructions.bytes,
      functions,
      mapReferences,
      externReferences,
      functionReferences,
      coreRelocations: this.#ext.rebased('coreRelocations', list),
      // The kernel takes information on all functions or on none.
      funcInfo: funcInfo.length === functions.length ? funcInfo : [],
      lineInfo: this.#ext.rebased('lineInfo', list),
    };
  }

  /** Decides which functions belong to a program, and where. */
  #place(main: ObjectFunction): Map<ObjectFunction, Placed> {
    const placed = new Map<ObjectFunction, Placed>();
    let length = 0;
    const stack: { readonly references: readonly Reference[]; next: number }[] = [];
    const enter = (fn: ObjectFunction): void => {
      placed.set(fn, { fn, index: length });
      length += fn.count;
      this.#total += fn.count;
      if (length > MAX_PROGRAM_LENGTH) {
        throw new FormatError(
          `program ${main.name} has more than ${MAX_PROGRAM_LENGTH} instructions once linked`,
        );
      }
      if (this.#total > MAX_TOTAL_LENGTH) {
        throw new FormatError(
          `the programs have more than ${MAX_TOTAL_LENGTH} instructions in all once linked`,
        );
      }
      stack.push({ references: this.#referencesOf(fn), next: 0 });
    };
    enter(main);
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const reference = frame.references[frame.next++];
      if (reference === undefined) stack.pop();
      else if (
        (reference.kind === 'call' || reference.kind === 'function') &&
        !placed.has(reference.target)
      ) {
        enter(reference.target);
      }
    }
    return placed;
  }

  #referencesOf(fn: ObjectFunction): Reference[] {
    let references = this.#references.get(fn);
    if (references === undefined) {
      references = functionReferences(fn, this.#context);
      this.#references.set(fn, references);
    }
    return references;
  }
}

interface ExtRecords {
  readonly funcInfo: FuncInfo;
  readonly lineInfo: LineInfo;
  readonly coreRelocations: CoreRelocation;
}

/** Copies of records at other offsets. Programs have thousands of lines, so the members are named rather than spread. */
const movers: { readonly [K in keyof ExtRecords]: (record: ExtRecords[K], offset: number) => ExtRecords[K] } =
  {
    funcInfo: ({ typeId }, offset) => ({ offset, typeId }),
    lineInfo: ({ fileNameOffset, lineOffset, lineColumn }, offset) => ({
      offset,
      fileNameOffset,
      lineOffset,
      lineColumn,
    }),
    coreRelocations: ({ typeId, accessStringOffset, accessString, kind }, offset) => ({
      offset,
      typeId,
      accessStringOffset,
      accessString,
      kind,
    }),
  };

/** The records of BTF.ext in ascending order, so that a function's own are found without a scan. */
class SortedExt {
  readonly #ext: BtfExt | undefined;
  readonly #sorted = new Map<
    readonly { readonly offset: number }[],
    readonly { readonly offset: number }[]
  >();

  constructor(ext: BtfExt | undefined) {
    this.#ext = ext;
  }

  /** Records of the placed functions, with offsets in the linked program. */
  rebased<K extends keyof ExtRecords>(part: K, placed: readonly Placed[]): ExtRecords[K][] {
    const result: ExtRecords[K][] = [];
    const move = movers[part];
    const bySection = this.#ext?.[part] as ReadonlyMap<string, readonly ExtRecords[K][]> | undefined;
    if (bySection === undefined) return result;
    for (const { fn, index } of placed) {
      const all = bySection.get(fn.section.name);
      if (all === undefined) continue;
      const records = this.#sort(all);
      const start = fn.start * instructionSize;
      const end = start + fn.count * instructionSize;
      const first = lowerBound(records, start);
      for (let i = first; i < records.length; i++) {
        const record = records[i]!;
        if (record.offset >= end) break;
        // Also keeps subprograms with absurdly many records from being copied into every program.
        if (i - first >= fn.count) {
          throw new FormatError(
            `BTF.ext has more records of one kind for ${fn.name} than it has instructions`,
          );
        }
        if (record.offset % instructionSize !== 0) {
          throw new FormatError(
            `BTF.ext speaks of offset ${record.offset} in ${fn.section.name}, within an instruction`,
          );
        }
        result.push(move(record, record.offset - start + index * instructionSize));
      }
    }
    return result;
  }

  #sort<T extends { readonly offset: number }>(records: readonly T[]): readonly T[] {
    let sorted = this.#sorted.get(records) as readonly T[] | undefined;
    if (sorted === undefined) {
      sorted = [...records].sort((a, b) => a.offset - b.offset);
      this.#sorted.set(records, sorted);
    }
    return sorted;
  }
}

/** Index of the first record at or after `offset`. */
function lowerBound(records: readonly { readonly offset: number }[], offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (records[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
