/** The breakpoint on accept() while the tracer runs: on all CPUs, and never at the cost of a flood. */
import {
  attachBreakpoint,
  type BreakpointLink,
  EbpfError,
  type Link,
  type Program,
  type ReservedBreakpoint,
  reserveBreakpoint,
  SyscallError,
} from '@weir/ebpf';
import { onlineCpus } from '@weir/ebpf/sys';

const CHECK_MS = 500;
const PAUSE_MS = 10_000;

/**
 * Where a trap is dearest, in a virtual machine, this many take a quarter of a CPU. Each rejected handshake is one as well, so
 * that without a limit a flood of SYNs would cost much more than it does.
 */
const MAX_TRAPS_PER_CPU_AND_SECOND = 20_000;

/** Decides by the number of traps whether the breakpoint is to be on. */
export class TrapLimit {
  #count = 0;
  #pausedUntil = 0;

  /**
   * @param count Traps since the breakpoint was attached; 0 while it is not.
   * @param passedMs The time since the last call.
   * @returns whether the breakpoint may be attached.
   */
  allows(count: number, cpus: number, nowMs: number, passedMs: number): boolean {
    if (nowMs < this.#pausedUntil) return false;
    const traps = count - this.#count;
    this.#count = count;
    if (traps <= (MAX_TRAPS_PER_CPU_AND_SECOND * cpus * passedMs) / 1000) return true;
    this.#count = 0;
    this.#pausedUntil = nowMs + PAUSE_MS;
    return false;
  }
}

/**
 * The hook was chosen by what an earlier start has found out, and the kernel refuses it now: others have the debug registers, or this
 * process lacks what that one had (CAP_SYS_ADMIN, or leave of a seccomp filter).
 */
export class BreakpointRefusedError extends EbpfError {
  override name = 'BreakpointRefusedError';
}

/** What watches a pointer, and how far: 8 bytes, on all CPUs. */
const watched = (address: bigint) => ({ address, access: 'read-write' }) as const;

/** The debug registers of all pointers that accept() reads. Disposing gives back those that no link uses. */
export class AcceptRegisters implements Disposable {
  readonly #reserved = new Map<bigint, ReservedBreakpoint>();

  /** @throws BreakpointRefusedError, SyscallError; then none stays reserved. */
  constructor(pointers: readonly bigint[]) {
    try {
      for (const pointer of pointers) this.#reserved.set(pointer, reserveBreakpoint(watched(pointer)));
    } catch (error) {
      this[Symbol.dispose]();
      throw asRefused(error);
    }
  }

  of(pointer: bigint): ReservedBreakpoint | undefined {
    return this.#reserved.get(pointer);
  }

  [Symbol.dispose](): void {
    for (const reserved of this.#reserved.values()) reserved[Symbol.dispose]();
  }
}

function asRefused(error: unknown): unknown {
  if (!(error instanceof SyscallError) || !/^E(NOSPC|PERM|ACCES)$/.test(error.code)) return error;
  return new BreakpointRefusedError(error.message, { cause: error });
}

/** Attached to all pointers that accept() reads. What it does not see is reported when the connection closes. */
export class AcceptBreakpointLink implements Link {
  readonly kind = 'breakpoint';
  readonly #program: Program;
  readonly #pointers: readonly bigint[];
  readonly #links: BreakpointLink[] = [];
  readonly #limit = new TrapLimit();
  readonly #timer: NodeJS.Timeout;
  #checkedMs = performance.now();

  /**
   * @param registers Those of the pointers, where they are reserved.
   * @throws BreakpointRefusedError, SyscallError; then nothing stays attached.
   */
  constructor(program: Program, pointers: readonly bigint[], registers?: AcceptRegisters) {
    this.#program = program;
    this.#pointers = pointers;
    try {
      this.#attach(registers);
    } catch (error) {
      throw asRefused(error);
    }
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
    this.#timer.unref();
  }

  #attach(registers?: AcceptRegisters): void {
    try {
      for (const pointer of this.#pointers) {
        const reserved = registers?.of(pointer);
        this.#links.push(
          attachBreakpoint(this.#program, watched(pointer), { ...(reserved && { reserved }) }),
        );
      }
    } catch (error) {
      this.#detach();
      throw error;
    }
  }

  #detach(): void {
    for (const link of this.#links.splice(0)) link[Symbol.dispose]();
  }

  /** A register that is not to be had now may be at the next check: until then accepts are reported at the close. */
  #check(): void {
    const now = performance.now();
    try {
      const cpus = onlineCpus();
      const count = this.#links.reduce((sum, link) => sum + link.count(), 0);
      const allowed = this.#limit.allows(count, cpus.length, now, now - this.#checkedMs);
      this.#checkedMs = now;
      if (!allowed) this.#detach();
      else if (this.#links.length === 0) this.#attach();
      else for (const link of this.#links) link.followCpus(cpus);
    } catch (error) {
      if (!(error instanceof EbpfError)) throw error;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#detach();
  }
}
