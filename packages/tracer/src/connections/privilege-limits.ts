/** Limits of live connections for lack of privileges. */
import { type CapabilityName, effectiveCapabilities, missingCapabilities } from '@weir/ebpf/sys';
import { inInitialPidNamespace } from '../enrich/pid-namespace.js';
import type { Problem } from '../report.js';

const consequences: readonly (readonly [CapabilityName, string])[] = [
  ['CAP_SYS_ADMIN', 'in other network namespaces only what begins from now on is shown, without figures'],
  ['CAP_SYS_PTRACE', "the owners of sockets of other users' processes are only known from events"],
];

/** @param isHost Whether this process is in the initial pid namespace. */
export function privilegeLimits(
  effective: ReadonlySet<CapabilityName> = effectiveCapabilities(),
  isHost: boolean = inInitialPidNamespace(),
): Problem[] {
  const limits = consequences
    .filter(([name]) => missingCapabilities([name], effective).length > 0)
    .map(([name, consequence]) => ({
      what: `this process lacks ${name}: ${consequence}`,
      advice: 'run it as root, or give it the capability',
    }));
  if (isHost) return limits;
  const outside = {
    what: 'this process is not in the initial pid namespace: the owners of sockets are only known from events, by their process ids on the host',
    advice: 'run it in the pid namespace of the host, as docker run --pid=host does',
  };
  return [...limits, outside];
}
