/** Programs on the hooks of netfilter (6.4). */
import { constants } from 'node:os';
import type { ProgramHandle } from '../program/program-handle.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { FdLink } from './link.js';
import { createSupportedLink } from './link-support.js';
import { requireType } from './program-kind.js';

const families = { ipv4: 2, ipv6: 10 } as const;
const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const BPF_F_NETFILTER_IP_DEFRAG = 1;

/** Options of {@link attachNetfilter}. */
export interface NetfilterOptions {
  readonly family: keyof typeof families;
  readonly hook: keyof typeof hooks;
  /** Lower ones run first: -200 is before connection tracking; the lowest and the highest 32-bit number are refused. Default 0. */
  readonly priority?: number;
  /** Hands whole packets to the program, put together from their fragments; the priority must then be above -400 (6.6). */
  readonly defragment?: boolean;
}

/**
 * Attaches to a hook in the calling thread's network namespace (6.4, CONFIG_NETFILTER_BPF_LINK). The program returns NF_DROP (0) or NF_ACCEPT (1).
 * @throws UnsupportedError on an older kernel or one without netfilter links; SyscallError, such as EBUSY where another hook of the same priority is.
 */
export function attachNetfilter(program: ProgramHandle, options: NetfilterOptions): FdLink {
  requireType(program, 'attachNetfilter', ProgramType.netfilter);
  const { family, hook, priority = 0, defragment = false } = options;
  const support = {
    ...{ feature: 'BPF_LINK_TYPE_NETFILTER', since: '6.4' },
    option: 'CONFIG_NETFILTER_BPF_LINK',
  };
  const netfilter = {
    ...{ pf: families[family], hooknum: hooks[hook], priority },
    flags: defragment ? BPF_F_NETFILTER_IP_DEFRAG : 0,
  };
  const fd = createSupportedLink(support, program, 0, AttachType.netfilter, { netfilter }, (errno) =>
    explain(errno, options),
  );
  return new FdLink('netfilter', fd);
}

function explain(errno: number, { family, hook, priority = 0 }: NetfilterOptions): string | undefined {
  const { EAFNOSUPPORT, EBUSY, ERANGE } = constants.errno;
  if (errno === EBUSY) return `a hook of priority ${priority} is on ${family} ${hook} already`;
  if (errno === ERANGE) return `the priority ${priority} is not possible here`;
  return errno === EAFNOSUPPORT ? `this kernel has no netfilter for ${family}` : undefined;
}
