/** Types that the kernel holds: its own, those of modules, and those that programs and maps came with. */
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { infoAttr, kernelStruct } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { objectIds, openById } from '../sys/object-ids.js';
import { Command } from '../uapi/commands.js';
import { kernelBtf } from './kernel.js';
import { Btf } from './parse.js';

const nameLength = 128;

/** Types in the kernel. */
export interface LoadedBtf {
  /** Unique among those that exist, from 1. */
  readonly id: number;
  /** `vmlinux` or a module's name for the kernel's own, else '' (5.11). */
  readonly name: string;
  /** Whether they are the kernel's or a module's own (5.11). */
  readonly isKernel: boolean;
  readonly btf: Btf;
}

/** The ids of all types in the kernel, ascending (5.4). Needs CAP_SYS_ADMIN. @throws SyscallError */
export function btfIds(): Generator<number, void, undefined> {
  return objectIds('btfGetNextId');
}

/**
 * The types with an id; `undefined` if there are none (4.18). Needs CAP_SYS_ADMIN.
 *
 * @throws SyscallError; FormatError if they cannot be understood.
 */
export function btfFromId(id: number): LoadedBtf | undefined {
  using fd = openById(Command.btfGetFdById, { btfId: id }, `BTF ${id}`);
  if (fd === undefined) return undefined;
  const first = kernelStruct('btfInfo');
  bpf(Command.objGetInfoByFd, infoAttr(fd.fd, first));
  const bytes = new Uint8Array(first.get('btfSize'));
  const name = new Uint8Array(nameLength);
  const request = { btf: bytes, btfSize: bytes.length };
  let info = kernelStruct('btfInfo', { ...request, name, nameLen: name.length });
  try {
    bpf(Command.objGetInfoByFd, infoAttr(fd.fd, info));
  } catch (error) {
    // Before 5.11, types have no names, and those with an id are never the kernel's.
    if (!(error instanceof SyscallError && error.errno === constants.errno.E2BIG)) throw error;
    info = kernelStruct('btfInfo', request);
    bpf(Command.objGetInfoByFd, infoAttr(fd.fd, info));
  }
  const text = Buffer.from(name).toString('latin1').split('\0', 1)[0]!;
  const isKernel = info.get('kernelBtf') !== 0;
  const base = isKernel && text !== 'vmlinux' ? kernelBtf() : undefined;
  return { id, name: text, isKernel, btf: Btf.parse(bytes, base) };
}
