import assert from 'node:assert/strict';
import { it } from 'node:test';
import { noHook } from '../src/hooks/choose-hook.js';

it('a refusal for want of a hook has the advice about the obstacle that can be removed', () => {
  const kprobe = { name: 'kprobe', state: 'absent', reason: 'there are no kprobes' } as const;
  const fentry = { name: 'fentry', state: 'unknown', reason: 'EPERM: a policy forbids it' } as const;
  const packets = {
    name: 'cgroup_skb',
    state: 'unknown',
    reason: 'needs CAP_NET_ADMIN',
    advice: 'run it as root',
  } as const;
  assert.equal(
    noHook('hook for UDP', [kprobe, fentry, packets]).message,
    'whether this kernel has a hook for UDP cannot be found out: kprobe: there are no kprobes; ' +
      'fentry: EPERM: a policy forbids it; cgroup_skb: needs CAP_NET_ADMIN; run it as root',
  );
  assert.match(noHook('hook for UDP', [kprobe]).message, /^this kernel has no hook for UDP: kprobe: /);
});
