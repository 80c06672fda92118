/** Structs of functions that the kernel calls: found among its types, and filled with programs. */
import { kernelBtf } from '../btf/kernel.js';
import { essentialName } from '../btf/names.js';
import type { Btf } from '../btf/parse.js';
import { isComposite, Kind, type Member, type StructType } from '../btf/types.js';
import { EbpfError, FormatError } from '../errors.js';
import { unsupported } from '../features/since.js';
import type { MapSpec, ProgramSpec } from '../object/spec.js';
import type { ModuleTypes } from './module-types.js';

/** A struct of functions in the kernel, or in a module. */
export interface KernelOps {
  readonly btf: Btf;
  /** The module's BTF; undefined for the kernel's own. */
  readonly btfFd: number | undefined;
  /** The struct itself, and the one around it that is a map's value. */
  readonly typeId: number;
  readonly struct: StructType;
  readonly valueTypeId: number;
  /** Bytes of the value, and from its start to the struct. */
  readonly valueSize: number;
  readonly dataOffset: number;
}

const valuePrefix = 'bpf_struct_ops_';

/**
 * The kernel's struct of this name, flavours aside, if programs can stand in for its functions.
 * @throws UnsupportedError where the kernel has none (structs of its own 5.6, of modules 6.9).
 */
export function kernelOps(name: string, modules: ModuleTypes): KernelOps {
  const wanted = essentialName(name);
  const kernel = kernelBtf();
  const valueTypeId = kernel?.find(valuePrefix + wanted, Kind.struct);
  if (kernel !== undefined && valueTypeId !== undefined) return opsOf(kernel, undefined, wanted, valueTypeId);
  const found = modules.find(valuePrefix + wanted, Kind.struct);
  const btf = found && modules.modules?.get(found.module);
  if (found !== undefined && btf !== undefined) return opsOf(btf, found.btfFd, wanted, found.typeId);
  throw unsupported(
    `struct ${valuePrefix}${wanted}`,
    undefined,
    `struct ${wanted} is none whose functions can be programs`,
  );
}

function opsOf(btf: Btf, btfFd: number | undefined, name: string, valueTypeId: number): KernelOps {
  const value = btf.type(valueTypeId);
  const typeId = btf.typesByName(name).find((id) => btf.kind(id) === Kind.struct);
  const struct = typeId === undefined ? undefined : btf.type(typeId);
  const data = isComposite(value)
    ? value.members.find((member) => btf.skipModifiers(member.typeId) === typeId)
    : undefined;
  if (typeId === undefined || struct?.kind !== Kind.struct || data === undefined)
    throw new FormatError(`the kernel's struct ${valuePrefix}${name} does not hold a struct ${name}`);
  const valueSize = btf.size(valueTypeId);
  return { btf, btfFd, typeId, struct, valueTypeId, valueSize, dataOffset: data.bitOffset / 8 };
}

/** The members of BPF_PROG_LOAD that say which function of which struct a program is. @throws EbpfError */
export function structMemberTarget({ name, structMember }: ProgramSpec, modules: ModuleTypes) {
  if (structMember === undefined)
    throw new EbpfError(
      `program ${name}: no struct in .struct_ops or .struct_ops.link has it as a member, so there is nothing that it stands in for`,
    );
  const { struct, typeId, btfFd } = kernelOps(structMember.struct, modules);
  const wanted = essentialName(structMember.member);
  const index = struct.members.findIndex((member) => member.name === wanted);
  if (index < 0)
    throw new EbpfError(`program ${name}: the kernel's struct ${struct.name} has no member ${wanted}`);
  return {
    attachBtfId: typeId,
    expectedAttachType: index,
    ...(btfFd !== undefined && { attachBtfObjFd: btfFd }),
  };
}

/**
 * The value of a map: the object's struct, member by member, in the kernel's layout.
 * @param fdOf The descriptor of a program; undefined for one that was not loaded.
 * @throws EbpfError for members that the kernel lacks, or has with another size.
 */
export function structOpsValue(
  spec: MapSpec,
  local: Btf,
  ops: KernelOps,
  fdOf: (program: string) => number | undefined,
): Uint8Array {
  const { structOps } = spec;
  const struct = structOps === undefined ? undefined : local.type(structOps.typeId);
  if (structOps === undefined || struct === undefined || !isComposite(struct))
    throw new FormatError(`map ${spec.name} has no struct of functions`);
  const value = new Uint8Array(ops.valueSize);
  const view = new DataView(value.buffer);
  for (const member of struct.members) {
    const from = member.bitOffset / 8;
    const size = local.size(member.typeId);
    const bytes = structOps.contents.subarray(from, from + size);
    const program = structOps.functions.get(from);
    const target = counterpart(spec, member, ops.struct);
    if (target === undefined) {
      if (program === undefined && bytes.every((byte) => byte === 0)) continue;
      throw new EbpfError(
        `map ${spec.name}: the kernel's struct ${ops.struct.name} has no member ${member.name}`,
      );
    }
    const at = ops.dataOffset + target.bitOffset / 8;
    if (program !== undefined) {
      const fd = fdOf(program);
      if (fd === undefined) throw new EbpfError(`map ${spec.name}: program ${program} was not loaded`);
      view.setBigUint64(at, BigInt(fd), local.littleEndian);
      continue;
    }
    const targetSize = ops.btf.size(target.typeId);
    if (size !== targetSize)
      throw new EbpfError(
        `map ${spec.name}: ${member.name} has ${size} bytes, and ${targetSize} in the kernel's struct ${ops.struct.name}`,
      );
    value.set(bytes, at);
  }
  return value;
}

function counterpart(spec: MapSpec, member: Member, struct: StructType): Member | undefined {
  if (member.bitSize > 0 || member.bitOffset % 8 !== 0)
    throw new EbpfError(`map ${spec.name}: ${member.name} is a bit-field, which cannot be set`);
  const wanted = essentialName(member.name);
  const found = struct.members.find(({ name }) => name === wanted);
  if (found !== undefined && (found.bitSize > 0 || found.bitOffset % 8 !== 0))
    throw new EbpfError(`map ${spec.name}: ${member.name} is a bit-field in the kernel, which cannot be set`);
  return found;
}
