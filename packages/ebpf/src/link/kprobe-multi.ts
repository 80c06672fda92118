/** Probes on the entries or returns of many kernel functions by one link. */
import { constants } from 'node:os';
import { EbpfError, OptionError } from '../errors.js';
import { kernelSymbols } from '../features/symbols.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { stringTable } from '../sys/attr.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { missingSymbol } from './kprobe.js';
import { FdLink } from './link.js';
import { createSupportedLink } from './link-support.js';
import { requireType } from './program-kind.js';
import { isReturnKind } from './section-target.js';
import { functionsLike } from './traceable-functions.js';

const BPF_F_KPROBE_MULTI_RETURN = 1;

/** Options of {@link attachKprobeMulti}. */
export interface KprobeMultiOptions {
  /** Runs when the functions return, or when they are called. Default: as the program's section says; else when they are called. */
  readonly retprobe?: boolean;
  /** The values that bpf_get_attach_cookie() returns, one for each symbol; not with a pattern. */
  readonly cookies?: readonly bigint[];
}

/**
 * Attaches to many kernel functions at once (5.18; sessions, which run at both ends of a call, 6.10). The program must have been loaded
 * for BPF_TRACE_KPROBE_MULTI or BPF_TRACE_KPROBE_SESSION.
 * @param symbols As /proc/kallsyms spells them, or a pattern of them in which `*` stands for any text and `?` for any letter. Default: what
 * the program's section names.
 * @throws SyscallError, with the symbols that do not exist; EbpfError where no function fits a pattern; OptionError for an option that
 * makes no sense with the program; UnsupportedError on a kernel that is too old or built without it.
 */
export function attachKprobeMulti(
  program: ProgramHandle,
  symbols: string | readonly string[] = program.attachTo ?? '',
  options: KprobeMultiOptions = {},
): FdLink {
  requireType(program, 'attachKprobeMulti', ProgramType.kprobe);
  const { cookies } = options;
  const session = program.expectedAttachType === AttachType.traceKprobeSession;
  const retprobe = options.retprobe ?? isReturnKind(program.kind);
  if (session && retprobe)
    throw new OptionError(`program ${program.name} is a session: it runs at entry and return alike`);
  const names = namesOf(program, symbols, cookies);
  const fd = createSupportedLink(
    session
      ? { feature: 'BPF_TRACE_KPROBE_SESSION', since: '6.10', option: 'CONFIG_FPROBE' }
      : { feature: 'BPF_TRACE_KPROBE_MULTI', since: '5.18', option: 'CONFIG_FPROBE' },
    program,
    0,
    session ? AttachType.traceKprobeSession : AttachType.traceKprobeMulti,
    {
      kprobeMulti: {
        flags: retprobe ? BPF_F_KPROBE_MULTI_RETURN : 0,
        cnt: names.length,
        syms: stringTable(names),
        cookies: cookies && new Uint8Array(new BigUint64Array(cookies).buffer),
      },
    },
    (errno) => explain(errno, names, program),
  );
  return new FdLink(session ? 'kprobe_session' : 'kprobe_multi', fd);
}

function namesOf(
  program: ProgramHandle,
  symbols: string | readonly string[],
  cookies: readonly bigint[] | undefined,
): readonly string[] {
  const isPattern = typeof symbols === 'string' && /[*?]/.test(symbols);
  if (isPattern && cookies !== undefined)
    throw new OptionError(
      `program ${program.name}: cookies are given by symbol, and ${symbols} is a pattern`,
    );
  if (isPattern) {
    const found = functionsLike(symbols);
    if (found.length > 0) return found;
    throw new EbpfError(
      `program ${program.name}: this kernel has no function like ${symbols} that can be probed`,
    );
  }
  const names = typeof symbols === 'string' ? [symbols].filter((name) => name !== '') : symbols;
  if (names.length === 0) throw new OptionError(`program ${program.name}: there is no function to attach to`);
  if (cookies !== undefined && cookies.length !== names.length)
    throw new OptionError(`${cookies.length} cookies are given for ${names.length} functions`);
  return names;
}

function explain(errno: number, names: readonly string[], program: ProgramHandle): string | undefined {
  const { EINVAL, ESRCH } = constants.errno;
  const loadedFor = program.expectedAttachType;
  if (
    errno === EINVAL &&
    loadedFor !== AttachType.traceKprobeMulti &&
    loadedFor !== AttachType.traceKprobeSession
  )
    return `program ${program.name} was not loaded for it: its section has to be kprobe.multi, kretprobe.multi or kprobe.session`;
  if (errno !== ESRCH) return undefined;
  const table = kernelSymbols();
  if (table.hidden !== undefined) return table.hidden.reason;
  const missing = names.filter((symbol) => !table.hasFunction(symbol));
  return missing.map(missingSymbol).join('; ');
}
