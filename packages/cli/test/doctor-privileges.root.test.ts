/** What `weir doctor` says to processes with fewer privileges than root: less, and nothing else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asNobody, type Ending, runWeir } from './support/command.js';
import { doctor } from './support/privileges.js';

/** Runs a command as root without these capabilities. */
function asRootWithout(...capabilities: readonly string[]): string[] {
  const list = capabilities.map((name) => `-${name}`).join(',');
  return ['setpriv', `--inh-caps=${list}`, `--bounding-set=${list}`];
}

type Marks = ReadonlyMap<string, string>;

/** The marks of types, hooks and features, by section and name. Capabilities are the process's own, and differ. */
function marksOf({ stdout }: Ending): Marks {
  const marks = new Map<string, string>();
  let section = '';
  let purpose = '';
  for (const line of stdout.split('\n')) {
    if (/^[A-Z]\w+$/.test(line)) section = line;
    purpose = /^ {2}(\w[^:]*): /.exec(line)?.[1] ?? purpose;
    const [, indent, mark, name] = /^( +)([✓✗?]) (\S+)/.exec(line) ?? [];
    if (section === 'Types' && mark !== undefined) marks.set('Types', mark);
    // Above the first hook and the first feature stands what most of them lack.
    const isHint = name === undefined || /^(needs|the|EPERM:|tracefs)$/.test(name);
    if (section === 'Features' && !isHint) marks.set(name, mark!);
    if (section === 'Hooks' && indent !== undefined && indent.length > 2)
      marks.set(`${purpose}: ${name}`, mark!);
  }
  return marks;
}

const root = await runWeir(['doctor']);
const rootMarks = marksOf(root);

/** Each mark is root's, or `?`. Returns the names of what is not known. */
function assertLessKnown(limited: Ending): string[] {
  const marks = marksOf(limited);
  assert.deepEqual([...marks.keys()], [...rootMarks.keys()]);
  const hidden: string[] = [];
  for (const [name, mark] of marks) {
    if (mark === '?') hidden.push(name);
    else assert.equal(mark, rootMarks.get(name), `${name}\n${limited.stdout}`);
  }
  return hidden;
}

describe('weir doctor', () => {
  it('knows most as root', () => {
    assert.ok(rootMarks.size > 60, root.stdout);
    assert.ok([...rootMarks.values()].filter((mark) => mark === '✓').length > 30, root.stdout);
    assert.match(root.stdout, /^✓ there {3}✗ not there {3}\? not known$/m);
  });

  it('says to nobody that most is not known, and what is missing, once', async () => {
    const limited = await runWeir(['doctor'], asNobody());
    assert.equal(limited.status, 1);
    const hidden = assertLessKnown(limited);
    assert.ok(hidden.includes('ringbuf') && hidden.includes('raw_tracepoint'), limited.stdout);
    assert.equal(limited.stdout.match(/\n {2}\? needs CAP_BPF and CAP_PERFMON: run it as root/g)?.length, 2);
    assert.match(limited.stdout, /\n {2}lifecycle of connections: not known\n/);
    assert.match(limited.stdout, /\n {2}process that accepts: not known\n/);
  });

  it('says the same in JSON', async () => {
    const { status, report } = await doctor(asNobody());
    assert.equal(status, 1);
    const ringbuf = report.features.find(({ name }) => name === 'ringbuf');
    assert.equal(ringbuf?.state, 'unknown');
    assert.equal(ringbuf.reason, 'needs CAP_BPF');
    assert.deepEqual(ringbuf.missing, ['CAP_BPF']);
    const lifeCycle = report.hooks.find(({ purpose }) => purpose === 'lifecycle of connections');
    assert.equal(lifeCycle?.undecided, 'needs CAP_BPF and CAP_PERFMON');
    assert.equal('chosen' in lifeCycle, false);
  });

  for (const [what, prefix, works] of [
    ['nobody with CAP_BPF and CAP_PERFMON', asNobody('bpf', 'perfmon'), true],
    ['root without CAP_NET_ADMIN', asRootWithout('net_admin'), true],
    ['root without CAP_SYS_ADMIN', asRootWithout('sys_admin'), true],
    // CAP_SYS_ADMIN serves in the place of these two.
    ['root without CAP_BPF', asRootWithout('bpf', 'sys_admin'), false],
    ['root without CAP_PERFMON', asRootWithout('perfmon', 'sys_admin'), false],
    [
      'root without the capabilities for files, addresses and other processes',
      asRootWithout('dac_override', 'dac_read_search', 'syslog', 'sys_ptrace', 'sys_resource', 'net_raw'),
      true,
    ],
  ] as const) {
    it(`calls nothing missing that root has, for ${what}`, async () => {
      const limited = await runWeir(['doctor'], prefix);
      assert.equal(limited.status, works ? 0 : 1, limited.stdout + limited.stderr);
      assertLessKnown(limited);
      const [, capability] = /^root without (CAP_\w+)$/.exec(what) ?? [];
      if (capability !== undefined) assert.match(limited.stdout, new RegExp(`needs .*${capability}\\b`));
    });
  }
});
