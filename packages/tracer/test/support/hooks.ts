/** The ways to see accepts that the running kernel has, so that each is tested where it can be. */
import { type AcceptHook, inspectHost } from '../../src/index.js';

export const acceptHooks: readonly AcceptHook[] = [
  'fentry:security_sock_graft',
  'kprobe:security_sock_graft',
  'fexit:inet_csk_accept',
  'kretprobe:inet_csk_accept',
  'listener',
];

/** Those that can be used here. */
export function availableAcceptHooks(): readonly AcceptHook[] {
  const choice = inspectHost().hooks.find(({ purpose }) => purpose === 'process that accepts');
  const available = new Set(
    choice?.candidates.filter((candidate) => candidate.available).map((candidate) => candidate.name),
  );
  return acceptHooks.filter((hook) => available.has(hook));
}

/** What records say of an accept under a hook. */
export function accountedBy(hook: AcceptHook): 'accept' | 'listener' {
  return hook === 'listener' ? 'listener' : 'accept';
}
