/** What this host offers to the tracer: the facts behind `weir doctor`. */
import { arch, release, version } from 'node:os';
import { type Btf, EbpfError, features, kernelBtf } from '@weir/ebpf';
import { kernelFacts } from './facts.js';
import { planHooks } from './plan.js';
import { capabilityNeeds, privilegeProblems } from './privileges.js';
import type { HookChoice, HostReport, Problem } from './report.js';
import { Tracer } from './tracer.js';

export interface InspectOptions {
  /** Types to use in place of the kernel's own. */
  readonly btf?: Btf;
  /** Where `btf` came from, for the report. */
  readonly btfPath?: string;
}

const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

/** Looks at the kernel and tries to trace for a moment. Leaves nothing behind. */
export function inspectHost(options: InspectOptions = {}): HostReport {
  const btf = options.btf ?? kernelBtf();
  const capabilities = capabilityNeeds();
  const hooks = btf === undefined ? [] : planHooks(kernelFacts(btf)).choices;
  const problems = findProblems(btf, hooks);
  return {
    kernel: { release: release(), version: version(), machine: arch() },
    btf: describeTypes(btf, options),
    capabilities,
    features: features.names().map((name) => ({
      name,
      since: features.describe(name).since,
      present: features.has(name),
    })),
    hooks,
    problems,
    ok: problems.length === 0,
  };
}

function describeTypes(btf: Btf | undefined, options: InspectOptions): HostReport['btf'] {
  if (btf === undefined) return { source: 'none' };
  const types = btf.length;
  if (options.btf === undefined) return { source: 'kernel', path: KERNEL_BTF, types };
  return { source: 'file', types, ...(options.btfPath === undefined ? {} : { path: options.btfPath }) };
}

function findProblems(btf: Btf | undefined, hooks: readonly HookChoice[]): Problem[] {
  const problems = privilegeProblems();
  if (btf === undefined) {
    problems.push({
      what: `the kernel has no types of its own (${KERNEL_BTF})`,
      advice: 'boot a kernel of 5.4 or later with CONFIG_DEBUG_INFO_BTF, or name a file with --btf',
    });
  }
  if (problems.length > 0 || btf === undefined) return problems;
  const unchosen = hooks.find(
    (hook) => hook.candidates.length === 1 && hook.consequence === undefined && !hook.chosen,
  );
  if (unchosen !== undefined) {
    problems.push({
      what: `no hook for the ${unchosen.purpose}: ${unchosen.candidates[0]!.reason}`,
      advice: 'a newer kernel, or one with that option, is needed',
    });
    return problems;
  }
  const failure = tryToTrace(btf);
  if (failure !== undefined) problems.push(failure);
  return problems;
}

/** Starts a tracer of the default size that nothing passes, and ends it. */
function tryToTrace(btf: Btf): Problem | undefined {
  try {
    using _tracer = Tracer.start({ btf, filter: { pids: [process.pid] } });
    return undefined;
  } catch (error) {
    if (!(error instanceof EbpfError)) throw error;
    const [what = '', ...rest] = error.message.split('\n');
    return { what, advice: rest.length > 0 ? rest.join('\n') : 'the message names what the kernel refused' };
  }
}
