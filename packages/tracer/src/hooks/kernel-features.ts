/** The facts about the running kernel that the choice of hooks depends on. */
import { readFileSync } from 'node:fs';
import {
  type Btf,
  type FeatureTable,
  features,
  Kind,
  kernelAtLeast,
  kernelSymbols,
  tracepointId,
} from '@weir/ebpf';
import { missingCapabilities } from '@weir/ebpf/sys';
import type { KernelFacts } from './plan.js';

/** @param btf Types of the running kernel. */
export function kernelFacts(btf: Btf, table: FeatureTable = features): KernelFacts {
  return {
    rawTracepoint: table.has('raw_tracepoint'),
    skipsNested: kernelAtLeast('6.1'),
    // Where CONFIG_PREEMPT_LAZY is in force, which only debugfs tells.
    preemptible: kernelAtLeast('6.13'),
    tracepointEvent: !perfEventsDenied() && hasTracepoint('sock/inet_sock_set_state'),
    // fexit stands and falls with it; trying an attachment costs a grace period.
    fentry: table.has('fentry'),
    kprobe: table.has('kprobe_pmu') || table.has('kprobe_events'),
    kprobeDenied: perfEventsDenied(),
    // Discovered types tell nothing of what a walk over tasks and files needs.
    iterators: table.has('iterators') && btf.find('bpf_iter__task_file', Kind.struct) !== undefined,
    hasTypedFunction: (name) => btf.find(name, Kind.func) !== undefined,
    // Functions in BTF are functions that can be traced; /proc/kallsyms takes tens of milliseconds.
    hasFunction: (name) => btf.find(name, Kind.func) !== undefined || kernelSymbols().hasFunction(name),
  };
}

/** Whether tracefs tells this process of a tracepoint. */
function hasTracepoint(event: string): boolean {
  try {
    return tracepointId(event) > 0;
  } catch {
    // Not mounted, not readable, or no such tracepoint: all the same here, another way is taken.
    return false;
  }
}

/**
 * Whether perf_event_open() is refused whatever it is to open: Debian and others have a level 3 of
 * kernel.perf_event_paranoid, at which not CAP_PERFMON counts but only CAP_SYS_ADMIN. fentry and fexit do without it.
 */
function perfEventsDenied(): boolean {
  if (missingCapabilities(['CAP_SYS_ADMIN']).length === 0) return false;
  try {
    return Number(readFileSync('/proc/sys/kernel/perf_event_paranoid', 'latin1')) > 2;
  } catch {
    return false;
  }
}
