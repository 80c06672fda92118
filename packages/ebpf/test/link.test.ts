/** The texts of the kernel that attaching reads. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EbpfError } from '../src/errors.js';
import { BreakpointLink } from '../src/link/breakpoint.js';
import { findTracefs } from '../src/link/tracefs.js';
import { probeName, staleProbes } from '../src/link/tracefs-probe.js';

describe('tracefs', () => {
  it('is found where it is mounted', () => {
    const own = 'tracefs /sys/kernel/tracing tracefs rw 0 0';
    const odd = 'tracefs /mnt/trace\\040files tracefs rw 0 0';
    const debug = 'debugfs /sys/kernel/debug debugfs rw 0 0';
    assert.equal(findTracefs([debug, odd, own].join('\n')), '/sys/kernel/tracing');
    assert.equal(findTracefs([debug, odd].join('\n')), '/mnt/trace files');
    assert.equal(findTracefs(debug), '/sys/kernel/debug/tracing');
    assert.equal(findTracefs('proc /proc proc rw 0 0\n'), undefined);
  });

  it('is not looked for where something else is mounted over it', () => {
    const own = 'tracefs /sys/kernel/tracing tracefs rw 0 0';
    const other = 'tracefs /mnt/tracing tracefs rw 0 0';
    const debug = 'debugfs /sys/kernel/debug debugfs rw 0 0';
    const visible = (folder: string) => !folder.startsWith('/sys');
    assert.equal(findTracefs([own, other, debug].join('\n'), visible), '/mnt/tracing');
    assert.equal(findTracefs([own, debug].join('\n'), visible), undefined);
  });
});

describe('probes left behind', () => {
  const name = (namespace: string, pid: number, startTime: string) =>
    probeName({ namespace, pid, startTime }, 0);
  const alive = (pid: number) => (pid === 10 ? '500' : undefined);

  it('are those of dead processes of this pid namespace', () => {
    const text = [
      `p:weir/${name('1', 10, '500')} tcp_connect`,
      `r:weir/${name('1', 10, '400')} tcp_close`,
      `r64:weir/${name('1', 11, '500')} inet_csk_accept`,
      `p:weir/${name('2', 12, '500')} tcp_connect`,
      'p:kprobes/somebody_else tcp_connect',
      '',
    ].join('\n');
    assert.deepEqual(staleProbes(text, '1', alive), [name('1', 10, '400'), name('1', 11, '500')]);
  });
});

describe('a breakpoint on all CPUs', () => {
  function fake(cpus: readonly number[], failing: readonly number[] = []) {
    const attached = new Set<number>();
    const attach = (cpu: number) => {
      if (failing.includes(cpu)) throw new EbpfError('no debug register');
      attached.add(cpu);
      return { count: () => 10 + cpu, [Symbol.dispose]: () => void attached.delete(cpu) };
    };
    return { attached, link: () => new BreakpointLink(attach, cpus) };
  }

  it('follows CPUs that come and go, and keeps their counts', () => {
    const { attached, link: make } = fake([0, 1]);
    const link = make();
    assert.equal(link.count(), 21);
    link.followCpus([0, 2]);
    assert.deepEqual([...attached], [0, 2]);
    assert.equal(link.count(), 10 + 11 + 12);
    link[Symbol.dispose]();
    assert.equal(attached.size, 0);
    assert.throws(() => link.followCpus([0]), EbpfError);
  });

  it('of one thread needs to follow none', () => {
    const { attached, link: make } = fake([-1]);
    make().followCpus([0, 1]);
    assert.deepEqual([...attached], [-1]);
  });

  it('is on none if one of them has no register free', () => {
    const { attached, link: make } = fake([0, 1], [1]);
    assert.throws(make, /no debug register/);
    assert.equal(attached.size, 0);
  });
});
