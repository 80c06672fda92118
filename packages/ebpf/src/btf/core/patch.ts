/** Writes relocated values into instructions. */
import { FormatError } from '../../errors.js';
import {
  hasSourceRegister,
  instructionSize,
  MemSize,
  memSize,
  OpClass,
  Opcode,
  opClass,
  sizeBits,
} from '../../insn/insn.js';

/** A change to an instruction. Values are 64 bits, unsigned. */
export interface Patch {
  readonly localValue: bigint;
  readonly targetValue: bigint;
  /** Whether the instruction must hold `localValue` before. */
  readonly exact: boolean;
  /** Width of the local and of the target field in bytes, for loads and stores; equal if it stays. */
  readonly localSize: number;
  readonly targetSize: number;
  /** Whether the width of a load or store may change. */
  readonly resizable: boolean;
}

/**
 * The helper number of the call that replaces an instruction without a target. The verifier names it if the call can be
 * reached (`invalid func unknown#195896080`) and drops it where a check for existence guards it. The number, 0xbad2310,
 * is libbpf's, so that the advice found for it applies.
 */
export const poisonHelper = 0xbad2310;

const MAX_OFFSET = 0x7fff;

/** Replaces the instruction at a byte offset, both halves of it if it is a wide one, by the invalid call. */
export function poison(view: DataView, offset: number, littleEndian: boolean): void {
  const wide = view.getUint8(offset) === Opcode.loadImm64 && offset + 2 * instructionSize <= view.byteLength;
  for (let half = offset; half <= offset + (wide ? instructionSize : 0); half += instructionSize) {
    view.setUint8(half, Opcode.call);
    view.setUint8(half + 1, 0);
    view.setInt16(half + 2, 0, littleEndian);
    view.setInt32(half + 4, poisonHelper, littleEndian);
  }
}

/**
 * Patches the instruction at a byte offset: the immediate of an ALU instruction or of a 64-bit load, or the offset (and
 * width) of a memory access.
 * @returns false if the width of a memory access would have to change and may not: the instruction is poisoned instead.
 * @throws FormatError if the instruction is none of those or does not hold the expected value.
 */
export function patchInstruction(
  view: DataView,
  offset: number,
  patch: Patch,
  littleEndian: boolean,
): boolean {
  const code = view.getUint8(offset);
  switch (opClass(code)) {
    case OpClass.alu:
    case OpClass.alu64:
      patchImmediate(view, offset, code, patch, littleEndian);
      return true;
    case OpClass.ldx:
    case OpClass.st:
    case OpClass.stx:
      return patchMemory(view, offset, code, patch, littleEndian);
    case OpClass.ld:
      patchWide(view, offset, code, patch, littleEndian);
      return true;
    default:
      throw fault(offset, `opcode 0x${code.toString(16)} cannot be relocated`);
  }
}

function fault(offset: number, why: string): FormatError {
  return new FormatError(`CO-RE: instruction ${offset / instructionSize}: ${why}`);
}

function check(offset: number, found: bigint, patch: Patch): void {
  if (!patch.exact || found === patch.localValue) return;
  throw fault(offset, `holds ${found} where the object's own types give ${patch.localValue}`);
}

function patchImmediate(
  view: DataView,
  offset: number,
  code: number,
  patch: Patch,
  littleEndian: boolean,
): void {
  if (hasSourceRegister(code)) throw fault(offset, 'has no immediate operand to relocate');
  check(offset, BigInt.asUintN(64, BigInt(view.getInt32(offset + 4, littleEndian))), patch);
  view.setInt32(offset + 4, Number(BigInt.asIntN(32, patch.targetValue)), littleEndian);
}

function patchMemory(
  view: DataView,
  offset: number,
  code: number,
  patch: Patch,
  littleEndian: boolean,
): boolean {
  check(offset, BigInt.asUintN(64, BigInt(view.getInt16(offset + 2, littleEndian))), patch);
  if (patch.targetValue > BigInt(MAX_OFFSET)) {
    throw fault(offset, `the target's offset ${patch.targetValue} does not fit a load or store`);
  }
  const resized = patch.localSize !== patch.targetSize;
  if (resized && !patch.resizable) {
    poison(view, offset, littleEndian);
    return false;
  }
  view.setInt16(offset + 2, Number(patch.targetValue), littleEndian);
  if (!resized) return true;
  const width = sizeBits.get(patch.targetSize);
  if (sizeBits.get(patch.localSize) !== memSize(code)) {
    throw fault(offset, `does not access ${patch.localSize} bytes, the size of the field`);
  }
  if (width === undefined)
    throw fault(offset, `no access is ${patch.targetSize} bytes wide, as the target's field is`);
  view.setUint8(offset, (code & ~MemSize.dw) | width);
  return true;
}

function patchWide(view: DataView, offset: number, code: number, patch: Patch, littleEndian: boolean): void {
  const second = offset + instructionSize;
  if (
    code !== Opcode.loadImm64 ||
    second + instructionSize > view.byteLength ||
    // No pseudo source register (the upper four bits on little-endian machines), no offset, nothing in the second half.
    (view.getUint8(offset + 1) & (littleEndian ? 0xf0 : 0x0f)) !== 0 ||
    view.getInt16(offset + 2, littleEndian) !== 0 ||
    view.getUint32(second, littleEndian) !== 0
  ) {
    throw fault(offset, 'is not a plain 64-bit load');
  }
  const low = BigInt(view.getUint32(offset + 4, littleEndian));
  const high = BigInt(view.getUint32(second + 4, littleEndian));
  check(offset, (high << 32n) | low, patch);
  view.setUint32(offset + 4, Number(patch.targetValue & 0xffffffffn), littleEndian);
  view.setUint32(second + 4, Number(patch.targetValue >> 32n), littleEndian);
}
