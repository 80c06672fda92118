/** Programs that run when a processor reads, writes or executes at an address: its debug registers. */
import { arch, constants } from 'node:os';
import { EbpfError, OptionError, SyscallError, UnsupportedError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { onlineCpus } from '../sys/cpus.js';
import type { Fd } from '../sys/fd.js';
import { kernelAtLeast } from '../sys/kernel-version.js';
import { PerfType } from '../sys/perf-event-open.js';
import type { Link } from './link.js';
import { attachToEvent, eventCount, openEvent, type PerfAttachOptions } from './perf-event.js';

/** HW_BREAKPOINT_* of include/uapi/linux/hw_breakpoint.h. */
const accessBits = { write: 2, 'read-write': 3, execute: 4 } as const;

/** A place in memory to watch. */
export interface Breakpoint {
  /** A virtual address: in the kernel, or in the process that `thread` belongs to. */
  readonly address: bigint;
  /** What runs the program: the execution of the instruction there, or a write, or any access, which may be the kernel's. */
  readonly access: keyof typeof accessBits;
  /** Bytes that are watched: 1, 2, 4 or 8, and the address a multiple of it. Default 8. Without effect on `execute`. */
  readonly length?: 1 | 2 | 4 | 8;
}

/** Options of {@link attachBreakpoint}. */
export interface BreakpointOptions extends PerfAttachOptions {
  /** Watches one thread on any CPU; 0 is the calling one. Default: all, on every CPU that is online. */
  readonly thread?: number;
  /** Registers that were reserved for the same breakpoint and the same threads. */
  readonly reserved?: ReservedBreakpoint;
}

/** A breakpoint on one CPU, or of one thread. */
interface Attachment extends Disposable {
  /** The accesses so far. */
  count(): number;
}

/** Debug registers of a breakpoint without a program: see {@link reserveBreakpoint}. */
export class ReservedBreakpoint implements Disposable {
  readonly #events = new Map<number, Fd>();

  /**
   * Use {@link reserveBreakpoint}.
   *
   * @param open Opens the event of one CPU; -1 is any, for one thread.
   */
  constructor(open: (cpu: number) => Fd, cpus: readonly number[]) {
    try {
      for (const cpu of cpus) this.#events.set(cpu, open(cpu));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Hands over the event of a CPU, if there is one. */
  take(cpu: number): Fd | undefined {
    const event = this.#events.get(cpu);
    this.#events.delete(cpu);
    return event;
  }

  /** Gives back what no link has. */
  [Symbol.dispose](): void {
    for (const event of this.#events.values()) event[Symbol.dispose]();
    this.#events.clear();
  }
}

/** A breakpoint; it takes one debug register of each CPU that it is on, of which x86 processors have four. */
export class BreakpointLink implements Link {
  readonly kind = 'breakpoint';
  readonly #attach: (cpu: number) => Attachment;
  readonly #links = new Map<number, Attachment>();
  /** Accesses on CPUs that went. */
  #before = 0;
  #disposed = false;

  /**
   * Use {@link attachBreakpoint}.
   *
   * @param attach Attaches on one CPU; -1 is any, for one thread.
   */
  constructor(attach: (cpu: number) => Attachment, cpus: readonly number[]) {
    this.#attach = attach;
    try {
      for (const cpu of cpus) this.#links.set(cpu, attach(cpu));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The CPUs that it is on; -1 for one thread, wherever that runs. */
  get cpus(): readonly number[] {
    return [...this.#links.keys()];
  }

  /** The number of accesses since it was attached, also of those at which the kernel skipped the program. */
  count(): number {
    let count = this.#before;
    for (const link of this.#links.values()) count += link.count();
    return count;
  }

  /**
   * Follows CPUs that came or went, which the kernel does not: call it now and then.
   *
   * @param online Numbers of the CPUs that are online.
   * @throws SyscallError where a new CPU has no free register.
   */
  followCpus(online: readonly number[] = onlineCpus()): void {
    if (this.#disposed) throw new EbpfError('the breakpoint was detached');
    if (this.#links.has(-1)) return;
    for (const [cpu, link] of this.#links) {
      if (online.includes(cpu)) continue;
      this.#links.delete(cpu);
      this.#before += link.count();
      link[Symbol.dispose]();
    }
    for (const cpu of online) if (!this.#links.has(cpu)) this.#links.set(cpu, this.#attach(cpu));
  }

  /** Detaches on all CPUs. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const link of this.#links.values()) link[Symbol.dispose]();
    this.#links.clear();
  }
}

/**
 * Runs a program of the type `perf_event` at each access to an address (4.9; on arm64 6.5). The program runs as in an interrupt
 * that nothing holds off, in the context of whoever makes the access: on x86 before an instruction that is executed, and
 * behind one that reads or writes. The kernel skips it while another program of a probe or perf event, or a map operation of
 * a process, is under way on that CPU.
 *
 * @throws OptionError for a length or address that processors cannot watch; SyscallError, with the reason where registers are
 * lacking, or the kernel lets no breakpoint be there (code of the kernel, on x86 without CONFIG_KPROBES); UnsupportedError on
 * other machines, or for a cookie before 5.15.
 */
export function attachBreakpoint(
  program: ProgramHandle,
  breakpoint: Breakpoint,
  options: BreakpointOptions = {},
): BreakpointLink {
  const { thread, reserved } = options;
  const attach = (cpu: number): Attachment => {
    const event = reserved?.take(cpu) ?? openBreakpoint(breakpoint, cpu, thread ?? -1);
    const link = attachToEvent(program, 'breakpoint', event, options);
    return { count: () => eventCount(event), [Symbol.dispose]: () => link[Symbol.dispose]() };
  };
  return new BreakpointLink(attach, cpusOf(thread));
}

/**
 * Takes the registers of a breakpoint before its program is there, since the first of all CPUs waits for an RCU grace period: a caller can
 * use the time in which the kernel verifies the program.
 *
 * @throws as {@link attachBreakpoint}.
 */
export function reserveBreakpoint(
  breakpoint: Breakpoint,
  { thread }: Pick<BreakpointOptions, 'thread'> = {},
): ReservedBreakpoint {
  return new ReservedBreakpoint((cpu) => openBreakpoint(breakpoint, cpu, thread ?? -1), cpusOf(thread));
}

function cpusOf(thread: number | undefined): readonly number[] {
  return thread === undefined ? onlineCpus() : [-1];
}

function openBreakpoint({ address, access, length = 8 }: Breakpoint, cpu: number, pid: number): Fd {
  if (![1, 2, 4, 8].includes(length) || (access !== 'execute' && address % BigInt(length) !== 0n))
    throw new OptionError(`no breakpoint can be on ${length} bytes at 0x${address.toString(16)}`);
  requireMachine();
  try {
    return openEvent({
      type: PerfType.breakpoint,
      config1: address,
      // The kernel wants sizeof(long) for an instruction of any length.
      config2: access === 'execute' ? 8 : length,
      breakpointType: accessBits[access],
      samplePeriod: 1,
      disabled: true,
      pid,
      cpu,
      what: `a breakpoint at 0x${address.toString(16)}`,
    });
  } catch (error) {
    const advice = error instanceof SyscallError ? adviceFor(error.errno, access, cpu) : undefined;
    if (advice === undefined) throw error;
    const { syscall, errno } = error as SyscallError;
    throw new SyscallError(syscall, errno, advice);
  }
}

/** Before 6.5, arm64 ran into a breakpoint that has a program again and again, without end. */
function requireMachine(): void {
  if (arch() === 'x64' || (arch() === 'arm64' && kernelAtLeast('6.5'))) return;
  throw new UnsupportedError(
    'breakpoints that run programs',
    arch() === 'arm64' ? '6.5' : undefined,
    `this machine is ${arch()}`,
  );
}

function adviceFor(errno: number, access: Breakpoint['access'], cpu: number): string | undefined {
  const { EINVAL, ENOSPC, EBUSY, ENOENT, ENODEV, EOPNOTSUPP } = constants.errno;
  const where = cpu < 0 ? 'the processors have' : `CPU ${cpu} has`;
  if (errno === ENOSPC || errno === EBUSY)
    return `${where} no debug register free: a debugger, or another tracer, uses them`;
  if (errno === ENOENT || errno === ENODEV || errno === EOPNOTSUPP)
    return 'the kernel offers no hardware breakpoints here (CONFIG_HAVE_HW_BREAKPOINT; a CPU that is offline)';
  if (errno === EINVAL && access === 'execute')
    return 'there is no code that may have one: on x86 the kernel allows it in its own only with CONFIG_KPROBES';
  return undefined;
}
