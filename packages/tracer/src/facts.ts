/** The facts about the running kernel that the choice of hooks depends on. */
import { type Btf, type FeatureTable, features, Kind, kernelSymbols } from '@weir/ebpf';
import type { KernelFacts } from './plan.js';

/** @param btf Types of the running kernel. */
export function kernelFacts(btf: Btf, table: FeatureTable = features): KernelFacts {
  return {
    rawTracepoint: table.has('raw_tracepoint'),
    fentry: table.has('fentry') && table.has('fexit'),
    kprobe: table.has('kprobes') && table.has('kprobe_pmu'),
    iterators: table.has('iterators'),
    hasTypedFunction: (name) => btf.find(name, Kind.func) !== undefined,
    hasFunction: (name) => kernelSymbols().hasFunction(name),
  };
}
