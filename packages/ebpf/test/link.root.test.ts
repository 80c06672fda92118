/** Programs that trace: attached to the running kernel, firing, detached. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { before, describe, it } from 'node:test';
import { OptionError, SyscallError, UnsupportedError } from '../src/errors.js';
import {
  attachBreakpoint,
  attachIterator,
  attachKprobe,
  attachKprobeMulti,
  attachPerfEvent,
  attachRawTracepoint,
  attachTracepoint,
  attachTracing,
  attachUprobe,
  Collection,
  type FeatureName,
  features,
  indexKey,
  kernelSymbols,
  type Link,
  type Program,
} from '../src/index.js';
import { findTracefs } from '../src/link/tracefs.js';
import { removeStaleProbes } from '../src/link/tracefs-probe.js';
import { parseObject } from '../src/object/parse-object.js';
import { setGlobal } from '../src/object/set-global.js';
import { createArena, Namespace, onlineCpus, unshare } from '../src/sys/index.js';
import { dynamicSymbolOffset, mappedLibrary } from './support/dynamic-symbol.js';
import { breakpointsSince, hasFeatures, withoutBreakpoints } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { assertRoot, openDescriptors } from './support/root.js';

assertRoot();

/** Without names, all programs and maps. */
function load(name: string, ...programs: string[]): Collection {
  const spec = parseObject(testObject(name));
  if (spec.globals.has('target')) setGlobal(spec, 'target', process.pid);
  return Collection.load(spec, programs.length === 0 ? {} : { programs });
}

/** Makes a program fire and counts by how much its global grew. */
function growth(collection: Collection, global: string, act: () => void): bigint {
  const start = collection.globals.readInteger(global);
  act();
  return collection.globals.readInteger(global) - start;
}

const systemCalls = (): void => {
  for (let i = 0; i < 10; i++) readFileSync('/proc/self/comm');
};

/** Attaches, sees it fire, detaches twice, sees it stopped, and no descriptor left. */
function fires(collection: Collection, global: string, attach: () => Link, act: () => void): void {
  const descriptors = openDescriptors();
  assert.equal(growth(collection, global, act), 0n, 'before it is attached');
  {
    using link = attach();
    assert.ok(growth(collection, global, act) > 0n, `${link.kind} fires`);
    link[Symbol.dispose]();
    assert.equal(growth(collection, global, act), 0n, 'once it is detached');
  }
  assert.deepEqual(openDescriptors(), descriptors);
}

before(() => {
  if (findTracefs(readFileSync('/proc/self/mounts', 'utf8')) === '/sys/kernel/tracing') return;
  unshare(Namespace.mount);
  const run = (...args: string[]) => assert.equal(spawnSync('mount', args).status, 0, args.join(' '));
  run('--make-rprivate', '/');
  run('-t', 'tracefs', 'tracefs', '/sys/kernel/tracing');
});

describe('tracepoints', () => {
  it('run raw programs', (t) => {
    if (!hasFeatures(t, 'raw_tracepoint')) return;
    using collection = load('link/tracing', 'on_raw');
    const program = collection.program('on_raw');
    fires(collection, 'raw', () => attachRawTracepoint(program), systemCalls);
    assert.throws(() => attachRawTracepoint(program, 'no_such'), /this kernel has no tracepoint no_such/);
  });

  it('run BTF-typed programs', (t) => {
    if (!hasFeatures(t, 'kernel_btf', 'tp_btf')) return;
    using collection = load('link/tracing', 'on_btf');
    fires(collection, 'btf', () => attachTracing(collection.program('on_btf')), systemCalls);
  });

  // A short sleep is over before it begins where this machine waits for a processor itself.
  const waitForChild = () => assert.equal(spawnSync('true').status, 0);
  for (const table of [features, features.without('perf_link')]) {
    it(`run classic programs by ${table.has('perf_link') ? 'bpf_link' : 'ioctl'}`, () => {
      using collection = load('link/tracing', 'on_classic');
      const program = collection.program('on_classic');
      fires(
        collection,
        'classic',
        () => attachTracepoint(program, 'sched/sched_switch', { features: table }),
        waitForChild,
      );
      assert.throws(() => attachTracepoint(program, 'sched/no_such'), UnsupportedError);
    });
  }
});

