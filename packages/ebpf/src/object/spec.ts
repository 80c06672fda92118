/**
 * The contents of an object file, before any kernel is involved: its programs, maps, global variables and externs.
 * Specs are plain data. They may be changed freely between {@link parseObject} and loading.
 */
import type { CoreRelocation, FuncInfo, LineInfo } from '../btf/ext.js';
import type { Btf } from '../btf/parse.js';

/** A map that a program wants. Numbers are those of the kernel's `bpf_attr`; sizes in bytes. */
export interface MapSpec {
  name: string;
  /** BPF_MAP_TYPE_*. */
  type: number;
  keySize: number;
  valueSize: number;
  /**
   * Elements; bytes of a ring buffer. 0 where the object leaves it to the loader, as for perf event arrays.
   */
  maxEntries: number;
  /** BPF_F_* map creation flags. BPF_F_MMAPABLE is not set for data maps: the loader adds it where the kernel has it. */
  flags: number;
  /** Extra argument that a few map kinds take, such as a bloom filter's number of hash functions (Linux 5.16). */
  mapExtra?: bigint;
  /** The node whose memory the map takes, with BPF_F_NUMA_NODE in `flags`. */
  numaNode?: number;
  /** Pinned under its name in the folder of pins, and shared with whoever pinned it before. */
  pinning?: 'by-name';
  /** Type ids in the object's BTF. Many map kinds refuse them at creation; that is for the loader to know. */
  keyTypeId?: number;
  valueTypeId?: number;
  /** The shape of the maps that an array or hash of maps holds. */
  innerMap?: MapSpec;
  /** Initial slots of a map in map, by name of the map, or of a program array, by name of the program. */
  initialSlots?: Map<number, string>;
  /** Structs of functions only (`.struct_ops`, `.struct_ops.link`). */
  structOps?: StructOpsSpec;
  /** Data maps only (.rodata, .data, .bss, .kconfig and suffixed forms): the bytes of the one array element. */
  contents?: Uint8Array;
  /** Arenas only (6.9): what their memory begins with, the object's variables of address space 1. */
  arenaContents?: Uint8Array;
  /** Data maps only: to be frozen after its contents are set. */
  readOnly?: boolean;
}

/** A struct of functions that the kernel is to call, as the object has it. */
export interface StructOpsSpec {
  /** The struct in the object's BTF. */
  typeId: number;
  /** Its bytes, in the object's layout. */
  contents: Uint8Array;
  /** The programs that are its functions, by the member's offset in bytes. */
  functions: Map<number, string>;
  /** False if the section's name starts with '?': create it only when one of its programs is named. */
  autocreate: boolean;
}

/** An `ld_imm64` instruction that loads a map's descriptor, or the address of a byte in a data map. */
export interface MapReference {
  /** Instruction index in the linked program. */
  readonly index: number;
  readonly map: string;
  /** `fd`: BPF_PSEUDO_MAP_FD. `value`: BPF_PSEUDO_MAP_VALUE (Linux 5.2). */
  readonly kind: 'fd' | 'value';
  /** Byte offset in the value, for the second half's immediate; 0 for kind `fd`. */
  readonly offset: number;
}

/** An instruction that uses a symbol which the kernel defines. */
export interface ExternReference {
  /** Instruction index in the linked program. The instruction is as the compiler left it. */
  readonly index: number;
  readonly name: string;
  /**
   * `ksym`: an `ld_imm64` of a kernel variable's address, or of a kernel function's, to ask whether it exists.
   * `kfunc`: a call to a kernel function (Linux 5.13).
   */
  readonly kind: 'ksym' | 'kfunc';
}

/** An `ld_imm64` instruction that loads a subprogram's address, for a helper that calls back (Linux 5.13). */
export interface FunctionReference {
  /** Instruction index in the linked program. The instruction is complete: BPF_PSEUDO_FUNC, relative immediate. */
  readonly index: number;
  readonly function: string;
}

