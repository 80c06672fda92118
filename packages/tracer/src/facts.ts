/** The facts about the running kernel that the choice of hooks depends on. */
import {
  type Btf,
  type FeatureTable,
  features,
  Kind,
  kernelAtLeast,
  kernelSymbols,
  tracepointId,
} from '@weir/ebpf';
import type { KernelFacts } from './plan.js';

/** @param btf Types of the running kernel. */
export function kernelFacts(btf: Btf, table: FeatureTable = features): KernelFacts {
  return {
    rawTracepoint: table.has('raw_tracepoint'),
    preemptible: kernelAtLeast('7.0'),
    tracepointEvent: hasTracepoint('sock/inet_sock_set_state'),
    fentry: table.has('fentry') && table.has('fexit'),
    kprobe: table.has('kprobes') && table.has('kprobe_pmu'),
    iterators: table.has('iterators'),
    hasTypedFunction: (name) => btf.find(name, Kind.func) !== undefined,
    hasFunction: (name) => kernelSymbols().hasFunction(name),
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
