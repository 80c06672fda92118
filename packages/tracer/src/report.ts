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

export interface HostReport {
  readonly kernel: { readonly release: string; readonly version: string; readonly machine: string };
  readonly btf: {
    readonly source: 'kernel' | 'file' | 'none';
    readonly path?: string;
    readonly types?: number;
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
  /** What keeps tracing from working; empty if it would work. */
  readonly problems: readonly Problem[];
  /** Whether `weir trace` would work here and now. */
  readonly ok: boolean;
}
