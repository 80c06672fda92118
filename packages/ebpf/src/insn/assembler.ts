/** Small programs written instruction by instruction, for probes of the kernel and for tests. */
import { Pseudo } from '../uapi/flags.js';
import {
  AluOp,
  instructionSize,
  JmpOp,
  MemMode,
  MemSize,
  OpClass,
  Opcode,
  sizeBits,
  sourceRegisterBit,
} from './insn.js';

/** The bytes of one instruction; `ld_imm64` has 16, all others 8. Little-endian. */
export type Instruction = readonly number[];

/** Bytes that a load or store moves. */
export type Width = 1 | 2 | 4 | 8;

const alu64 = (operation: number): number => OpClass.alu64 | operation;
const fromMemory = (opClass: number, width: Width): number => opClass | MemMode.mem | sizeBits.get(width)!;

/** An instruction of any kind. */
export function encode(
  opcode: number,
  dst: number,
  src: number,
  offset: number,
  immediate: number,
): Instruction {
  const bytes = new Uint8Array(instructionSize);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, opcode);
  view.setUint8(1, dst | (src << 4));
  view.setInt16(2, offset, true);
  view.setInt32(4, immediate, true);
  return [...bytes];
}

function loadWide(dst: number, pseudo: number, low: number, high: number): Instruction {
  return [...encode(Opcode.loadImm64, dst, pseudo, 0, low), ...encode(0, 0, 0, 0, high)];
}

/** Instructions by what they do. Registers go by their number; 10 is the frame pointer. Jumps count instructions. */
export const insn = {
  /** dst = src */
  mov: (dst: number, src: number) => encode(alu64(AluOp.mov) | sourceRegisterBit, dst, src, 0, 0),
  /** dst = value, sign-extended from 32 bits. */
  movImmediate: (dst: number, value: number) => encode(alu64(AluOp.mov), dst, 0, 0, value),
  /** Clears the upper half. */
  mov32Immediate: (dst: number, value: number) => encode(OpClass.alu | AluOp.mov, dst, 0, 0, value),
  /** dst += value, sign-extended from 32 bits. */
  addImmediate: (dst: number, value: number) => encode(alu64(AluOp.add), dst, 0, 0, value),
  /** dst = *(src + offset), with zeros above the loaded bytes. */
  load: (width: Width, dst: number, src: number, offset: number) =>
    encode(fromMemory(OpClass.ldx, width), dst, src, offset, 0),
  /** dst = *(u64 *)(src + offset) */
  load64: (dst: number, src: number, offset: number) => insn.load(8, dst, src, offset),
  /** *(dst + offset) = src */
  store: (width: Width, dst: number, offset: number, src: number) =>
    encode(fromMemory(OpClass.stx, width), dst, src, offset, 0),
  /** *(u64 *)(dst + offset) = src */
  store64: (dst: number, offset: number, src: number) => insn.store(8, dst, offset, src),
  /** *(dst + offset) = value */
  storeImmediate: (width: Width, dst: number, offset: number, value: number) =>
    encode(fromMemory(OpClass.st, width), dst, 0, offset, value),
  /** lock *(u64 *)(dst + offset) += src */
  atomicAdd64: (dst: number, offset: number, src: number) =>
    encode(OpClass.stx | MemMode.atomic | MemSize.dw, dst, src, offset, AluOp.add),
  /** Skips `count` instructions, or goes back for a negative one. */
  jump: (count: number) => encode(Opcode.ja, 0, 0, count, 0),
  /** The same if dst compares with a value, by one of {@link JmpOp}. */
  jumpIf: (dst: number, operation: number, value: number, count: number) =>
    encode(OpClass.jmp | operation, dst, 0, count, value),
  /** The same for the lower half of dst (5.1). */
  jumpIf32: (dst: number, operation: number, value: number, count: number) =>
    encode(OpClass.jmp32 | operation, dst, 0, count, value),
  /** The same if dst is 0. */
  jumpIfZero: (dst: number, count: number) => insn.jumpIf(dst, JmpOp.jeq, 0, count),
  /** dst = value, 64 bits. */
  loadImmediate64: (dst: number, value: bigint) =>
    loadWide(dst, 0, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))),
  /** dst = the map of a descriptor. */
  loadMapFd: (dst: number, fd: number) => loadWide(dst, Pseudo.mapFd, fd, 0),
  /** The address of a byte in an array's first element (5.2). */
  loadMapValue: (dst: number, fd: number, offset: number) => loadWide(dst, Pseudo.mapValue, fd, offset),
  /** Calls a helper function by its number. */
  call: (helper: number) => encode(Opcode.call, 0, 0, 0, helper),
  /** Calls the function that starts `count` instructions further on (4.16). */
  callFunction: (count: number) => encode(Opcode.call, 0, Pseudo.call, 0, count),
  /** Calls a function of the kernel by its id in the kernel's BTF (5.13). */
  callKernel: (id: number) => encode(Opcode.call, 0, Pseudo.kfuncCall, 0, id),
  /** Ends the function with the value of register 0. */
  exit: () => encode(Opcode.exit, 0, 0, 0, 0),
} as const;

/** The bytes of instructions, one after the other, as BPF_PROG_LOAD takes them. */
export function assemble(...instructions: readonly Instruction[]): Uint8Array {
  return Uint8Array.from(instructions.flat());
}

/** The shortest program: it returns a constant. */
export function returning(value: number): Uint8Array {
  return assemble(insn.movImmediate(0, value), insn.exit());
}
