/** Chooses the hooks that count UDP, and says why. Pure: it decides by the kernel's features, which are handed in. */
import type { ProbeResult } from '@weir/ebpf';
import { allOf, known } from '@weir/ebpf/sys';
import { chooseHook, hookCandidate, hookChoice } from '../hooks/choose-hook.js';
import type { KernelFeatures } from '../hooks/plan.js';
import type { HookCandidate, HookChoice } from '../report.js';

/** Sets of programs of bpf/udp.bpf.c. */
export type UdpMechanism = 'fentry' | 'kprobe' | 'cgroup';

export interface UdpFeatures
  extends Pick<
    KernelFeatures,
    'rawTracepoint' | 'fentry' | 'kprobe' | 'preemptible' | 'probeFunction' | 'hasTypedFunction'
  > {
  /** The types in use contain struct sk_buff; discovered types do not. */
  readonly packetTypes: boolean;
  /** Folder of the root of cgroup v2; undefined where none is mounted. */
  readonly cgroupRoot: string | undefined;
  /** Whether that is only the root of a cgroup namespace, as in a container. */
  readonly cgroupIsPart?: boolean;
  /** BPF_CGROUP_INET_SOCK_RELEASE (5.9): the end of a socket is seen. */
  readonly sockRelease: boolean;
  /** Whether this process may attach to a cgroup. */
  readonly cgroupPrograms: ProbeResult;
}

/** Functions without which a set is of no use; those of IPv6 may be missing. */
const needed = ['ip_send_skb', 'skb_consume_udp', 'udp_destroy_sock'];

const consequences: Readonly<Record<UdpMechanism, string | undefined>> = {
  fentry: undefined,
  kprobe: undefined,
  cgroup:
    'UDP is counted by packets: what arrives at a socket counts as received, whether it is read or not, and the process is known only for sockets that were created after the start; to send and receive a datagram takes some 0.8 µs longer',
};

const ownCgroupsOnly = {
  what: 'UDP is counted only for processes of this cgroup namespace, as a container has one, not for those of the rest of the host',
  advice: 'run it in the cgroup namespace of the host, as docker run --cgroupns=host does',
};

/** The choice, for `weir doctor`, and the set of programs; undefined where UDP cannot be counted. */
export function planUdp(kernel: UdpFeatures): {
  readonly choice: HookChoice;
  readonly mechanism: UdpMechanism | undefined;
} {
  const fentry = calls(
    'fentry',
    kernel.fentry,
    (name) => known(kernel.hasTypedFunction(name)),
    'BPF trampolines cannot be attached (Linux 5.5 and later, on arm64 6.4, with CONFIG_FUNCTION_TRACER and CONFIG_DEBUG_INFO_BTF)',
  );
  const kprobe = calls(
    'kprobe',
    allOf(
      () => kernel.kprobe,
      () => known(kernel.packetTypes),
    ),
    (name) => kernel.probeFunction(name),
    kernel.kprobe.state === 'present'
      ? 'the types in use do not have struct sk_buff: it takes the kernel’s own, or a BTF file'
      : 'there are no kprobes (CONFIG_KPROBES, Linux 4.17 and later for its perf event)',
  );
  const cgroup = hookCandidate(
    'cgroup_skb',
    allOf(
      () => known(kernel.sockRelease),
      () => kernel.cgroupPrograms,
      () => known(kernel.cgroupRoot !== undefined),
    ),
    {
      present: `packets can be seen at ${kernel.cgroupRoot}`,
      absent:
        kernel.cgroupRoot === undefined && kernel.sockRelease
          ? 'no cgroup v2 is mounted'
          : 'the end of a socket cannot be seen (Linux 5.9 and later)',
    },
  );
  // A kprobe costs more, but its program cannot be preempted.
  const candidates = kernel.preemptible ? [kprobe, fentry, cgroup] : [fentry, kprobe, cgroup];
  const choice = chooseHook(candidates, kernel.rawTracepoint);
  const { chosen } = choice;
  const mechanism =
    chosen === undefined ? undefined : chosen === cgroup ? 'cgroup' : chosen === fentry ? 'fentry' : 'kprobe';
  const consequence = mechanism === undefined ? 'UDP cannot be counted' : consequences[mechanism];
  const described = hookChoice('UDP', candidates, choice, consequence);
  const isPartial = mechanism === 'cgroup' && kernel.cgroupIsPart === true;
  return { choice: isPartial ? { ...described, partial: ownCgroupsOnly } : described, mechanism };
}

function calls(
  mechanism: 'fentry' | 'kprobe',
  works: ProbeResult,
  probe: (name: string) => ProbeResult,
  without: string,
): HookCandidate {
  let missing = '';
  const functions = needed.map((name) => () => {
    missing = name;
    return probe(name);
  });
  const answer = allOf(() => works, ...functions);
  return hookCandidate(`${mechanism}:skb_consume_udp`, answer, {
    present: `the kernel has the functions and ${mechanism === 'fentry' ? 'trampolines' : 'kprobes'}`,
    absent: works.state === 'present' ? `this kernel has no function ${missing}` : without,
  });
}
