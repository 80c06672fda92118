/** The accept hooks that the running kernel offers, so that each is tested. */
import { kernelAtLeast } from '@weir/ebpf';
import { acceptHooks } from '../../src/hooks/accept-hooks.js';
import { readKernelFeatures } from '../../src/hooks/kernel-features.js';
import { planHooks } from '../../src/hooks/plan.js';
import type { AcceptHook } from '../../src/index.js';
import { targetTypes } from '../../src/types/target.js';

/**
 * The hooks that can be used here and miss nothing: trampolines do not qualify where processes can be preempted in their
 * programs, as by CONFIG_PREEMPT_LAZY (6.13).
 */
export function availableAcceptHooks(): readonly AcceptHook[] {
  available ??= findAcceptHooks();
  return available;
}

/** Looking takes a second in a guest. */
let available: readonly AcceptHook[] | undefined;

function findAcceptHooks(): readonly AcceptHook[] {
  // The plan alone: inspectHost() asks for every feature and tries to trace, which takes seconds in a guest.
  const { choices } = planHooks(readKernelFeatures(targetTypes(undefined).btf), undefined);
  const choice = choices.find(({ purpose }) => purpose === 'process that accepts');
  const present = new Set(
    choice?.candidates
      .filter((candidate) => candidate.state === 'present')
      .map((candidate) => candidate.name),
  );
  const promised = kernelAtLeast('6.13') ? (hook: AcceptHook) => !/^f(entry|exit):/.test(hook) : () => true;
  return acceptHooks.map(({ name }) => name).filter((hook) => present.has(hook) && promised(hook));
}

/** The value of `accounted` in accept records under a hook. */
export function accountedBy(hook: AcceptHook): 'accept' | 'listener' {
  return hook === 'listener' ? 'listener' : 'accept';
}