/** Where one function of a linked program lies. */
export interface LinkedFunction {
  readonly name: string;
  /** First instruction's index in the linked program. */
  readonly index: number;
  readonly instructionCount: number;
}

/** One program, with all subprograms that it reaches. */
export interface ProgramSpec {
  name: string;
  /** ELF section as it is spelled in the object. */
  section: string;
  /**
   * The section name's fixed part, such as `kretprobe` or `cgroup/connect4`, if it follows a convention: it distinguishes
   * what the program type does not, like kprobe and uprobe. See `sectionKinds`.
   */
  kind?: string;
  /** BPF_PROG_TYPE_*; 0 (BPF_PROG_TYPE_UNSPEC) if the section's name says nothing: set it before loading. */
  type: number;
  /** BPF_* attach type, where the section's name implies one. */
  expectedAttachType?: number;
  /** The member of a struct of functions that the program is: by the struct's name and the member's. */
  structMember?: { readonly struct: string; readonly member: string };
  /** The part behind the section's first '/': kernel function, tracepoint, LSM hook, iterator's target … */
  attachTo?: string;
  /** BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS: the program load flags that the section's name implies. */
  flags: number;
  /** False if the section's name starts with '?': load it only when named. */
  autoload: boolean;
  license: string;
  /** 8-byte instructions, in the object's byte order: the main function, then its subprograms. */
  instructions: Uint8Array;
  /** The functions in `instructions`, in order; the first is the program itself. */
  functions: readonly LinkedFunction[];
  mapReferences: readonly MapReference[];
  externReferences: readonly ExternReference[];
  functionReferences: readonly FunctionReference[];
  /** Byte offsets into `instructions`, in ascending order; likewise in the two below. */
  coreRelocations: readonly CoreRelocation[];
  funcInfo: readonly FuncInfo[];
  lineInfo: readonly LineInfo[];
}

/** A variable or function declared with `__ksym`: the loader finds it in the running kernel. */
export interface KernelSymbol {
  readonly name: string;
  readonly kind: 'ksym' | 'kfunc';
  /** A weak symbol that the kernel lacks becomes address 0 (a call to it must be dead code). */
  readonly weak: boolean;
  /** The declared type in the object's BTF (a FUNC for a kfunc); absent for `extern const void name __ksym`. */
  readonly typeId?: number;
}

/** A variable declared with `__kconfig`: the loader writes its value into the `.kconfig` map's contents. */
export interface KconfigVariable {
  /** `CONFIG_*`, or one of libbpf's virtual names: `LINUX_KERNEL_VERSION`, `LINUX_HAS_BPF_COOKIE` … */
  readonly name: string;
  /** Bytes from the start of the `.kconfig` map's value. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** `tristate` is libbpf's enum: n is 0, y is 1, m is 2. A `string` is a NUL-terminated char array. */
  readonly kind: 'char' | 'bool' | 'int' | 'tristate' | 'string';
  readonly signed: boolean;
  /** An option that is not set leaves zeros if weak; otherwise the object cannot be loaded. */
  readonly weak: boolean;
}

/** A global or static variable of the object. */
export interface GlobalVariable {
  /** Name of its data map, such as `.bss`, or of its arena. */
  readonly map: string;
  /** Bytes from the start of the map's value. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** Type in the object's BTF. */
  readonly typeId?: number;
}

/** Everything that one object file holds. Maps and programs keep the object's order. */
export interface CollectionSpec {
  license: string;
  /** The `version` section, as LINUX_VERSION_CODE; kernels before 5.0 compare it when they load a kprobe. */
  kernelVersion?: number;
  /** The object's BTF, with the DATASEC sizes and offsets that the compiler leaves open filled in. */
  btf?: Btf;
  littleEndian: boolean;
  /** By name; data maps by section name, such as `.rodata`. */
  maps: Map<string, MapSpec>;
  programs: Map<string, ProgramSpec>;
  globals: Map<string, GlobalVariable>;
  kernelSymbols: Map<string, KernelSymbol>;
  kconfig: Map<string, KconfigVariable>;
}
