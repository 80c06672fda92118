import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptHooks } from '../src/hooks/accept-hooks.js';
import { type KernelFacts, planHooks } from '../src/hooks/plan.js';
import { programNames } from '../src/hooks/programs.js';
import { readObject } from '../src/objects.js';

const everything: KernelFacts = {
  rawTracepoint: true,
  skipsNested: true,
  preemptible: false,
  tracepointEvent: true,
  fentry: true,
  kprobe: true,
  iterators: true,
  hasTypedFunction: () => true,
  hasFunction: () => true,
};

function acceptHook(facts: Partial<KernelFacts>): string {
  return planHooks({ ...everything, ...facts }).plan.accept;
}

describe('the choice of hooks', () => {
  it('takes the best that the kernel has', () => {
    const { plan, choices } = planHooks(everything);
    assert.equal(plan.accept, 'kprobe:security_sock_graft');
    assert.deepEqual(programNames(plan), [
      'state_change',
      'state_change_nested',
      'graft_kprobe',
      'connect_v4_fexit',
      'connect_v6_fexit',
      'seed',
    ]);
    assert.ok(choices.every(({ chosen, consequence }) => chosen !== undefined && consequence === undefined));
  });

  it('goes down the list as things are missing', () => {
    assert.equal(acceptHook({ kprobe: false }), 'fentry:security_sock_graft');
    const noGraft = (name: string) => name !== 'security_sock_graft';
    assert.equal(acceptHook({ hasTypedFunction: noGraft, hasFunction: noGraft }), 'fexit:inet_csk_accept');
    assert.equal(acceptHook({ fentry: false, hasFunction: noGraft }), 'kretprobe:inet_csk_accept');
    assert.equal(acceptHook({ fentry: false, kprobe: false }), 'listener');
  });

  it('says what a lesser hook costs', () => {
    const { choices } = planHooks({ ...everything, fentry: false, kprobe: false, iterators: false });
    for (const choice of choices.slice(1)) assert.match(choice.consequence ?? '', /\w/, choice.purpose);
  });

  it('avoids programs that can be preempted', () => {
    const { plan } = planHooks({ ...everything, preemptible: true });
    assert.deepEqual(programNames(plan), [
      'state_change_event',
      'state_change_nested',
      'graft_kprobe',
      'seed',
    ]);
    const { choices } = planHooks({ ...everything, preemptible: true, tracepointEvent: false });
    assert.equal(choices[0]!.chosen, 'raw_tracepoint:inet_sock_set_state');
    assert.match(choices[0]!.consequence ?? '', /missed/);
  });

  it('sees descriptors by a trampoline, or by a kprobe where that is lacking or can be preempted', () => {
    const hooks = (facts: Partial<KernelFacts>) =>
      planHooks({ ...everything, ...facts }).choices.find(({ purpose }) => purpose.includes('descriptors'));
    assert.equal(hooks({})?.chosen, 'fentry:fd_install');
    assert.equal(hooks({ fentry: false })?.chosen, 'kprobe:fd_install');
    assert.equal(hooks({ preemptible: true })?.chosen, 'kprobe:fd_install');
    const none = hooks({ fentry: false, kprobe: false });
    assert.equal(none?.chosen, undefined);
    assert.match(none?.candidates.map(({ reason }) => reason).join() ?? '', /CONFIG_KPROBES/);
  });

  it('takes the one that is asked for', () => {
    const { plan } = planHooks(everything, 'kretprobe:inet_csk_accept');
    assert.equal(plan.accept, 'kretprobe:inet_csk_accept');
  });

  it('names for each accept hook the program of the object that is at its function', () => {
    const { programs } = readObject('tcp.bpf.o');
    for (const { name, program } of acceptHooks) {
      if (program === undefined) continue;
      assert.equal(programs.get(program)?.section.replace('/', ':'), name, program);
    }
  });

  it('does without IPv6', () => {
    const { plan } = planHooks({ ...everything, hasTypedFunction: (name) => name !== 'tcp_v6_connect' });
    assert.deepEqual(plan.connectErrors, ['connect_v4_fexit']);
  });
});