describe('perf events', () => {
  it('run a program at each sample', () => {
    using collection = load('link/tracing', 'on_sample');
    const program = collection.program('on_sample');
    const cpuTime = () => Object.values(process.cpuUsage()).reduce((sum, us) => sum + us);
    const spin = () => {
      for (const end = cpuTime() + 20_000; cpuTime() < end; );
    };
    // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, each millisecond.
    const event = { type: 1, config: 0, samplePeriod: 1_000_000, pid: 0 };
    fires(collection, 'sampled', () => attachPerfEvent(program, event), spin);
  });
});

describe('breakpoints', () => {
  const { address, bytes } = createArena(64);
  const watched = { address: BigInt(address), access: 'read-write' } as const;
  const touch = (): void => {
    bytes[3] = bytes[3]! + 1;
  };

  it('run a program at each access to memory, and count them', { skip: withoutBreakpoints }, () => {
    using collection = load('link/tracing', 'on_sample');
    const program = collection.program('on_sample');
    fires(collection, 'sampled', () => attachBreakpoint(program, watched, { thread: 0 }), touch);
    using link = attachBreakpoint(program, { ...watched, access: 'write' }, { thread: 0 });
    assert.deepEqual(link.cpus, [-1]);
    bytes[0] = 1;
    bytes[8] = 1;
    assert.equal(link.count(), 1);
  });

  it('are on every CPU that is online', { skip: withoutBreakpoints }, () => {
    using collection = load('link/tracing', 'on_sample');
    using link = attachBreakpoint(collection.program('on_sample'), watched);
    assert.deepEqual(link.cpus, onlineCpus());
    link.followCpus();
    assert.deepEqual(link.cpus, onlineCpus());
    touch();
    assert.ok(link.count() > 0);
  });

  it('say that no debug register is free', { skip: withoutBreakpoints }, () => {
    using collection = load('link/tracing', 'on_sample');
    const program = collection.program('on_sample');
    const links: Link[] = [];
    const attachFive = (): void => {
      for (let i = 0; i < 5; i++) links.push(attachBreakpoint(program, watched, { thread: 0 }));
    };
    try {
      assert.throws(attachFive, /ENOSPC: .* no debug register free/);
    } finally {
      for (const link of links) link[Symbol.dispose]();
    }
  });

  it('are refused where processors cannot have them, and where the kernel goes wrong with them', () => {
    using collection = load('link/tracing', 'on_sample');
    const program = collection.program('on_sample');
    const odd = { ...watched, address: watched.address + 1n };
    assert.throws(() => attachBreakpoint(program, odd), OptionError);
    if (withoutBreakpoints === false) return;
    assert.throws(
      () => attachBreakpoint(program, watched),
      (error: Error) => error instanceof UnsupportedError && error.since === breakpointsSince,
    );
  });
});

