/** The machine code of a program, where the kernel's JIT compiler has made some. */
import { btfFromId } from '../btf/loaded.js';
import { Kind } from '../btf/types.js';
import { SyscallError } from '../errors.js';
import { infoAttr, kernelStruct, type StructValues } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Command } from '../uapi/commands.js';

/** A function of a program, compiled. */
export interface MachineFunction {
  /** As in the source; `''` where the program came without types, or they may not be read (CAP_SYS_ADMIN). */
  readonly name: string;
  /** Where it lies in the kernel's memory, which the code's relative calls and jumps start from; 0n where the kernel hides addresses. */
  readonly address: bigint;
  /** Instructions of this machine's processor. */
  readonly code: Uint8Array;
}

function query(fd: number, values: StructValues<'progInfo'> = {}) {
  const info = kernelStruct('progInfo', values);
  bpf(Command.objGetInfoByFd, infoAttr(fd, info));
  return info;
}

/** The functions in the order of the program's own; none where it is interpreted, or the kernel hides them. @throws SyscallError */
export function machineCode(fd: number): MachineFunction[] {
  const sizes = query(fd);
  const length = sizes.get('jitedProgLen');
  if (length === 0) return [];
  const code = new Uint8Array(length);
  // Before 4.18 there are neither addresses nor lengths: then it is one function.
  const addresses = new BigUint64Array(sizes.get('nrJitedKsyms'));
  const lengths = new Uint32Array(sizes.get('nrJitedFuncLens'));
  const functions = new Uint8Array(sizes.get('nrFuncInfo') * sizes.get('funcInfoRecSize'));
  const info = query(fd, {
    ...{ jitedProgLen: length, jitedProgInsns: code },
    ...{ nrJitedKsyms: addresses.length, jitedKsyms: bytesOf(addresses) },
    ...{ nrJitedFuncLens: lengths.length, jitedFuncLens: bytesOf(lengths) },
    ...{ nrFuncInfo: sizes.get('nrFuncInfo'), funcInfo: functions },
    funcInfoRecSize: sizes.get('funcInfoRecSize'),
  });
  // A kernel that hides the code sets the pointer to zero.
  if (info.get('jitedProgInsns') === 0n) return [];
  const names = namesOf(sizes.get('btfId'), functions, sizes.get('funcInfoRecSize'));
  let at = 0;
  return (lengths.length === 0 ? [length] : [...lengths]).map((size, index) => {
    at += size;
    return { name: names[index] ?? '', address: addresses[index] ?? 0n, code: code.subarray(at - size, at) };
  });
}

function bytesOf({ buffer }: { readonly buffer: ArrayBuffer }): Uint8Array {
  return new Uint8Array(buffer);
}

/** The names of functions by records of struct bpf_func_info. */
function namesOf(btfId: number, records: Uint8Array, size: number): string[] {
  if (btfId === 0 || size === 0) return [];
  let types: ReturnType<typeof btfFromId>;
  try {
    types = btfFromId(btfId);
  } catch (error) {
    if (error instanceof SyscallError) return [];
    throw error;
  }
  if (types === undefined) return [];
  const view = new DataView(records.buffer);
  const { btf } = types;
  return Array.from({ length: records.length / size }, (_, index) => {
    const type = btf.type(view.getUint32(index * size + 4, true));
    return type.kind === Kind.func ? type.name : '';
  });
}
