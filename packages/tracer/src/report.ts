/** What `weir doctor` prints: what this kernel offers, what the tracer would use, and why. */
import type { FeatureState } from '@weir/ebpf';
import type { CapabilityName } from '@weir/ebpf/sys';

/** One way to place one hook. */
export interface HookCandidate {
  /** Such as `fentry:security_sock_graft`. */
  readonly name: string;
  /**
   * Whether the kernel has it and this process may use it; `unknown` where the kernel may have it and this process may not,
   * or could not find out.
   */
  readonly state: FeatureState;
  /** Why: the kernel's own answer, with the version or option that brings it, or what keeps it from being known. */
  readonly reason: string;
  /** Capabilities that this process lacks to find out, or to use it. */
  readonly missing?: readonly CapabilityName[];
  /** What to do about what is unknown. */
  readonly advice?: string;
  /** Present where asking again may bring an answer. */
  readonly transient?: true;
}

/** A hook that was chosen for a purpose, and why. */
export interface HookChoice {
  /** What the hook is for: `life cycle`, `accept`, `sockets from before the start`. */
  readonly purpose: string;
  /** Best first. */
  readonly candidates: readonly HookCandidate[];
  /** Name of the candidate that is used; absent where there is none, or where that is not known. */
  readonly chosen?: string;
  /** Why it is not known which candidate would be used. */
  readonly undecided?: string;
  /** What is lost without the better candidates, in one sentence. */
  readonly consequence?: string;
}

/** One of the kernel's facilities. */
export interface FeatureReport {
  readonly name: string;
  /** The mainline version that brought it. */
  readonly since: string;
  readonly state: FeatureState;
  /** What keeps it from being known. */
  readonly reason?: string;
  /** Capabilities that this process lacks to find out. */
  readonly missing?: readonly CapabilityName[];
  /** What to do about that. */
  readonly advice?: string;
}

/** Something that keeps the tracer from working, or from seeing all. */
export interface Problem {
  /** What stands in the way, in one line. */
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Where the programs read one field. Offsets in bytes from the start of the struct. */
export interface FieldOffset {
  readonly struct: string;
  readonly field: string;
  /** Where the types in use came from. */
  readonly source: 'kernel' | 'file' | 'cache' | 'discovery';
  /** By the types in use; absent where they lack the field, which is then not reported. */
  readonly used?: number;
  /** By the kernel's own types, where it has such. */
  readonly kernel?: number;
  /** By discovery. */
  readonly discovered?: number;
  /** How it was discovered: by its `values`, by the `structure` around it, or through a `pointer`. */
  readonly how?: string;
  /** How many offsets fitted what was seen before the structure decided. */
  readonly candidates?: number;
  /** Why it was not discovered. */
  readonly why?: string;
}

/** What a host offers to the tracer, as `weir doctor` prints it. */
export interface HostReport {
  readonly kernel: { readonly release: string; readonly version: string; readonly machine: string };
  readonly btf: {
    readonly source: 'kernel' | 'file' | 'cache' | 'discovery' | 'none';
    readonly path?: string;
    readonly types?: number;
    /** What was wrong with types that were to be used, and are not. */
    readonly rejected?: string;
    /** Why it is not known which types there are. */
    readonly undecided?: string;
  };
  readonly capabilities: readonly {
    readonly name: string;
    readonly present: boolean;
    /** What Weir needs it for. */
    readonly for: string;
  }[];
  readonly features: readonly FeatureReport[];
  readonly hooks: readonly HookChoice[];
  /** Every field, where they were asked for. */
  readonly offsets?: readonly FieldOffset[];
  /** What keeps tracing from working; empty if it would work. */
  readonly problems: readonly Problem[];
  /** Whether `weir trace` would work here and now. */
  readonly ok: boolean;
}
