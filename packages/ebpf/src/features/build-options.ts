/** Why a kernel lacks what its version has: it was built without an option, or started without one. */
import { type KernelVersion, kernelAtLeast } from '../sys/kernel-version.js';
import type { KernelConfig } from './config.js';
import type { FeatureName } from './definitions.js';

const trampolines = ['CONFIG_BPF_JIT', 'CONFIG_DEBUG_INFO_BTF', 'CONFIG_FUNCTION_TRACER'];

/** Options of the build without which a kernel lacks a feature. */
const buildOptions: Partial<Record<FeatureName, readonly string[]>> = {
  kernel_btf: ['CONFIG_DEBUG_INFO_BTF'],
  kprobes: ['CONFIG_KPROBES'],
  kprobe_pmu: ['CONFIG_KPROBES', 'CONFIG_KPROBE_EVENTS'],
  kprobe_events: ['CONFIG_KPROBES', 'CONFIG_KPROBE_EVENTS'],
  kprobe_multi: ['CONFIG_KPROBES', 'CONFIG_FPROBE'],
  uprobe_pmu: ['CONFIG_UPROBE_EVENTS'],
  raw_tracepoint: ['CONFIG_BPF_EVENTS'],
  tp_btf: ['CONFIG_BPF_EVENTS', 'CONFIG_DEBUG_INFO_BTF'],
  iterators: ['CONFIG_BPF_EVENTS', 'CONFIG_DEBUG_INFO_BTF'],
  fentry: trampolines,
  fexit: trampolines,
  lsm: ['CONFIG_BPF_LSM'],
  rdonly_cast: ['CONFIG_DEBUG_INFO_BTF'],
  cgroup_sock_addr: ['CONFIG_CGROUP_BPF'],
  cgroup_link: ['CONFIG_CGROUP_BPF'],
};

/** Versions of arm64 that are later than those of x86-64. */
const arm64Since: Partial<Record<FeatureName, string>> = { fentry: '6.4', fexit: '6.4', lsm: '6.4' };

/** The kernel that lacks something. */
export interface LackingKernel {
  readonly version: KernelVersion;
  /** As in `process.arch`. */
  readonly machine: string;
  /** Undefined where its options cannot be read. */
  readonly config: KernelConfig | undefined;
}

/**
 * The reason why a kernel lacks a feature though its version has it.
 *
 * @param since The first mainline version that has it.
 * @returns Undefined where the kernel is older, or nothing is known.
 */
export function reasonOfAbsence(
  name: FeatureName,
  since: string,
  { version, machine, config }: LackingKernel,
): string | undefined {
  if (!kernelAtLeast(since, version)) return undefined;
  const later = machine === 'arm64' ? arm64Since[name] : undefined;
  if (later !== undefined && !kernelAtLeast(later, version)) return `on arm64 since ${later}`;
  const options = buildOptions[name];
  if (options === undefined) return undefined;
  const lacking = options.filter((option) => config?.get(option) === undefined);
  if (config !== undefined && lacking.length > 0) return `built without ${listed(lacking)}`;
  const started = name === 'lsm' ? 'bpf in lsm= on its command line' : undefined;
  if (config === undefined)
    return `takes a kernel with ${listed(options)}${started ? `, and ${started}` : ''}`;
  return started && `started without ${started}`;
}

function listed(options: readonly string[]): string {
  return options.length < 2 ? options.join('') : `${options.slice(0, -1).join(', ')} and ${options.at(-1)}`;
}
