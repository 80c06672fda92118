/**
 * The errors this library throws. Each says what was tried, what the kernel (or the parser) said, and where it
 * is known, what to do about it.
 *
 * @module @weir/ebpf/errors
 */

import { constants } from 'node:os';

/** Second names, of which Linux's own sources and manuals prefer the first. */
const aliases: ReadonlySet<string> = new Set(['EWOULDBLOCK', 'ENOTSUP']);

const errnoNames = new Map<number, string>(
  Object.entries(constants.errno)
    .filter(([name]) => !aliases.has(name))
    .map(([name, number]) => [number, name]),
);

/** The symbolic name of an errno value, such as `EPERM`; `errno 524` for one that has no name here. */
export function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `errno ${errno}`;
}

/** Base of the errors that the kernel, an object or this library's own state cause. */
export class EbpfError extends Error {
  override name = 'EbpfError';
}

/** A file (ELF object, BTF blob) is damaged, truncated or uses something this library does not know. */
export class FormatError extends EbpfError {
  override name = 'FormatError';
}

/**
 * An option or argument makes no sense as it was given; nothing was tried. It is no {@link EbpfError}: whoever goes on
 * after a refusal of the kernel must not go on after a mistake of their own.
 */
export class OptionError extends Error {
  override name = 'OptionError';
}

/** The running kernel lacks something that the call needs. */
export class UnsupportedError extends EbpfError {
  override name = 'UnsupportedError';
  /** The missing feature, in the kernel's own terms: `BPF_MAP_TYPE_RINGBUF`, `CONFIG_BPF_EVENTS`. */
  readonly feature: string;
  /** The first mainline version that has it, such as `5.8`; absent where it is a build option. */
  readonly since: string | undefined;

  /** Makes an error about a feature that the kernel lacks, in the kernel's own terms. */
  constructor(feature: string, since?: string, advice?: string) {
    const version = since === undefined ? '' : ` (Linux ${since} and later have it)`;
    super(`this kernel has no ${feature}${version}${advice === undefined ? '' : `: ${advice}`}`);
    this.feature = feature;
    this.since = since;
  }
}

/** Whether the running kernel has something that the call depends on cannot be found out. */
export class UnknownFeatureError extends EbpfError {
  override name = 'UnknownFeatureError';
  /** The feature whose presence is unknown, in the kernel's own terms. */
  readonly feature: string;
  /** The obstacle: `needs CAP_BPF`. */
  readonly reason: string;

  /** Makes an error about a feature whose presence is unknown, with what stands in the way. */
  constructor(feature: string, { reason, advice }: { readonly reason: string; readonly advice?: string }) {
    super(
      `whether this kernel has ${feature} cannot be found out: ${reason}${advice === undefined ? '' : `; ${advice}`}`,
    );
    this.feature = feature;
    this.reason = reason;
  }
}

/** A system call failed. */
export class SyscallError extends EbpfError {
  override name = 'SyscallError';
  /** The call that failed: `bpf(BPF_MAP_CREATE)`, `mmap`. */
  readonly syscall: string;
  /** The errno as a positive number. */
  readonly errno: number;
  /** The errno's name, such as `EPERM`. */
  readonly code: string;

  /** Makes an error from what was tried, the errno as a positive number, and what more is known. */
  constructor(syscall: string, errno: number, detail?: string) {
    super(`${syscall}: ${errnoName(errno)}${detail === undefined ? '' : `: ${detail}`}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

/** The kernel's verifier rejected a program. The message ends with the log's last lines. */
export class VerifierError extends SyscallError {
  override name = 'VerifierError';
  /** The verifier's whole log. */
  readonly log: string;

  /**
   * Makes an error from the program's name, the errno, the verifier's log, what may be to blame besides the program, and what it refers to that
   * this kernel lacks.
   */
  constructor(program: string, errno: number, log: string, obstacle?: string, missing?: string) {
    const lacking = missing === undefined ? '' : `: it needs ${missing}, which this kernel lacks`;
    const blame = obstacle === undefined ? '' : `; this process ${obstacle}`;
    const lines = missing === undefined ? log : log.replace(/unknown#\d+/g, `<${missing}>`);
    super(
      'bpf(BPF_PROG_LOAD)',
      errno,
      `program ${program} was rejected${lacking}${blame}\n${lastLines(lines)}`,
    );
    this.log = log;
  }
}

/** The last lines of a verifier log that say something about the rejection, without the closing statistics. */
function lastLines(log: string): string {
  const lines = log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(processed \d+ insns|verification time|stack depth|max_states_per_insn)/.test(line));
  return lines
    .slice(-6)
    .map((line) => `  ${line}`)
    .join('\n');
}
