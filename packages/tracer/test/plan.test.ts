import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { absent, known, present, unknown } from '@weir/ebpf/sys';
import { acceptHooks } from '../src/hooks/accept-hooks.js';
import { programNames } from '../src/hooks/load-programs.js';
import { type KernelFeatures, planHooks } from '../src/hooks/plan.js';
import { readObject } from '../src/objects.js';

const denied = unknown('needs CAP_SYS_ADMIN', { missing: ['CAP_SYS_ADMIN'] });

const breakpoint = { pointers: [0xffff_ffff_8000_0000n], place: 0xffff_ffff_8100_0000n };

const everything: KernelFeatures = {
  rawTracepoint: present,
  skipsNested: true,
  preemptible: false,
  tracepointEvent: present,
  fentry: present,
  kprobe: present,
  mapIterator: true,
  iterators: present,
  acceptBreakpoint: () => ({ answer: present, breakpoint }),
  hasTypedFunction: () => true,
  probeFunction: () => present,
};

/** All debug registers are in use. */
const busy: KernelFeatures['acceptBreakpoint'] = () => ({
  answer: absent,
  reason: 'CPU 1 has no debug register free',
});

function acceptHook(kernel: Partial<KernelFeatures>): string {
  return planHooks({ ...everything, ...kernel }).plan.accept;
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
      'existing_sockets',
      'closed_flows',
    ]);
    assert.ok(choices.every(({ chosen, consequence }) => chosen !== undefined && consequence === undefined));
  });

  it('goes down the list of accept hooks as features are missing', () => {
    assert.equal(acceptHook({ kprobe: absent }), 'fentry:security_sock_graft');
    const noGraft = (name: string) => name !== 'security_sock_graft';
    assert.equal(
      acceptHook({ hasTypedFunction: noGraft, probeFunction: (name) => known(noGraft(name)) }),
      'fexit:inet_csk_accept',
    );
    assert.equal(
      acceptHook({ fentry: absent, probeFunction: (name) => known(noGraft(name)) }),
      'kretprobe:inet_csk_accept',
    );
    assert.equal(acceptHook({ fentry: absent, kprobe: absent }), 'breakpoint:inet_csk_accept');
    assert.equal(acceptHook({ fentry: absent, kprobe: absent, acceptBreakpoint: busy }), 'listener');
  });

  it('names the consequence of each lesser hook', () => {
    const { choices } = planHooks({ ...everything, fentry: absent, kprobe: absent, iterators: absent });
    for (const choice of choices.slice(1)) assert.match(choice.consequence ?? '', /\w/, choice.purpose);
  });

  it('avoids hooks whose programs can be preempted', () => {
    const { plan } = planHooks({ ...everything, preemptible: true });
    assert.deepEqual(programNames(plan), [
      'state_change_event',
      'state_change_nested',
      'graft_kprobe',
      'existing_sockets',
      'closed_flows',
    ]);
    const { choices } = planHooks({ ...everything, preemptible: true, tracepointEvent: absent });
    assert.equal(choices[0]!.chosen, 'raw_tracepoint:inet_sock_set_state');
    assert.match(choices[0]!.consequence ?? '', /missed/);
  });

  it('sees descriptors by a trampoline, or by a kprobe where that is lacking or can be preempted', () => {
    const hooks = (kernel: Partial<KernelFeatures>) =>
      planHooks({ ...everything, ...kernel }).choices.find(({ purpose }) => purpose.includes('descriptors'));
    assert.equal(hooks({})?.chosen, 'fentry:fd_install');
    assert.equal(hooks({ fentry: absent })?.chosen, 'kprobe:fd_install');
    assert.equal(hooks({ preemptible: true })?.chosen, 'kprobe:fd_install');
    const none = hooks({ fentry: absent, kprobe: absent });
    assert.equal(none?.chosen, undefined);
    assert.match(none?.candidates.map(({ reason }) => reason).join() ?? '', /CONFIG_KPROBES/);
  });

  it('tries the breakpoint on accept() only where no better hook is there, or all are asked for', () => {
    let tries = 0;
    const kernel: KernelFeatures = {
      ...everything,
      acceptBreakpoint: () => {
        tries++;
        return busy();
      },
    };
    const candidates = (all: boolean, wanted?: 'breakpoint:inet_csk_accept') =>
      planHooks(kernel, wanted, all).choices.find(({ purpose }) => purpose.includes('accepts'))!.candidates;
    assert.ok(candidates(false).every(({ name }) => !name.startsWith('breakpoint')));
    assert.equal(tries, 0);
    const { state, reason } = candidates(true).find(({ name }) => name.startsWith('breakpoint'))!;
    assert.deepEqual([state, reason, tries], ['absent', 'CPU 1 has no debug register free', 1]);
    candidates(false, 'breakpoint:inet_csk_accept');
    assert.equal(tries, 2);
    const { plan } = planHooks({ ...everything, fentry: absent, kprobe: absent });
    assert.deepEqual(plan.breakpoint, breakpoint);
  });

  it('takes the accept hook that is required', () => {
    const { plan } = planHooks(everything, 'kretprobe:inet_csk_accept');
    assert.equal(plan.accept, 'kretprobe:inet_csk_accept');
  });

  it('names for each accept hook the program of the object that is at its function', () => {
    const { programs } = readObject('tcp.bpf.o');
    for (const { name, program } of acceptHooks) {
      if (program === undefined) continue;
      const section = programs.get(program)?.section.replace('/', ':');
      assert.equal(section, name.startsWith('breakpoint:') ? 'perf_event' : name, program);
    }
  });

  it('leaves out the hook of IPv6 connects on a kernel without IPv6', () => {
    const { plan } = planHooks({ ...everything, hasTypedFunction: (name) => name !== 'tcp_v6_connect' });
    assert.deepEqual(plan.connectErrors, ['connect_v4_fexit']);
  });

  it('steps over what this process may not use, and says that it is not known to be missing', () => {
    const { plan, choices } = planHooks({ ...everything, kprobe: denied });
    assert.equal(plan.accept, 'fentry:security_sock_graft');
    const accepts = choices.find(({ purpose }) => purpose === 'process that accepts');
    assert.equal(accepts?.chosen, 'fentry:security_sock_graft');
    assert.deepEqual(accepts?.candidates[0], {
      name: 'kprobe:security_sock_graft',
      state: 'unknown',
      reason: 'needs CAP_SYS_ADMIN',
      missing: ['CAP_SYS_ADMIN'],
    });
    const blind = planHooks({
      ...everything,
      fentry: absent,
      acceptBreakpoint: busy,
      probeFunction: () => denied,
    });
    assert.equal(blind.plan.accept, 'listener');
    assert.equal(blind.plan.undecided, undefined);
  });

  it('chooses nothing for a process that may not trace', () => {
    const nothing = { rawTracepoint: denied, fentry: denied, kprobe: denied, iterators: denied };
    const { choices } = planHooks({ ...everything, ...nothing });
    for (const { purpose, chosen, undecided, consequence } of choices) {
      assert.deepEqual(
        [chosen, undecided, consequence],
        [undefined, 'needs CAP_SYS_ADMIN', undefined],
        purpose,
      );
    }
  });

  it('is not made while something may turn out to be there at the next try', () => {
    const passing = unknown('EMFILE: too many open files', { transient: true });
    const { plan, choices } = planHooks({ ...everything, kprobe: absent, fentry: passing });
    assert.equal(plan.undecided?.name, 'fentry:security_sock_graft');
    const accepts = choices.find(({ purpose }) => purpose === 'process that accepts');
    assert.deepEqual([accepts?.chosen, accepts?.undecided], [undefined, 'EMFILE: too many open files']);
    // An unknown feature that does not matter to the choice does not keep it open.
    assert.equal(planHooks({ ...everything, tracepointEvent: passing }).plan.undecided, undefined);
    assert.equal(
      planHooks({ ...everything, kprobe: passing }, 'fentry:security_sock_graft').plan.undecided,
      undefined,
    );
  });
});
