/** The steps of a tracer's start that come before its programs. */
import { UnknownFeatureError, UnsupportedError } from '@weir/ebpf';
import type { TraceFilter, TracerOptions } from '../options.js';
import { assertPrivileges } from '../privileges.js';
import type { HookChoice } from '../report.js';
import { type TargetTypes, targetTypes } from '../types/target.js';
import { BreakpointRefusedError } from './accept-breakpoint-link.js';
import { ipv4Only } from './filter.js';
import { readKernelFeatures } from './kernel-features.js';
import { type HookPlan, planHooks } from './plan.js';

/** One way to start. */
export interface Attempt {
  readonly options: TracerOptions;
  /** Whether to try first if a breakpoint finds free registers. */
  readonly registers: boolean;
}

/** What is known before programs are loaded. */
export interface Start {
  readonly types: TargetTypes;
  readonly plan: HookPlan;
  readonly choices: readonly HookChoice[];
  readonly options: TracerOptions;
  /** That of the options, and what follows from others of them. */
  readonly filter: TraceFilter;
}

/** Finds the types, and chooses the hooks. @throws as `Tracer.start()`, but for what loading and attaching throw. */
export function prepareStart({ options, registers }: Attempt): Start {
  assertPrivileges();
  const types = targetTypes(options.btf, options.features);
  const { plan, choices } = planHooks(
    readKernelFeatures(types.btf, options.features, registers),
    options.acceptHook,
  );
  if (options.acceptHook !== undefined && plan.accept !== options.acceptHook) {
    const candidate = choices
      .flatMap((choice) => choice.candidates)
      .find(({ name }) => name === options.acceptHook);
    if (candidate?.state === 'unknown') throw new UnknownFeatureError(options.acceptHook, candidate);
    throw new UnsupportedError(options.acceptHook, undefined, candidate?.reason);
  }
  if (plan.undecided !== undefined) throw new UnknownFeatureError(plan.undecided.name, plan.undecided);
  const filter = options.ipv6 === false ? ipv4Only(options.filter) : (options.filter ?? {});
  return { types, plan, choices, options, filter };
}

/** What to try where a start failed because the breakpoint was refused. @throws the error itself */
export function nextAttempt({ options, registers }: Attempt, error: unknown): Attempt {
  if (!(error instanceof BreakpointRefusedError)) throw error;
  // The hooks are chosen again, by what is free and allowed.
  if (!registers) return { options, registers: true };
  // Another has come in between.
  if (options.acceptHook !== undefined) throw error;
  return { options: { ...options, acceptHook: 'listener' }, registers: true };
}
