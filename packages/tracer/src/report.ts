/** The report of `weir doctor`: what this kernel offers, what the tracer would use, and why. */
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
  /** The action that makes it known. */
  readonly advice?: string;
  /** Present where asking again may bring an answer. */
  readonly transient?: true;
}

/** A hook that was chosen for a purpose, and why. */
export interface HookChoice {
  /** The purpose of the hook, such as `process that accepts`. */
  readonly purpose: string;
  /** Best first. */
  readonly candidates: readonly HookCandidate[];
  /** Name of the candidate that is used; absent where there is none, or where that is not known. */
  readonly chosen?: string;
  /** Why it is not known which candidate would be used. */
  readonly undecided?: string;
  /** The consequence of missing the better candidates, in one sentence. */
  readonly consequence?: string;
  /** A part of the host that is not seen from where this process runs, or is named in another way. */
  readonly partial?: Problem;
}

/** One of the kernel's facilities. */
export interface FeatureReport {
  readonly name: string;
  /** The mainline version that brought it, such as `5.8`. */
  readonly since: string;
  readonly state: FeatureState;
  /** The reason why it is unknown, or why the kernel lacks it though its version has it. */
  readonly reason?: string;
  /** Capabilities that this process lacks to find out. */
  readonly missing?: readonly CapabilityName[];
  /** The action that makes it known. */
  readonly advice?: string;
}

/** Something that keeps the tracer from working, or from seeing all. */
export interface Problem {
  /** The obstacle, in one line. */
  readonly what: string;
  /** The action that removes it. */
  readonly advice: string;
  /** If requested: the verifier's log, where it refused a program. */
  readonly log?: string;
}

/** Where the programs read one field. Offsets in bytes from the start of the struct. */
export interface FieldOffset {
  readonly struct: string;
  readonly field: string;
  /** The source of the types in use. */
  readonly source: 'kernel' | 'file' | 'cache' | 'discovery';
  /** The offset in the types in use; absent where they lack the field, which records then do not have. */
  readonly used?: number;
  /** The offset in the kernel's own types, where it has them. */
  readonly kernel?: number;
  /** The offset that discovery found. */
  readonly discovered?: number;
  /** How it was discovered: by its `values`, by the `structure` around it, or through a `pointer`. */
  readonly how?: string;
  /** The number of offsets that fitted before the structure decided. */
  readonly candidates?: number;
  /** Why it was not discovered. */
  readonly why?: string;
}

/** A place at which container runtimes write names. */
export interface ContainerSourceReport {
  /** What writes there, such as `Docker`. */
  readonly name: string;
  /** A folder or a socket. */
  readonly path?: string;
  /** Whether it is there; `unknown` where this process may not look. */
  readonly state: FeatureState;
  /** What is in the way: the name of an errno, or words. */
  readonly reason?: string;
}

/** The facilities that a host offers to the tracer, as `weir doctor` prints them. */
export interface HostReport {
  readonly kernel: { readonly release: string; readonly version: string; readonly machine: string };
  readonly btf: {
    readonly source: 'kernel' | 'file' | 'cache' | 'discovery' | 'none';
    readonly path?: string;
    /** Number of types. */
    readonly types?: number;
    /** The reason why types that were given are not used. */
    readonly rejected?: string;
    /** If requested: the verifier's log, where it refused the programs with these types. */
    readonly log?: string;
    /** Why it is not known which types there are. */
    readonly undecided?: string;
    /** Fields that a discovery did not find, and why; records lack what is read from them. */
    readonly missing?: readonly { readonly field: string; readonly why?: string }[];
  };
  readonly capabilities: readonly {
    readonly name: string;
    readonly present: boolean;
    /** The purpose for which Weir needs it. */
    readonly for: string;
  }[];
  readonly features: readonly FeatureReport[];
  readonly hooks: readonly HookChoice[];
  /** Where names of containers and pods are found. */
  readonly containers: readonly ContainerSourceReport[];
  /** Every field, if requested. */
  readonly offsets?: readonly FieldOffset[];
  /** Obstacles to tracing; empty if it would work. */
  readonly problems: readonly Problem[];
  /** Whether `weir trace` would work here and now. */
  readonly ok: boolean;
}
