/** What `weir doctor` prints: what this kernel offers, what the tracer would use, and why. */

/** One way to place one hook. */
export interface HookCandidate {
  /** Such as `fentry:security_sock_graft`. */
  readonly name: string;
  readonly available: boolean;
  /** Why it is or is not available: the kernel's own answer, with the version or option that brings it. */
  readonly reason: string;
}

export interface HookChoice {
  /** What the hook is for: `life cycle`, `accept`, `sockets from before the start`. */
  readonly purpose: string;
  /** Best first. */
  readonly candidates: readonly HookCandidate[];
  /** Name of the candidate that is used; absent where there is none. */
  readonly chosen?: string;
  /** What is lost without the better candidates, in one sentence. */
  readonly consequence?: string;
}

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

export interface HostReport {
  readonly kernel: { readonly release: string; readonly version: string; readonly machine: string };
  readonly btf: {
    readonly source: 'kernel' | 'file' | 'cache' | 'discovery' | 'none';
    readonly path?: string;
    readonly types?: number;
    /** What was wrong with types that were to be used, and are not. */
    readonly rejected?: string;
  };
  readonly capabilities: readonly {
    readonly name: string;
    readonly present: boolean;
    /** What Weir needs it for. */
    readonly for: string;
  }[];
  /** Kernel facilities with the version that brought each. */
  readonly features: readonly { readonly name: string; readonly since: string; readonly present: boolean }[];
  readonly hooks: readonly HookChoice[];
  /** Every field, where they were asked for. */
  readonly offsets?: readonly FieldOffset[];
  /** What keeps tracing from working; empty if it would work. */
  readonly problems: readonly Problem[];
  /** Whether `weir trace` would work here and now. */
  readonly ok: boolean;
}
