/**
 * Constants of `.rodata` written into the instructions that load them, for kernels that have no global data (before
 * 5.2) or whose verifier does not know what a frozen map holds (before 5.5), so that it would walk into code which
 * the settings exclude. Pure.
 */
import { UnsupportedError } from '../errors.js';
import { featureDefinitions } from '../features/definitions.js';
import {
  AluOp,
  Instructions,
  JmpOp,
  MemMode,
  memMode,
  memSize,
  OpClass,
  Opcode,
  opClass,
  operation,
  sizeBits,
  sourceRegisterBit,
} from '../insn/insn.js';
import type { MapSpec, ProgramSpec } from '../object/spec.js';

/** A register that points into a map's contents: map and offset as one string, or undefined. */
interface Pointer {
  readonly map: string;
  readonly offset: number;
}

/** The target of each of the eleven registers before an instruction. */
type Registers = readonly (Pointer | undefined)[];

const registerCount = 11;
const unknown: Registers = new Array<undefined>(registerCount).fill(undefined);

/**
 * The program with its loads from read-only data replaced by what they load, and without references to these maps.
 * Addresses that nothing loads from become 0, which the verifier lets nobody follow.
 *
 * @param maps of the program's object, with the contents that they are to have.
 * @throws UnsupportedError where a constant does not fit into the instruction that loads it.
 */
export function inlineConstants(program: ProgramSpec, maps: ReadonlyMap<string, MapSpec>): ProgramSpec {
  const isConstant = (name: string) =>
    maps.get(name)?.readOnly === true && maps.get(name)?.contents !== undefined;
  const references = program.mapReferences.filter(({ map, kind }) => kind === 'value' && isConstant(map));
  if (references.length === 0) return program;
  const instructions = Uint8Array.from(program.instructions);
  const code = new Instructions(instructions, true);
  const starts = new Map<number, Pointer>(
    references.map(({ index, map, offset }) => [index, { map, offset }]),
  );
  for (const [index, registers] of flow(code, starts)) {
    if (!isLoad(code, index)) continue;
    const pointer = registers[code.source(index)];
    if (pointer === undefined) continue;
    replaceLoad(program, code, index, pointer, maps.get(pointer.map)!.contents!);
  }
  for (const index of starts.keys()) {
    writeMove(code, index, code.destination(index), 0n, true);
    writeNothing(code, index + 1);
  }
  return {
    ...program,
    instructions,
    mapReferences: program.mapReferences.filter((reference) => !references.includes(reference)),
  };
}

/** Follows all paths through the program; the pointers known before each instruction that can be reached. */
function flow(code: Instructions, starts: ReadonlyMap<number, Pointer>): ReadonlyMap<number, Registers> {
  const known = new Map<number, Registers>();
  const pending: number[] = [];
  const reach = (index: number, registers: Registers): void => {
    if (index < 0 || index >= code.length) return;
    const before = known.get(index);
    const merged = before === undefined ? registers : meet(before, registers);
    if (before !== undefined && merged.every((pointer, i) => pointer === before[i])) return;
    known.set(index, merged);
    pending.push(index);
  };
  reach(0, unknown);
  for (let index = 0; index < code.length; index++) {
    // Functions are entered with nothing that is known: a pointer handed over is not followed.
    if (code.isSubprogramCall(index)) reach(index + 1 + code.immediate(index), unknown);
    if (code.isLoadImm64(index)) index++;
  }
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    const after = step(code, index, known.get(index)!, starts);
    for (const next of successors(code, index)) reach(next, after);
  }
  return known;
}

/** The pointers that hold whichever way an instruction was reached. */
function meet(a: Registers, b: Registers): Registers {
  return a.map((pointer, i) => {
    const other = b[i];
    return pointer?.map === other?.map && pointer?.offset === other?.offset ? pointer : undefined;
  });
}

function step(
  code: Instructions,
  index: number,
  before: Registers,
  starts: ReadonlyMap<number, Pointer>,
): Registers {
  const opcode = code.opcode(index);
  const kind = opClass(opcode);
  const destination = code.destination(index);
  if (code.isLoadImm64(index)) return assign(before, destination, starts.get(index));
  if (kind === OpClass.ldx) return assign(before, destination, undefined);
  if (
    kind === OpClass.alu64 &&
    opcode === (OpClass.alu64 | AluOp.mov | sourceRegisterBit) &&
    code.offset(index) === 0
  )
    return assign(before, destination, before[code.source(index)]);
  if (kind === OpClass.alu64 && opcode === (OpClass.alu64 | AluOp.add)) {
    const pointer = before[destination];
    const moved = pointer && { map: pointer.map, offset: pointer.offset + code.immediate(index) };
    return assign(before, destination, moved);
  }
  if (kind === OpClass.alu || kind === OpClass.alu64) return assign(before, destination, undefined);
  // A call leaves nothing in r0 to r5.
  if (code.isCall(index)) return before.map((pointer, i) => (i <= 5 ? undefined : pointer));
  // Atomic operations that fetch write a register; the constants' addresses are not expected near them.
  if (kind === OpClass.stx && memMode(opcode) === MemMode.atomic)
    return assign(assign(before, code.source(index), undefined), 0, undefined);
  return before;
}

function assign(registers: Registers, register: number, pointer: Pointer | undefined): Registers {
  return registers.with(register, pointer);
}

function successors(code: Instructions, index: number): readonly number[] {
  if (code.isLoadImm64(index)) return [index + 2];
  const opcode = code.opcode(index);
  const kind = opClass(opcode);
  if (kind !== OpClass.jmp && kind !== OpClass.jmp32) return [index + 1];
  switch (operation(opcode)) {
    case JmpOp.exit:
      return [];
    case JmpOp.call:
      return [index + 1];
    case JmpOp.ja:
      return [index + 1 + (kind === OpClass.jmp32 ? code.immediate(index) : code.offset(index))];
    default:
      return [index + 1, index + 1 + code.offset(index)];
  }
}

function isLoad(code: Instructions, index: number): boolean {
  const opcode = code.opcode(index);
  return opClass(opcode) === OpClass.ldx && memMode(opcode) === MemMode.mem;
}

/** Bytes moved, by the opcode's bits. */
const sizes: ReadonlyMap<number, number> = new Map(Array.from(sizeBits, ([size, bits]) => [bits, size]));

function replaceLoad(
  program: ProgramSpec,
  code: Instructions,
  index: number,
  pointer: Pointer,
  contents: Uint8Array,
): void {
  const size = sizes.get(memSize(code.opcode(index)))!;
  const offset = pointer.offset + code.offset(index);
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(contents[offset + i] ?? 0);
  const fits = size < 8 || BigInt.asIntN(32, value) === BigInt.asIntN(64, value);
  if (offset < 0 || offset + size > contents.length || !fits) {
    throw new UnsupportedError(
      'global data',
      featureDefinitions.global_data.since,
      `program ${program.name} loads a constant of ${size} bytes that no instruction can hold`,
    );
  }
  writeMove(code, index, code.destination(index), value, size === 8);
}

/** `mov`: of 64 bits, which extends the sign, or of 32 bits, which clears the upper half. */
function writeMove(code: Instructions, index: number, register: number, value: bigint, wide: boolean): void {
  code.write(
    index,
    (wide ? OpClass.alu64 : OpClass.alu) | AluOp.mov,
    register,
    Number(BigInt.asIntN(32, value)),
  );
}

/** A jump to the next instruction. */
function writeNothing(code: Instructions, index: number): void {
  code.write(index, Opcode.ja, 0, 0);
}
