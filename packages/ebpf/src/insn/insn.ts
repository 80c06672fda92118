/**
 * BPF instructions: their numbers and a cursor to read and change them in place.
 *
 * An instruction takes 8 bytes: opcode, two register nibbles, a signed 16-bit offset, a signed 32-bit immediate.
 * `ld_imm64` takes two such slots. Source: Documentation/bpf/standardization/instruction-set.rst.
 */
import { Pseudo } from '../uapi/flags.js';

export const instructionSize = 8;

/** The opcode's low three bits. */
export const OpClass = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;

/** Bit 3 of arithmetic and jump opcodes: the operand is a register rather than the immediate. */
export const sourceRegisterBit = 0x08;

/** Bits 4–7 of ALU opcodes. */
export const AluOp = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
  end: 0xd0,
} as const;

/** Bits 4–7 of JMP and JMP32 opcodes. */
export const JmpOp = {
  ja: 0x00,
  jeq: 0x10,
  jgt: 0x20,
  jge: 0x30,
  jset: 0x40,
  jne: 0x50,
  jsgt: 0x60,
  jsge: 0x70,
  call: 0x80,
  exit: 0x90,
  jlt: 0xa0,
  jle: 0xb0,
  jslt: 0xc0,
  jsle: 0xd0,
  /** `may_goto`. Since Linux 6.9. */
  jcond: 0xe0,
} as const;

/** Bits 3–4 of load and store opcodes: bytes moved. */
export const MemSize = { w: 0x00, h: 0x08, b: 0x10, dw: 0x18 } as const;

/** {@link MemSize} by bytes moved. */
export const sizeBits: ReadonlyMap<number, number> = new Map([
  [1, MemSize.b],
  [2, MemSize.h],
  [4, MemSize.w],
  [8, MemSize.dw],
]);

/** Bits 5–7 of load and store opcodes. */
export const MemMode = {
  imm: 0x00,
  abs: 0x20,
  ind: 0x40,
  mem: 0x60,
  /** Sign-extending load. Since Linux 6.6. */
  memsx: 0x80,
  atomic: 0xc0,
} as const;

/** Immediates of atomic stores, beside those of {@link AluOp}. */
export const Atomic = { fetch: 0x01, xchg: 0xe1, cmpxchg: 0xf1 } as const;

/** Whole opcodes that linking and loading look for. */
export const Opcode = { loadImm64: 0x18, call: 0x85, exit: 0x95, ja: 0x05 } as const;

/** An opcode's {@link OpClass}. */
export const opClass = (opcode: number): number => opcode & 0x07;
/** An opcode's {@link AluOp} or {@link JmpOp}. */
export const operation = (opcode: number): number => opcode & 0xf0;
/** An opcode's {@link MemSize}. */
export const memSize = (opcode: number): number => opcode & MemSize.dw;
/** An opcode's {@link MemMode}. */
export const memMode = (opcode: number): number => opcode & 0xe0;
/** Whether an arithmetic or jump opcode has a register for its operand. */
export const hasSourceRegister = (opcode: number): boolean => (opcode & sourceRegisterBit) !== 0;

/** Reads and changes instructions in place. Indexes count 8-byte slots. */
export class Instructions {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  /** Number of slots. */
  readonly length: number;
  readonly #view: DataView;

  /** @param bytes a multiple of 8 bytes; kept, not copied. */
  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.length = Math.floor(bytes.length / instructionSize);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  opcode(index: number): number {
    return this.#view.getUint8(index * instructionSize);
  }

  destination(index: number): number {
    const registers = this.#view.getUint8(index * instructionSize + 1);
    return this.littleEndian ? registers & 0xf : registers >> 4;
  }

  source(index: number): number {
    const registers = this.#view.getUint8(index * instructionSize + 1);
    return this.littleEndian ? registers >> 4 : registers & 0xf;
  }

  setSource(index: number, register: number): void {
    const at = index * instructionSize + 1;
    const destination = this.destination(index);
    this.#view.setUint8(
      at,
      this.littleEndian ? (register << 4) | destination : (destination << 4) | register,
    );
  }

  offset(index: number): number {
    return this.#view.getInt16(index * instructionSize + 2, this.littleEndian);
  }

  setOffset(index: number, value: number): void {
    this.#view.setInt16(index * instructionSize + 2, value, this.littleEndian);
  }

  immediate(index: number): number {
    return this.#view.getInt32(index * instructionSize + 4, this.littleEndian);
  }

  setImmediate(index: number, value: number): void {
    this.#view.setInt32(index * instructionSize + 4, value, this.littleEndian);
  }

  /** Writes a whole instruction without source register and offset. */
  write(index: number, opcode: number, destination: number, immediate: number): void {
    const at = index * instructionSize;
    this.#view.setUint8(at, opcode);
    this.#view.setUint8(at + 1, this.littleEndian ? destination : destination << 4);
    this.#view.setInt16(at + 2, 0, this.littleEndian);
    this.#view.setInt32(at + 4, immediate, this.littleEndian);
  }

  /** The 64-bit constant of the `ld_imm64` at `index`. */
  immediate64(index: number): bigint {
    const low = BigInt(this.immediate(index) >>> 0);
    return (BigInt(this.immediate(index + 1) >>> 0) << 32n) | low;
  }

  /** A complete `ld_imm64` starts here. */
  isLoadImm64(index: number): boolean {
    return index + 1 < this.length && this.opcode(index) === Opcode.loadImm64;
  }

  isCall(index: number): boolean {
    return this.opcode(index) === Opcode.call;
  }

  /** A call to another function of the program (BPF_PSEUDO_CALL). */
  isSubprogramCall(index: number): boolean {
    return this.isCall(index) && this.source(index) === Pseudo.call;
  }
}
