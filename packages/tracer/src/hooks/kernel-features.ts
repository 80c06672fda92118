/** Probes the features of the running kernel on which the choice of hooks depends. */
import {
  type Btf,
  type FeatureTable,
  features,
  Kind,
  kernelAtLeast,
  kernelSymbols,
  type ProbeResult,
  probeTracepoint,
} from '@weir/ebpf';
import {
  allOf,
  anyOf,
  known,
  missingCapabilities,
  privilegeGap,
  probePerfEvents,
  readSmallFile,
  unknown,
} from '@weir/ebpf/sys';
import { probeAcceptBreakpoint } from './accept-breakpoint.js';
import type { KernelFeatures } from './plan.js';

/**
 * @param btf Types of the running kernel.
 * @param registers As {@link probeAcceptBreakpoint} has it.
 */
export function readKernelFeatures(
  btf: Btf,
  table: FeatureTable = features,
  registers = true,
): KernelFeatures {
  const perfEvents = () => perfEventsAllowed();
  return {
    rawTracepoint: table.probe('raw_tracepoint'),
    skipsNested: kernelAtLeast('6.1'),
    // Where CONFIG_PREEMPT_LAZY is in force, which only debugfs shows.
    preemptible: kernelAtLeast('6.13'),
    tracepointEvent: allOf(perfEvents, () => probeTracepoint('sock/inet_sock_set_state')),
    // fexit stands and falls with it; trying an attachment costs a grace period.
    fentry: table.probe('fentry'),
    kprobe: allOf(
      () =>
        anyOf(
          () => table.probe('kprobe_pmu'),
          () => table.probe('kprobe_events'),
        ),
      perfEvents,
    ),
    iterators: allOf(
      // Discovered types say nothing of what a walk over tasks and files needs.
      () => known(btf.find('bpf_iter__task_file', Kind.struct) !== undefined),
      () => table.probe('iterators'),
    ),
    mapIterator: kernelAtLeast('5.9') && btf.find('bpf_iter__bpf_map_elem', Kind.struct) !== undefined,
    acceptBreakpoint: () => {
      const gap = perfEvents();
      return gap.state === 'present' ? probeAcceptBreakpoint(btf, table, registers) : { answer: gap };
    },
    hasTypedFunction: (name) => btf.find(name, Kind.func) !== undefined,
    probeFunction: (name) =>
      anyOf(
        // Functions in BTF are functions that can be traced; /proc/kallsyms takes tens of milliseconds.
        () => known(btf.find(name, Kind.func) !== undefined),
        () => kernelSymbols().functionState(name),
      ),
  };
}

/**
 * Whether perf_event_open() is open to this process, whatever it is to open: Debian and others have a level 3 of
 * kernel.perf_event_paranoid, at which not CAP_PERFMON counts but only CAP_SYS_ADMIN. fentry and fexit do without it.
 */
function perfEventsAllowed(): ProbeResult {
  const gap = privilegeGap(['CAP_BPF', 'CAP_PERFMON']);
  if (gap !== undefined) return gap;
  const missing = missingCapabilities(['CAP_SYS_ADMIN']);
  const level = missing.length === 0 ? 0 : Number(readSmallFile('/proc/sys/kernel/perf_event_paranoid'));
  if (!(level > 2)) return probePerfEvents();
  return unknown(
    'needs CAP_SYS_ADMIN, for kernel.perf_event_paranoid is above 2 (a patch of some distributions)',
    {
      missing,
      advice: 'run it as root, or give it the capability',
    },
  );
}
