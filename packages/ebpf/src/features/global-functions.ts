/** Whether the kernel has global functions that take pointers to memory. */
import { BtfBuilder } from '../btf/builder.js';
import { Kind, Linkage } from '../btf/types.js';
import { structLayouts } from '../generated/kernel-structs.js';
import { assemble, insn } from '../insn/assembler.js';
import { progLoadAttr } from '../sys/attr.js';
import { Fd } from '../sys/fd.js';
import { progLoadRaw } from '../sys/prog-load.js';
import { ProgramType } from '../uapi/program-types.js';
import { programNeeds } from './judge.js';
import { loadBtf, opened, outcome } from './probe.js';
import type { ProbeResult } from './state.js';

/** Instructions of the main function. */
const mainLength = 6;

/** Loads a program whose main function hands a struct on its stack to a global one, which reads it. */
export function takesPointersGlobally(): ProbeResult {
  const { blob, main, reader } = types();
  const btf = loadBtf(blob);
  if (btf < 0) return outcome(btf, programNeeds);
  using fd = new Fd(btf);
  const load = progLoadAttr({
    progType: ProgramType.socketFilter,
    instructions: assemble(
      insn.storeImmediate(8, 10, -8, 0),
      insn.mov(1, 10),
      insn.addImmediate(1, -8),
      insn.callFunction(2),
      insn.movImmediate(0, 0),
      insn.exit(),
      insn.movImmediate(0, 0),
      insn.jumpIfZero(1, 1),
      insn.load64(0, 1, 0),
      insn.exit(),
    ),
  });
  load.set({
    progBtfFd: fd.fd,
    funcInfoRecSize: structLayouts.funcInfo.size,
    funcInfo: new Uint8Array(Uint32Array.of(0, main, mainLength, reader).buffer),
    funcInfoCnt: 2,
  });
  return opened(progLoadRaw(load), programNeeds);
}

/** The BTF of the two functions, and their ids in it. */
function types(): { readonly blob: Uint8Array; readonly main: number; readonly reader: number } {
  const btf = new BtfBuilder();
  const long = btf.addInt('long', 8, { signed: true });
  const pointer = btf.addPtr(btf.addStruct('read', 8, [{ name: 'value', typeId: long, bitOffset: 0 }]));
  const prototype = (parameters: readonly { readonly name: string; readonly typeId: number }[]) =>
    btf.add({ kind: Kind.funcProto, name: '', returnTypeId: long, parameters });
  const define = (name: string, typeId: number, linkage: number) =>
    btf.add({ kind: Kind.func, name, typeId, linkage });
  const main = define('main', prototype([]), Linkage.static);
  const reader = define('reader', prototype([{ name: 'from', typeId: pointer }]), Linkage.global);
  return { blob: btf.build().encode(), main, reader };
}
