/** The capabilities that a running balancer keeps. */
import { kernelAtLeast } from '@weir/ebpf';
import {
  type CapabilityName,
  limitCapabilities,
  readSmallFile,
  situation,
  stripOtherThreads,
} from '@weir/ebpf/sys';
import type { Config } from '../config/schema.js';
import { commandsOf } from './commands.js';

/** What a running balancer still does, and the capability for it. */
const runningNeeds: Readonly<Partial<Record<CapabilityName, string>>> = {
  CAP_BPF: 'tables; programs of explanations and of probes in tunnels, loaded when first needed',
  CAP_PERFMON: 'loading programs; packets of captures',
  CAP_IPC_LOCK: 'memory of captures',
  CAP_NET_ADMIN: 'attachments, routes, neighbours, marks of health checks',
  CAP_NET_BIND_SERVICE: 'metrics on a port below 1024',
};

/** What commands on changes of health, and of checks, may need: sockets and files of routing daemons, signals, another user, packets. */
const commandNeeds: readonly CapabilityName[] = [
  'CAP_DAC_OVERRIDE',
  'CAP_KILL',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
];

/**
 * Whether kernel.perf_event_paranoid has a value that the kernels of Debian and Android know beyond those of the mainline: then
 * perf_event_open(2), which captures need, wants CAP_SYS_ADMIN, and CAP_PERFMON does not do.
 */
function isPerfAdminsOnly(): boolean {
  return Number(readSmallFile('/proc/sys/kernel/perf_event_paranoid') ?? 0) > 2;
}

function hasGroup({ group, drainGroup, readGroup }: Config['control']): boolean {
  return [group, drainGroup, readGroup].some((each) => each !== undefined);
}

/** The capabilities that a balancer with this configuration keeps, as far as it has them. */
export function keptCapabilities(
  config: Pick<Config, 'onChange' | 'vips' | 'control'>,
): readonly CapabilityName[] {
  const runsCommands = commandsOf(config).length > 0;
  return [
    ...(Object.keys(runningNeeds) as CapabilityName[]),
    ...(situation.hasCapBpf() && !isPerfAdminsOnly() ? [] : (['CAP_SYS_ADMIN'] as const)),
    // Maps that are made later count against the limit on locked memory.
    ...(kernelAtLeast('5.11') ? [] : (['CAP_SYS_RESOURCE'] as const)),
    ...(hasGroup(config.control) ? (['CAP_CHOWN'] as const) : []),
    ...(runsCommands ? commandNeeds : []),
  ];
}

/**
 * Gives up, for good, the capabilities that a running balancer does not need, for this thread and the commands that it runs;
 * other threads lose all.
 *
 * @returns those that are left.
 * @throws SyscallError
 */
export function dropPrivileges(config: Config): ReadonlySet<CapabilityName> {
  stripOtherThreads();
  return limitCapabilities(keptCapabilities(config));
}
