/** Probes on many functions of one file by one link. */
import { constants } from 'node:os';
import { OptionError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { FdLink } from './link.js';
import { createSupportedLink } from './link-support.js';
import { requireType } from './program-kind.js';
import { isReturnKind, userTarget } from './section-target.js';
import { executablePath, symbolOffset, symbolOffsetsLike } from './user-symbols.js';

const BPF_F_UPROBE_MULTI_RETURN = 1;

/** Options of {@link attachUprobeMulti}. */
export interface UprobeMultiOptions {
  /**
   * Functions as {@link UprobeOptions.symbol} names them, or a pattern of their names, in which `*` stands for any text and `?` for any letter.
   * Default: what the program's section names.
   */
  readonly symbols?: string | readonly string[];
  /** Bytes from the start of the file to the instructions, in the place of functions. */
  readonly offsets?: readonly number[];
  /** The values that bpf_get_attach_cookie() returns, one for each instruction; not with a pattern. */
  readonly cookies?: readonly bigint[];
  /** Counters as {@link UprobeOptions.refCounterOffset}, one for each instruction; 0 for none. Not with a pattern. */
  readonly refCounterOffsets?: readonly number[];
  /** Runs when the functions return, or when they are called. Default: as the program's section says; else when they are called. */
  readonly retprobe?: boolean;
  /** Only this process. Default: all that map the file. */
  readonly pid?: number;
}

/**
 * Attaches to many functions of a file at once (6.6; sessions, which run at both ends of a call, 6.13). The program must have been loaded for
 * BPF_TRACE_UPROBE_MULTI or BPF_TRACE_UPROBE_SESSION, as sections `uprobe.multi`, `uretprobe.multi` and `uprobe.session` say.
 * @param path The file, as {@link attachUprobe} takes it. Default: what the program's section names, `uprobe.multi/PATH:PATTERN`.
 * @throws OptionError where nothing says which functions, or for options that do not go together; EbpfError for a file or function that does
 * not exist; UnsupportedError on an older kernel; SyscallError
 */
export function attachUprobeMulti(
  program: ProgramHandle,
  path: string | undefined = undefined,
  options: UprobeMultiOptions = {},
): FdLink {
  requireType(program, 'attachUprobeMulti', ProgramType.kprobe);
  const session = program.expectedAttachType === AttachType.traceUprobeSession;
  const retprobe = options.retprobe ?? isReturnKind(program.kind);
  if (session && retprobe)
    throw new OptionError(`program ${program.name} is a session: it runs at entry and return alike`);
  const { file, offsets } = places(program, path, options);
  const support = session
    ? { feature: 'BPF_TRACE_UPROBE_SESSION', since: '6.13' }
    : { feature: 'BPF_TRACE_UPROBE_MULTI', since: '6.6' };
  const attachType = session ? AttachType.traceUprobeSession : AttachType.traceUprobeMulti;
  const fd = createSupportedLink(
    support,
    program,
    0,
    attachType,
    {
      uprobeMulti: {
        path: file,
        offsets: numbers(offsets),
        refCtrOffsets: options.refCounterOffsets && numbers(options.refCounterOffsets),
        cookies: options.cookies && new Uint8Array(new BigUint64Array(options.cookies).buffer),
        cnt: offsets.length,
        flags: retprobe ? BPF_F_UPROBE_MULTI_RETURN : 0,
        pid: options.pid,
      },
    },
    (errno) => explain(errno, program, options.pid),
  );
  return new FdLink(session ? 'uprobe_session' : 'uprobe_multi', fd);
}

function places(
  program: ProgramHandle,
  given: string | undefined,
  options: UprobeMultiOptions,
): { readonly file: string; readonly offsets: readonly number[] } {
  const named = given === undefined ? userTarget(program.attachTo ?? '') : undefined;
  const file = executablePath(given ?? named!.path, options.pid);
  const offsets = offsetsIn(program, file, options, named);
  for (const [what, list] of Object.entries({
    cookies: options.cookies,
    refCounterOffsets: options.refCounterOffsets,
  }))
    if (list !== undefined && list.length !== offsets.length)
      throw new OptionError(
        `program ${program.name}: ${list.length} ${what} are given for ${offsets.length} instructions`,
      );
  return { file, offsets };
}

function offsetsIn(
  program: ProgramHandle,
  file: string,
  { symbols, offsets, cookies, refCounterOffsets }: UprobeMultiOptions,
  named: { readonly symbol?: string; readonly offset: number } | undefined,
): readonly number[] {
  if (offsets !== undefined && symbols !== undefined)
    throw new OptionError(`program ${program.name}: give either symbols or offsets`);
  if (offsets !== undefined) return atLeastOne(program, offsets);
  const wanted = symbols ?? named?.symbol;
  if (wanted === undefined) return atLeastOne(program, named === undefined ? [] : [named.offset]);
  if (typeof wanted === 'string' && /[*?]/.test(wanted)) {
    if (cookies !== undefined || refCounterOffsets !== undefined)
      throw new OptionError(
        `program ${program.name}: cookies and counters are given by function, and ${wanted} is a pattern`,
      );
    return [...symbolOffsetsLike(file, wanted).values()];
  }
  const list = typeof wanted === 'string' ? [wanted] : wanted;
  const start = symbols === undefined ? (named?.offset ?? 0) : 0;
  return atLeastOne(
    program,
    list.map((symbol) => symbolOffset(file, symbol) + start),
  );
}

function atLeastOne(program: ProgramHandle, offsets: readonly number[]): readonly number[] {
  if (offsets.length > 0) return offsets;
  throw new OptionError(`program ${program.name}: there is no function to attach to`);
}

function numbers(values: readonly number[]): Uint8Array {
  return new Uint8Array(new BigUint64Array(values.map(BigInt)).buffer);
}

function explain(errno: number, program: ProgramHandle, pid: number | undefined): string | undefined {
  const { EINVAL, ESRCH } = constants.errno;
  if (errno === ESRCH) return `there is no process ${pid}`;
  const loadedFor = program.expectedAttachType;
  const isLoaded = loadedFor === AttachType.traceUprobeMulti || loadedFor === AttachType.traceUprobeSession;
  if (errno !== EINVAL || isLoaded) return undefined;
  return `program ${program.name} was not loaded for it: its section has to be uprobe.multi, uretprobe.multi or uprobe.session`;
}
