/** Inspects what this host offers to the tracer, for `weir doctor`. */
import { arch, release, version } from 'node:os';
import { type Btf, EbpfError, type FeatureName, features, kernelBtf, VerifierError } from '@weir/ebpf';
import { describeContainerSources } from './enrich/containers/availability.js';
import { describeUnknown } from './hooks/choose-hook.js';
import { describeView } from './hooks/host-view.js';
import { readKernelFeatures } from './hooks/kernel-features.js';
import { planHooks } from './hooks/plan.js';
import { capabilityNeeds, privilegeProblems } from './privileges.js';
import type { FeatureReport, HookChoice, HostReport, Problem } from './report.js';
import { describeTcpWalk, planUdp, readUdpFeatures } from './sockets/index.js';
import { Tracer } from './tracer.js';
import { describeOffsets, missingFields } from './types/field-report.js';
import { type TargetTypes, targetTypes } from './types/target.js';

/** Options of {@link inspectHost}. */
export interface InspectOptions {
  /** Types to use in place of the kernel's own; `discover` finds them out. */
  readonly btf?: Btf | 'discover';
  /** Where `btf` came from, for the report. */
  readonly btfPath?: string;
  /** Report where each field is. Default false. */
  readonly offsets?: boolean;
  /** Report the verifier's logs of programs that it refused: thousands of lines. Default false. */
  readonly logs?: boolean;
}

const kernelBtfPath = '/sys/kernel/btf/vmlinux';

/**
 * Looks at the kernel and tries to trace for a moment. Leaves nothing behind. Obstacles are in the report's
 * `problems`.
 */
export function inspectHost(options: InspectOptions = {}): HostReport {
  const capabilities = capabilityNeeds();
  const problems = privilegeProblems();
  // Without privileges, types that the kernel does not show cannot be discovered.
  const types = problems.length > 0 ? ownTypes() : findTypes(options, problems);
  const hooks = types === undefined ? [] : findHooks(types.btf);
  if (problems.length === 0 && types !== undefined) problems.push(...findProblems(types.btf, hooks));
  return {
    kernel: { release: release(), version: version(), machine: arch() },
    btf: describeTypes(types, options, problems[0]?.what),
    capabilities,
    features: features.names().map(describeFeature),
    hooks,
    containers: describeContainerSources(),
    ...(options.offsets &&
      types !== undefined &&
      problems.length === 0 && { offsets: describeOffsets(types) }),
    problems: options.logs ? problems : problems.map(({ what, advice }) => ({ what, advice })),
    ok: problems.length === 0,
  };
}

function describeFeature(name: FeatureName): FeatureReport {
  const { since } = features.describe(name);
  const answer = features.probe(name);
  if (answer.state !== 'unknown') {
    const reason = features.reasonOfAbsence(name);
    return { name, since, state: answer.state, ...(reason !== undefined && { reason }) };
  }
  return { since, ...describeUnknown(name, answer) };
}

/** Includes what is used on demand: the hook of UDP, and the walk over live connections. */
function findHooks(btf: Btf): readonly HookChoice[] {
  return describeView([
    ...planHooks(readKernelFeatures(btf), undefined, true).choices,
    planUdp(readUdpFeatures(btf)).choice,
    describeTcpWalk(btf),
  ]);
}

function ownTypes(): TargetTypes | undefined {
  // A process that may not read them gets a report of what it lacks anyway.
  const btf = features.has('kernel_btf') ? readableKernelBtf() : undefined;
  return btf && { btf, source: 'kernel' };
}

function readableKernelBtf(): Btf | undefined {
  try {
    return kernelBtf();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    return undefined;
  }
}

function findTypes({ btf }: InspectOptions, problems: Problem[]): TargetTypes | undefined {
  try {
    return targetTypes(btf);
  } catch (error) {
    problems.push(asProblem(error));
    return undefined;
  }
}

function describeTypes(
  types: TargetTypes | undefined,
  { btfPath, logs }: InspectOptions,
  obstacle: string | undefined,
): HostReport['btf'] {
  if (types === undefined) return { source: 'none', ...(obstacle !== undefined && { undecided: obstacle }) };
  const { source, btf, rejected, refusal } = types;
  const path = source === 'kernel' ? kernelBtfPath : source === 'file' ? btfPath : undefined;
  return {
    source,
    types: btf.length,
    ...(path !== undefined && { path }),
    ...(rejected !== undefined && { rejected }),
    ...(logs && logOf(refusal)),
    ...missingFields(types),
  };
}

function findProblems(btf: Btf, hooks: readonly HookChoice[]): Problem[] {
  const unchosen = hooks.find(
    ({ candidates: { length }, consequence, chosen, undecided }) =>
      length === 1 && consequence === undefined && !chosen && undecided === undefined,
  );
  if (unchosen !== undefined) {
    return [
      {
        what: `no hook for the ${unchosen.purpose}: ${unchosen.candidates[0]!.reason}`,
        advice: 'a newer kernel, or one with that option, is needed',
      },
    ];
  }
  const failure = tryToTrace(btf);
  return failure === undefined ? [] : [failure];
}

/** Starts a tracer of the default size whose filter nothing passes, and ends it. */
function tryToTrace(btf: Btf): Problem | undefined {
  try {
    using _tracer = Tracer.start({ btf, filter: { pids: [process.pid] } });
    return undefined;
  } catch (error) {
    return asProblem(error);
  }
}

function asProblem(error: unknown): Problem {
  if (!(error instanceof EbpfError)) throw error;
  const [what = '', ...rest] = error.message.split('\n');
  const advice = rest.length > 0 ? rest.join('\n') : 'see the message for what the kernel refused';
  return { what, advice, ...logOf(error) };
}

/** The verifier's log of an error, or of what it goes back to. */
function logOf(error: unknown): { readonly log?: string } {
  if (error instanceof VerifierError) return { log: error.log };
  return error instanceof EbpfError ? logOf(error.cause) : {};
}
