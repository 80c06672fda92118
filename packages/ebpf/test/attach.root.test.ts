/** Programs attached as their sections say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { OptionError } from '../src/errors.js';
import {
  type AttachOptions,
  AttachType,
  attachedPrograms,
  Collection,
  type FdLink,
  type FeatureName,
  Program,
} from '../src/index.js';
import { findTracefs } from '../src/link/tracefs.js';
import { parseObject } from '../src/object/parse-object.js';
import { setGlobal } from '../src/object/set-global.js';
import { infoAttr, kernelStruct } from '../src/sys/attr.js';
import { bpf } from '../src/sys/bpf.js';
import { Namespace, unshare } from '../src/sys/index.js';
import { Command } from '../src/uapi/commands.js';
import { cgroupRoot } from './support/cgroup.js';
import { mappedLibrary } from './support/dynamic-symbol.js';
import { hasFeatures } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { requireKernel } from './support/require.js';
import { assertRoot, openDescriptors, pinFolder } from './support/root.js';

assertRoot();

before(() => {
  if (findTracefs(readFileSync('/proc/self/mounts', 'utf8')) === '/sys/kernel/tracing') return;
  unshare(Namespace.mount);
  const run = (...args: string[]) => assert.equal(spawnSync('mount', args).status, 0, args.join(' '));
  run('--make-rprivate', '/');
  run('-t', 'tracefs', 'tracefs', '/sys/kernel/tracing');
});

function load(...programs: string[]): Collection {
  const spec = parseObject(testObject('link/sections'));
  setGlobal(spec, 'target', process.pid);
  setGlobal(spec, 'arm64', process.arch === 'arm64');
  return Collection.load(spec, { programs });
}

/** Opens a file that does not exist. */
function openNothing(): void {
  assert.throws(() => readFileSync('/weir/no/such/file'), { code: 'ENOENT' });
}

const ENOENT = -2n;

/** Attaches without saying more than the section does, and sees it run. */
function runs(program: string, counter: string, kind: string, options: AttachOptions = {}): Collection {
  const collection = load(program);
  const descriptors = openDescriptors();
  const { globals } = collection;
  {
    using link = collection.program(program).attach(options);
    assert.equal(link.kind, kind);
    const start = globals.readInteger(counter);
    openNothing();
    assert.ok(globals.readInteger(counter) > start, `${kind} runs`);
  }
  const end = globals.readInteger(counter);
  openNothing();
  assert.equal(globals.readInteger(counter), end, 'once it is detached');
  assert.deepEqual(openDescriptors(), descriptors);
  return collection;
}

