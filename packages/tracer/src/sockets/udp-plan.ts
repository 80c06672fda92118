/** Which hooks count UDP on a kernel, best first, and why. Pure: decided from facts that are handed in. */
import type { KernelFacts } from '../hooks/plan.js';
import type { HookCandidate, HookChoice } from '../report.js';

/** Sets of programs of bpf/udp.bpf.c. */
export type UdpMechanism = 'fentry' | 'kprobe' | 'cgroup';

export interface UdpFacts
  extends Pick<
    KernelFacts,
    'fentry' | 'kprobe' | 'kprobeDenied' | 'preemptible' | 'hasFunction' | 'hasTypedFunction'
  > {
  /** The types in use tell where a packet's headers are; those that were discovered do not. */
  readonly packetTypes: boolean;
  /** Folder of the root of cgroup v2; undefined where none is mounted. */
  readonly cgroupRoot: string | undefined;
  /** BPF_CGROUP_INET_SOCK_RELEASE (5.9): the end of a socket is seen. */
  readonly sockRelease: boolean;
}

/** Functions without which a set is of no use; those of IPv6 may be missing. */
const needed = ['ip_send_skb', 'skb_consume_udp', 'udp_destroy_sock'];

const consequences: Readonly<Record<UdpMechanism, string | undefined>> = {
  fentry: undefined,
  kprobe: undefined,
  cgroup:
    'UDP is counted by packets: what arrives at a socket counts as received, whether it is read or not, and the process is known of sockets made after the start',
};

/** The choice, for `weir doctor`, and the set of programs; undefined where UDP can't be counted. */
export function planUdp(facts: UdpFacts): {
  readonly choice: HookChoice;
  readonly mechanism: UdpMechanism | undefined;
} {
  const fentry = calls(
    'fentry',
    facts.fentry,
    (name) => facts.hasTypedFunction(name),
    'BPF trampolines can not be attached (Linux 5.5 and later, with CONFIG_FUNCTION_TRACER)',
  );
  const kprobe = calls(
    'kprobe',
    facts.kprobe && facts.kprobeDenied !== true && facts.packetTypes,
    (name) => facts.hasFunction(name),
    !facts.kprobe
      ? 'there are no kprobes (CONFIG_KPROBES, Linux 4.17 and later for its perf event)'
      : facts.kprobeDenied === true
        ? 'a kprobe takes CAP_SYS_ADMIN here, for kernel.perf_event_paranoid is above 2'
        : 'the types in use do not have struct sk_buff: it takes the kernel’s own, or a BTF file',
  );
  const cgroup: HookCandidate = {
    name: 'cgroup_skb',
    available: facts.cgroupRoot !== undefined && facts.sockRelease,
    reason:
      facts.cgroupRoot === undefined
        ? 'no cgroup v2 is mounted'
        : facts.sockRelease
          ? `packets can be seen at ${facts.cgroupRoot}`
          : 'the end of a socket can not be seen (Linux 5.9 and later)',
  };
  // A kprobe costs more, but no other process can come in the middle of its program.
  const candidates = facts.preemptible ? [kprobe, fentry, cgroup] : [fentry, kprobe, cgroup];
  const chosen = candidates.find(({ available }) => available);
  const mechanism =
    chosen === undefined ? undefined : chosen === cgroup ? 'cgroup' : chosen === fentry ? 'fentry' : 'kprobe';
  const consequence = mechanism === undefined ? 'UDP can’t be counted' : consequences[mechanism];
  return {
    choice: {
      purpose: 'UDP',
      candidates,
      ...(chosen !== undefined && { chosen: chosen.name }),
      ...(consequence !== undefined && { consequence }),
    },
    mechanism,
  };
}

function calls(
  mechanism: 'fentry' | 'kprobe',
  works: boolean,
  has: (name: string) => boolean,
  without: string,
): HookCandidate {
  const missing = works ? needed.find((name) => !has(name)) : undefined;
  return {
    name: `${mechanism}:skb_consume_udp`,
    available: works && missing === undefined,
    reason: !works
      ? without
      : missing === undefined
        ? `the kernel has the functions and ${mechanism === 'fentry' ? 'trampolines' : 'kprobes'}`
        : `this kernel has no function ${missing}`,
  };
}

/** The root of cgroup v2 in /proc/PID/mountinfo. Pure. */
export function findCgroupRoot(mountinfo: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const match = /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /.exec(line);
    if (match !== null) {
      return match[1]!.replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      );
    }
  }
  return undefined;
}
