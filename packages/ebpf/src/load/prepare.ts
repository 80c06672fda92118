/** The last steps from a program as the object holds it to the bytes that BPF_PROG_LOAD takes. */
import type { Candidates } from '../btf/core/candidates.js';
import { type CoreResult, relocate } from '../btf/core/relocate.js';
import type { Btf } from '../btf/parse.js';
import { FormatError, UnsupportedError } from '../errors.js';
import { featureDefinitions } from '../features/definitions.js';
import { Instructions } from '../insn/insn.js';
import type { ProgramSpec } from '../object/spec.js';
import { Pseudo } from '../uapi/flags.js';
import { Helper } from '../uapi/helper-functions.js';
import type { ResolvedSymbol } from './ksyms.js';

/** Everything from outside the object that ends up in the instructions. */
export interface PrepareContext {
  /** The object's own types; needed if the program has CO-RE relocations. */
  readonly local?: Btf | undefined;
  /** The kernel's types, then those of modules; absent where the kernel has none. */
  readonly targets?: Iterable<Btf> | undefined;
  /** Shared by the programs of one object. */
  readonly candidates?: Candidates;
  /** The descriptor of a map by name. */
  mapFd(name: string): number;
  readonly symbols: ReadonlyMap<string, ResolvedSymbol>;
  /** The descriptors among which calls of modules' functions name their modules; see {@link functionModules}. */
  readonly fdArray?: readonly number[];
  /** Whether the kernel has bpf_probe_read_kernel and its three siblings (5.5). */
  readonly probeReadKernel: boolean;
}

export interface PreparedProgram {
  readonly instructions: Uint8Array;
  readonly coreResults: readonly CoreResult[];
}

/**
 * Resolves CO-RE relocations and patches in descriptors, symbols and substitute helpers. Pure: the spec stays as it is.
 * @throws UnsupportedError without target types; FormatError for a damaged spec.
 */
export function prepareInstructions(program: ProgramSpec, context: PrepareContext): PreparedProgram {
  const relocated = relocateInstructions(program, context);
  patchReferences(program, relocated.instructions, context);
  return relocated;
}

/** The first step: CO-RE relocations, for which no map is needed. @throws as {@link prepareInstructions} */
export function relocateInstructions(program: ProgramSpec, context: PrepareContext): PreparedProgram {
  const instructions = Uint8Array.from(program.instructions);
  return { instructions, coreResults: applyCore(program, instructions, context) };
}

/** The second step, in place: descriptors, symbols and substitute helpers. @throws FormatError for a damaged spec */
export function patchReferences(
  program: ProgramSpec,
  instructions: Uint8Array,
  context: PrepareContext,
): void {
  const code = new Instructions(instructions, true);
  patchMaps(program, code, context);
  patchSymbols(program, code, context);
  if (!context.probeReadKernel) substituteProbeReads(code);
}

function applyCore(
  program: ProgramSpec,
  instructions: Uint8Array,
  context: PrepareContext,
): readonly CoreResult[] {
  if (program.coreRelocations.length === 0) return [];
  const { local, targets, candidates } = context;
  if (local === undefined) throw new FormatError(`program ${program.name} has CO-RE relocations but no BTF`);
  if (targets === undefined) {
    throw new UnsupportedError(
      '/sys/kernel/btf/vmlinux',
      featureDefinitions.kernel_btf.since,
      `program ${program.name} needs the kernel's types (CONFIG_DEBUG_INFO_BTF): give them as a BTF file`,
    );
  }
  return relocate(instructions, program.coreRelocations, local, targets, candidates);
}

/** @throws FormatError unless the instruction is of the kind that the reference needs. */
function expect(program: ProgramSpec, index: number, fits: boolean): void {
  if (fits) return;
  throw new FormatError(`program ${program.name}: a reference at instruction ${index} does not fit it`);
}

function patchMaps(program: ProgramSpec, code: Instructions, context: PrepareContext): void {
  for (const { index, map, kind, offset } of program.mapReferences) {
    expect(program, index, code.isLoadImm64(index));
    code.setSource(index, kind === 'fd' ? Pseudo.mapFd : Pseudo.mapValue);
    code.setImmediate(index, context.mapFd(map));
    code.setImmediate(index + 1, kind === 'fd' ? 0 : offset);
  }
}

function patchSymbols(program: ProgramSpec, code: Instructions, context: PrepareContext): void {
  for (const { index, name, kind } of program.externReferences) {
    const symbol = context.symbols.get(name);
    if (symbol === undefined) {
      throw new FormatError(`program ${program.name} uses ${name}, which the object lacks`);
    }
    if (kind === 'kfunc') {
      expect(program, index, index < code.length && code.isCall(index));
      patchCall(code, index, symbol, context.fdArray ?? []);
    } else {
      expect(program, index, code.isLoadImm64(index));
      patchAddress(code, index, symbol);
    }
  }
}

function patchAddress(code: Instructions, index: number, symbol: ResolvedSymbol): void {
  const typed = symbol.kind === 'typed';
  const value = typed ? BigInt(symbol.btfId) : symbol.kind === 'address' ? symbol.address : 0n;
  code.setSource(index, typed ? Pseudo.btfId : 0);
  code.setImmediate(index, Number(BigInt.asIntN(32, value)));
  // A variable of a module is found in the module's BTF, whose descriptor is here.
  code.setImmediate(index + 1, typed ? symbol.btfFd : Number(BigInt.asIntN(32, value >> 32n)));
}

/** A function that does not exist becomes a call of an invalid helper: fine in code that is never reached. */
const missingFunction = 0x7fff_0000;

function patchCall(
  code: Instructions,
  index: number,
  symbol: ResolvedSymbol,
  fdArray: readonly number[],
): void {
  const found = symbol.kind === 'typed';
  code.setSource(index, found ? Pseudo.kfuncCall : 0);
  code.setImmediate(index, found ? symbol.btfId : missingFunction);
  code.setOffset(index, found && symbol.btfFd !== 0 ? fdArray.indexOf(symbol.btfFd) : 0);
}

/** Helpers that came with 5.5, and those that did both their jobs before. */
const probeRead: ReadonlyMap<number, number> = new Map([
  [Helper.probeReadUser, Helper.probeRead],
  [Helper.probeReadKernel, Helper.probeRead],
  [Helper.probeReadUserStr, Helper.probeReadStr],
  [Helper.probeReadKernelStr, Helper.probeReadStr],
]);

function substituteProbeReads(code: Instructions): void {
  for (let index = 0; index < code.length; index++) {
    // The second half of a 64-bit load is no instruction.
    if (code.isLoadImm64(index)) index++;
    else if (code.isCall(index) && code.source(index) === 0) {
      const substitute = probeRead.get(code.immediate(index));
      if (substitute !== undefined) code.setImmediate(index, substitute);
    }
  }
}