describe('a program is attached as its section says,', () => {
  const cases: readonly {
    readonly program: string;
    readonly counter: string;
    readonly kind: string;
    readonly result?: string;
    readonly needs: readonly FeatureName[];
  }[] = [
    { program: 'on_entry', counter: 'entered', kind: 'kprobe', needs: ['kprobes'] },
    { program: 'on_return', counter: 'returned', kind: 'kretprobe', result: 'result', needs: ['kprobes'] },
    { program: 'on_call', counter: 'called', kind: 'kprobe', needs: ['kprobes'] },
    { program: 'on_call_end', counter: 'left', kind: 'kretprobe', result: 'call_result', needs: ['kprobes'] },
    { program: 'on_several', counter: 'several', kind: 'kprobe_multi', needs: ['kprobe_multi'] },
    { program: 'on_raw', counter: 'raw', kind: 'raw_tracepoint', needs: ['raw_tracepoint'] },
  ];
  for (const { program, counter, kind, result, needs } of cases) {
    it(program, (t) => {
      if (!hasFeatures(t, ...needs)) return;
      using collection = runs(program, counter, kind);
      if (result === undefined) return;
      const value = collection.globals.readInteger(result, true);
      // Functions that return an int leave the upper half of the register as it is.
      assert.equal(BigInt.asIntN(32, value), ENOENT, 'it sees what the function returns');
    });
  }

  it('at both ends of calls', (t) => {
    if (!hasFeatures(t, 'kprobe_multi')) return;
    if (!requireKernel(t, 'BPF_TRACE_KPROBE_SESSION', '6.10')) return;
    using collection = load('on_both');
    using link = collection.program('on_both').attach();
    assert.equal(link.kind, 'kprobe_session');
    openNothing();
    assert.equal(collection.globals.readInteger('both'), 2n);
  });

  it('to a function of a library', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    const library = mappedLibrary(/\/libc(\.musl-\w+)?\.so(\.6|\.1)?$|\/ld-musl/);
    for (const [program, counter, kind] of [
      ['on_function', 'entered', 'uprobe'],
      ['on_function_end', 'returned', 'uretprobe'],
    ] as const) {
      using collection = load(program);
      {
        using link = collection.program(program).attach({ target: `${library}:syscall`, pid: process.pid });
        assert.equal(link.kind, kind);
        collection.map('.bss').info();
      }
      assert.ok(collection.globals.readInteger(counter) > 0n, kind);
      assert.throws(() => collection.program(program).attach(), OptionError);
    }
  });

  it('to packets that come in, where it leaves the direction open', (t) => {
    if (!hasFeatures(t, 'cgroup_link')) return;
    using collection = load('either');
    const cgroup = join(cgroupRoot(), `weir-attach-either-${process.pid}`);
    mkdirSync(cgroup);
    t.after(() => rmdirSync(cgroup));
    using _ = collection.program('either').attach({ cgroup });
    const ids = (type: number) =>
      attachedPrograms({ cgroup }, type).programs.map(({ programId }) => programId);
    assert.deepEqual(ids(AttachType.cgroupInetIngress), [collection.program('either').info().id]);
    assert.deepEqual(ids(AttachType.cgroupInetEgress), []);
  });

  it('and in no other way', () => {
    using collection = load('connect4');
    assert.throws(() => collection.program('connect4').attach(), /cgroup\/connect4: give the cgroup/);
  });
});

describe('a program that is reopened from a pin', () => {
  it('is still one for packets that leave', (t) => {
    if (!hasFeatures(t, 'cgroup_link')) return;
    const cgroup = join(cgroupRoot(), `weir-attach-${process.pid}`);
    mkdirSync(cgroup);
    t.after(() => rmdirSync(cgroup));
    const path = join(pinFolder('attach'), 'out');
    {
      using collection = load('out');
      collection.program('out').pin(path);
    }
    using program = Program.openPinned(path);
    assert.equal(program.expectedAttachType, AttachType.cgroupInetEgress);
    assert.equal(program.kind, 'cgroup_skb/egress');
    using link = program.attach({ cgroup });
    const info = kernelStruct('linkInfo');
    bpf(Command.objGetInfoByFd, infoAttr((link as FdLink).fd, info));
    assert.equal(info.get('cgroup').attachType, AttachType.cgroupInetEgress);
  });

  it('by another process keeps what the kernel enforces, and else asks', (t) => {
    if (!hasFeatures(t, 'cgroup_link')) return;
    const folder = pinFolder('attach-other');
    {
      using collection = load('out', 'connect4');
      for (const name of ['out', 'connect4']) collection.program(name).pin(join(folder, name));
    }
    const script = `
      import { attachCgroup, Program } from ${JSON.stringify(new URL('../src/index.js', import.meta.url).href)};
      const connect = Program.openPinned(${JSON.stringify(join(folder, 'connect4'))});
      const out = Program.openPinned(${JSON.stringify(join(folder, 'out'))});
      let refusal;
      try { attachCgroup(out, ${JSON.stringify(cgroupRoot())}); } catch (error) { refusal = error.name; }
      const known = Program.openPinned(${JSON.stringify(join(folder, 'out'))}, { kind: 'cgroup_skb/egress' });
      console.log(connect.expectedAttachType, out.expectedAttachType, refusal, known.expectedAttachType);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    const { cgroupInet4Connect, cgroupInetEgress } = AttachType;
    assert.equal(stdout, `${cgroupInet4Connect} undefined OptionError ${cgroupInetEgress}\n`, stderr);
  });
});
