/** The argument blocks of bpf(2), union bpf_attr of include/uapi/linux/bpf.h, filled by the names of their members. */
import { attrLayouts, structLayouts } from '../generated/kernel-structs.js';
import { ffi } from './ffi.js';
import { type FieldInputs, KernelStruct } from './kernel-struct.js';
import { kernelVersion } from './kernel-version.js';
import { withToken } from './token-in-use.js';

/** An alternative of the union, named after the command that takes it, or after what several commands have in common. */
export type AttrName = keyof typeof attrLayouts;

/** Members of a command's arguments by name. */
export type AttrValues<N extends AttrName> = FieldInputs<(typeof attrLayouts)[N]['fields']>;

/** A command's arguments, encoded. */
export type Attr<N extends AttrName> = KernelStruct<(typeof attrLayouts)[N]>;

/** The arguments of a command. Members that are not named are 0. */
export function attr<N extends AttrName>(name: N, values: AttrValues<N>): Attr<N> {
  return new KernelStruct(attrLayouts[name], values);
}

type StructName = keyof typeof structLayouts;

export type StructValues<N extends StructName> = FieldInputs<(typeof structLayouts)[N]['fields']>;

/** A struct that a command fills or that an argument points to. */
export function kernelStruct<N extends StructName>(
  name: N,
  values: StructValues<N> = {},
): KernelStruct<(typeof structLayouts)[N]> {
  return new KernelStruct(structLayouts[name], values);
}

/**
 * A name as the kernel takes it for a map or program: at most 15 bytes of letters, digits, `_` and `.`; any other
 * character becomes `_`. Dots are taken since 5.2; before, they must be replaced as well.
 */
export function objectName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, 15);
}

/** Members of BPF_PROG_LOAD that follow from others. */
type DerivedOfProgram = 'insns' | 'insnCnt' | 'progName' | 'logBuf' | 'logSize';

/** Members of BPF_PROG_LOAD by name, without those that follow from others. */
export interface ProgLoadValues extends Omit<AttrValues<'progLoad'>, DerivedOfProgram> {
  /** BPF_PROG_TYPE_*. */
  readonly progType: number;
  /** 8 bytes each, in host byte order. */
  readonly instructions: Uint8Array;
  /** Absent where the kernel takes no names (before 4.15). */
  readonly name?: string | undefined;
  /** Memory for the verifier's log, whose first level is asked for. */
  readonly log?: Uint8Array | undefined;
}

/** The arguments of BPF_PROG_LOAD, by the token in use. The license is GPL unless another is given. */
export function progLoadAttr({ instructions, name, log, ...values }: ProgLoadValues): Attr<'progLoad'> {
  const token = withToken(values.progFlags);
  const load = attr('progLoad', {
    license: 'GPL',
    // Kernels before 5.0 compare it for kprobes; later ones ignore it.
    kernVersion: kernelVersion().code,
    ...values,
    progFlags: token.flags,
    progTokenFd: token.fd,
    insns: instructions,
    insnCnt: instructions.length / 8,
    progName: name === undefined ? undefined : objectName(name),
  });
  return log === undefined ? load : logInto(load, log);
}

/** Asks for the verifier's log. @param level BPF_LOG_*: 1 or 2 for the instructions it walked, 4 for statistics. */
export function logInto(load: Attr<'progLoad'>, log: Uint8Array, level = 1): Attr<'progLoad'> {
  return load.set({ logLevel: level, logSize: log.length, logBuf: log });
}

export interface MapCreateValues
  extends Omit<
    AttrValues<'mapCreate'>,
    'mapType' | 'mapFlags' | 'mapName' | 'keySize' | 'valueSize' | 'maxEntries'
  > {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number | undefined;
  readonly name?: string | undefined;
}

/** The arguments of BPF_MAP_CREATE, by the token in use. */
export function mapCreateAttr({ type, flags, name, ...values }: MapCreateValues): Attr<'mapCreate'> {
  const token = withToken(flags);
  return attr('mapCreate', {
    ...values,
    mapType: type,
    mapFlags: token.flags,
    mapTokenFd: token.fd,
    mapName: name === undefined ? undefined : objectName(name),
  });
}

/** The arguments of BPF_OBJ_GET_INFO_BY_FD, with which the kernel fills as much of `info` as it knows. */
export function infoAttr(fd: number, info: KernelStruct): Attr<'info'> {
  return attr('info', { bpfFd: fd, infoLen: info.bytes.length, info: info.bytes });
}

/** The arguments of BPF_BTF_LOAD, by the token in use. */
export function btfLoadAttr(blob: Uint8Array): Attr<'btfLoad'> {
  const token = withToken(undefined);
  return attr('btfLoad', { btf: blob, btfSize: blob.length, btfFlags: token.flags, btfTokenFd: token.fd });
}

/** An array of pointers to C strings, followed by the strings themselves, so that one buffer keeps all alive. */
export function stringTable(strings: readonly string[]): Uint8Array {
  const text = Buffer.from(strings.map((string) => `${string}\0`).join(''));
  const table = Buffer.concat([Buffer.alloc(8 * strings.length), text]);
  let address = ffi().address(table) + 8 * strings.length;
  for (const [i, string] of strings.entries()) {
    table.writeBigUInt64LE(BigInt(address), 8 * i);
    address += Buffer.byteLength(string) + 1;
  }
  return table;
}