describe('kprobes', () => {
  const attachments: readonly {
    readonly how: string;
    readonly without: readonly FeatureName[];
    maxactive?: number;
  }[] = [
    { how: 'the PMU and a bpf_link', without: [] },
    { how: 'the PMU', without: ['perf_link'] },
    { how: 'tracefs', without: ['kprobe_pmu', 'perf_link'] },
    { how: 'tracefs, for many calls at once', without: [], maxactive: 200 },
  ];
  for (const { how, without, maxactive } of attachments) {
    for (const retprobe of [false, true]) {
      if (maxactive !== undefined && !retprobe) continue;
      it(`run at the ${retprobe ? 'return' : 'entry'} of a function through ${how}`, (t) => {
        if (!hasFeatures(t, 'kprobes')) return;
        const name = retprobe ? 'on_return' : 'on_entry';
        using collection = load('link/probes', name);
        const options = { retprobe, features: features.without(...without), ...(maxactive && { maxactive }) };
        const attach = () => attachKprobe(collection.program(name), 'do_sys_openat2', options);
        fires(collection, retprobe ? 'returned' : 'entered', attach, systemCalls);
        assert.doesNotMatch(readFileSync('/sys/kernel/tracing/kprobe_events', 'latin1'), /weir\//);
      });
    }
  }

  it('name functions that come close to a missing one', (t) => {
    if (!hasFeatures(t, 'kprobes')) return;
    using collection = load('link/probes', 'on_entry');
    for (const table of [features, features.without('kprobe_pmu')]) {
      assert.throws(
        () => attachKprobe(collection.program('on_entry'), 'sys_close', { features: table }),
        (error: Error) =>
          error instanceof SyscallError && /no function sys_close \(there is .*sys_close/.test(error.message),
      );
    }
  });

  it('are removed once their owner was killed', (t) => {
    if (!hasFeatures(t, 'kprobes')) return;
    const script = `
      import { createTracefsProbe } from ${JSON.stringify(new URL('../src/link/tracefs-probe.js', import.meta.url).href)};
      createTracefsProbe('kprobe_events', 'do_sys_openat2');
      process.kill(process.pid, 'SIGKILL');`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal(signal, 'SIGKILL');
    const events = () => readFileSync('/sys/kernel/tracing/kprobe_events', 'latin1');
    assert.match(events(), /weir\//);
    assert.equal(removeStaleProbes(), 1);
    assert.doesNotMatch(events(), /weir\//);
  });

  it('are reported missing where the kernel has none', () => {
    if (features.has('kprobes')) return;
    using collection = load('link/probes', 'on_entry');
    assert.throws(
      () => attachKprobe(collection.program('on_entry'), 'do_sys_openat2'),
      (error: Error) => error instanceof UnsupportedError && /CONFIG_KPROBES/.test(error.message),
    );
  });

  it('attach to many functions at once', (t) => {
    if (!hasFeatures(t, 'kprobe_multi')) return;
    using collection = load('link/multi', 'on_any');
    const program = collection.program('on_any');
    const symbols = ['do_sys_openat2', '__fput'];
    fires(collection, 'calls', () => attachKprobeMulti(program, symbols), systemCalls);
    assert.throws(() => attachKprobeMulti(program, ['do_sys_openat2', 'no_such']), /no function no_such/);
  });
});

describe('uprobes', () => {
  // Every system call that this library makes goes through this function.
  const library = mappedLibrary(/\/libc(\.musl-\w+)?\.so(\.6|\.1)?$|\/ld-musl/);
  const offset = dynamicSymbolOffset(library, 'syscall');

  for (const without of [[], ['perf_link'], ['uprobe_pmu', 'perf_link']] as const) {
    it(`fire${without.length === 0 ? '' : ` without ${without.join(' and ')}`}`, (t) => {
      if (!hasFeatures(t, 'uprobe_pmu')) return;
      using collection = load('link/probes', 'on_call');
      const program = collection.program('on_call');
      const map = collection.map('.bss');
      const table = features.without(...without);
      fires(
        collection,
        'called',
        () => attachUprobe(program, library, { offset, features: table }),
        () => void map.info(),
      );
    });
  }

  it('fire in the chosen process only', () => {
    using collection = load('link/probes', 'on_call');
    const program = collection.program('on_call');
    const map = collection.map('.bss');
    const attach = (pid: number) => attachUprobe(program, library, { offset, pid });
    fires(
      collection,
      'called',
      () => attach(process.pid),
      () => void map.info(),
    );
    using _other = attach(1);
    assert.equal(
      growth(collection, 'called', () => void map.info()),
      0n,
    );
  });
});

describe('trampolines', () => {
  for (const [program, global, value] of [
    ['on_entry', 'argument', 1n],
    ['on_exit', 'result', 2n],
  ] as const) {
    it(`run at ${program === 'on_entry' ? 'fentry' : 'fexit'}`, (t) => {
      if (!hasFeatures(t, 'kernel_btf', program === 'on_entry' ? 'fentry' : 'fexit')) return;
      using collection = load('link/trampolines', program);
      const loaded: Program = collection.program(program);
      using link = attachTracing(loaded);
      // A test run of a tracing program calls the kernel's own test functions.
      loaded.testRun();
      assert.equal(collection.globals.readInteger(global), value);
      link[Symbol.dispose]();
    });
  }
});

describe('security hooks', () => {
  it('refuse what a program refuses', (t) => {
    if (!hasFeatures(t, 'lsm')) return;
    using collection = load('link/hooks', 'on_nice');
    const home = getPriority();
    const descriptors = openDescriptors();
    try {
      {
        using link = collection.program('on_nice').attach();
        assert.equal(link.kind, 'lsm');
        setPriority(6);
        assert.throws(() => setPriority(7), /EPERM/);
        assert.equal(getPriority(), 6);
      }
      setPriority(7);
      assert.equal(getPriority(), 7, 'once it is detached');
    } finally {
      setPriority(home);
    }
    assert.deepEqual(openDescriptors(), descriptors);
  });
});

describe('stacks', () => {
  it('are kept in a map, by number', (t) => {
    if (!hasFeatures(t, 'raw_tracepoint')) return;
    using collection = load('link/tracing', 'on_stack');
    const map = collection.map('stacks');
    const number = () => Number(collection.globals.readInteger('stack', true));
    {
      using _link = collection.program('on_stack').attach();
      systemCalls();
    }
    assert.ok(number() >= 0, `bpf_get_stackid() gave ${number()}`);
    const frames = map.lookup(indexKey(number()));
    assert.equal(frames?.length, map.valueSize);
    const addresses = [...new BigUint64Array(Uint8Array.from(frames!).buffer)].filter(Boolean);
    assert.ok(
      addresses.length > 1 && addresses.every((address) => address >> 63n === 1n),
      'they are the kernel’s',
    );
    const names = addresses.map((address) => kernelSymbols().functionAround(address)?.name);
    assert.ok(
      names.some((name) => /syscall|el0/.test(name ?? '')),
      `${names}: none is the entry of system calls`,
    );
    assert.equal(map.delete(indexKey(number())), true);
    assert.equal(map.lookup(indexKey(number())), undefined);
  });
});

describe('iterators', () => {
  it('list all tasks', (t) => {
    if (!hasFeatures(t, 'kernel_btf', 'iterators')) return;
    using collection = load('link/iterators', 'on_task');
    const descriptors = openDescriptors();
    {
      using link = attachIterator(collection.program('on_task'));
      for (const chunk of [65_536, 16]) {
        const pids = new Int32Array(Uint8Array.from(link.read(chunk)).buffer);
        assert.ok(pids.includes(process.pid));
        assert.ok(pids.includes(process.ppid));
      }
    }
    assert.deepEqual(openDescriptors(), descriptors);
  });

  it("list a map's elements, more than a buffer holds", (t) => {
    if (!hasFeatures(t, 'kernel_btf', 'iterators')) return;
    using collection = load('link/iterators');
    const map = collection.map('elements');
    for (let i = 0; i < 3000; i++)
      map.update(indexKey(i), new Uint8Array(BigUint64Array.of(BigInt(i) * 3n).buffer));
    using link = attachIterator(collection.program('on_element'), { mapFd: map.fd });
    const bytes = Buffer.from(link.read());
    assert.equal(bytes.length, 3000 * 12);
    const sum = Array.from({ length: 3000 }, (_, i) => bytes.readBigUInt64LE(12 * i + 4)).reduce(
      (a, b) => a + b,
    );
    assert.equal(sum, (3n * 3000n * 2999n) / 2n);
  });
});
