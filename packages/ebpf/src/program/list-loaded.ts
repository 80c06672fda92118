/** A loaded program as text. */
import { btfFromId, type LoadedBtf } from '../btf/loaded.js';
import { Kind } from '../btf/types.js';
import { kernelSymbols } from '../features/symbols.js';
import { Instructions, JmpOp, OpClass, opClass, operation } from '../insn/insn.js';
import { type ListedFunction, listing, type SourceLine, sourceLine } from '../insn/listing.js';
import { mapFromId } from '../map/open.js';
import { infoAttr, kernelStruct, type StructValues } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Command } from '../uapi/commands.js';
import { Pseudo } from '../uapi/flags.js';
import { programInfo, translatedInstructions } from './program-info.js';

function query(fd: number, values: StructValues<'progInfo'>): void {
  bpf(Command.objGetInfoByFd, infoAttr(fd, kernelStruct('progInfo', values)));
}

/** @throws SyscallError */
export function listLoaded(fd: number): string {
  const instructions = translatedInstructions(fd);
  const { btfId } = programInfo(fd);
  const types = btfId === 0 ? undefined : btfFromId(btfId);
  const source = types === undefined ? {} : sourceOf(fd, types);
  return listing(instructions, { names: namesOf(instructions), ...source });
}

/** What the verifier knows of the source, with indexes of translated instructions. */
function sourceOf(
  fd: number,
  { btf }: LoadedBtf,
): { lines: readonly SourceLine[]; functions: readonly ListedFunction[] } {
  const info = kernelStruct('progInfo');
  bpf(Command.objGetInfoByFd, infoAttr(fd, info));
  const [functionSize, lineSize] = [info.get('funcInfoRecSize'), info.get('lineInfoRecSize')];
  const functions = new Uint8Array(info.get('nrFuncInfo') * functionSize);
  const lines = new Uint8Array(info.get('nrLineInfo') * lineSize);
  query(fd, {
    ...{ funcInfo: functions, nrFuncInfo: info.get('nrFuncInfo'), funcInfoRecSize: functionSize },
    ...{ lineInfo: lines, nrLineInfo: info.get('nrLineInfo'), lineInfoRecSize: lineSize },
  });
  return {
    functions: records(functions, functionSize).map(([index, typeId]) => {
      const type = btf.type(typeId!);
      return { index: index!, name: type.kind === Kind.func ? type.name : `function ${typeId}` };
    }),
    lines: records(lines, lineSize).map(([index, fileNameOffset, lineOffset, lineColumn]) =>
      sourceLine(btf, index!, {
        ...{ fileNameOffset: fileNameOffset!, lineOffset: lineOffset!, lineColumn: lineColumn! },
      }),
    ),
  };
}

/** Records of 32-bit numbers. */
function records(bytes: Uint8Array, size: number): Uint32Array[] {
  const count = size === 0 ? 0 : bytes.length / size;
  return Array.from({ length: count }, (_, i) => new Uint32Array(bytes.buffer, i * size, size / 4));
}

/** Maps by name and id, and helpers, whose calls the kernel shows as distances from one of its functions. */
function namesOf(bytes: Uint8Array): Map<number, string> {
  const code = new Instructions(bytes, true);
  const names = new Map<number, string>();
  const helpers = new Map<bigint, number[]>();
  const base = kernelSymbols().get('__bpf_call_base')?.address ?? 0n;
  for (let i = 0; i < code.length; i++) {
    if (code.isLoadImm64(i)) {
      const source = code.source(i);
      if (source === Pseudo.mapFd) names.set(i, mapName(code.immediate(i)));
      if (source === Pseudo.mapValue) names.set(i, `${mapName(code.immediate(i))}+${code.immediate(i + 1)}`);
      i++;
    } else if (isHelperCall(code, i) && base !== 0n) {
      const address = base + BigInt(code.immediate(i));
      helpers.set(address, [...(helpers.get(address) ?? []), i]);
    }
  }
  for (const [address, indexes] of helpers) {
    const name = kernelSymbols().functionAt(address);
    if (name !== undefined) for (const index of indexes) names.set(index, name);
  }
  return names;
}

function isHelperCall(code: Instructions, index: number): boolean {
  const opcode = code.opcode(index);
  return opClass(opcode) === OpClass.jmp && operation(opcode) === JmpOp.call && code.source(index) === 0;
}

function mapName(id: number): string {
  using map = mapFromId(id);
  return map === undefined ? `map[id:${id}]` : `map[${map.name}, id:${id}]`;
}
