/** Limits of live connections for lack of privileges. */
import { type CapabilityName, effectiveCapabilities, missingCapabilities } from '@weir/ebpf/sys';
import { hiddenProcesses, type PidNamespaceView, pidNamespaceView } from '../enrich/pid-namespace.js';
import type { Problem } from '../report.js';

const consequences: readonly (readonly [CapabilityName, string])[] = [
  ['CAP_SYS_ADMIN', 'in other network namespaces only what begins from now on is shown, without figures'],
  ['CAP_SYS_PTRACE', "the owners of sockets of other users' processes are only known from events"],
];

export function privilegeLimits(
  effective: ReadonlySet<CapabilityName> = effectiveCapabilities(),
  view: PidNamespaceView = pidNamespaceView(),
): Problem[] {
  const limits = consequences
    .filter(([name]) => missingCapabilities([name], effective).length > 0)
    .map(([name, consequence]) => ({
      what: `this process lacks ${name}: ${consequence}`,
      advice: 'run it as root, or give it the capability',
    }));
  const hidden = hiddenProcesses(view);
  if (hidden === undefined) return limits;
  const consequence = 'the owners of sockets are only known from events, by their process ids on the host';
  return [...limits, { what: `${hidden.reason}: ${consequence}`, advice: hidden.advice }];
}
