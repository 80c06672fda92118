/** The side of a loaded program that attachments use. */
import type { UsdtSpecs } from '../usdt/usdt-specs.js';

/** Properties of a program that its descriptor does not show. */
export interface ProgramDetails {
  readonly name: string;
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** BPF_* attach type it was loaded for, if any. */
  readonly expectedAttachType?: number | undefined;
  /** The kind of its section, such as `kretprobe` or `cgroup/connect4`. */
  readonly kind?: string | undefined;
  /** The target that its section names: kernel function, tracepoint, iterator. */
  readonly attachTo?: string | undefined;
  /** Where the programs of its object find the arguments of static probes, if they use any. */
  readonly usdt?: UsdtSpecs | undefined;
}

/** A loaded program, as attachments need it. */
export interface ProgramHandle extends ProgramDetails {
  /** The open descriptor. @throws EbpfError once disposed of. */
  readonly fd: number;
  /** The kernel's number for it (4.13). @throws SyscallError */
  readonly id: number;
  /** Keeps the descriptor open beyond the disposal of the program, for attachments that name the program when they are undone. */
  hold(): Disposable & { readonly fd: number };
}
