/** Programs on functions and static probes of other programs. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { OptionError, UnsupportedError } from '../src/errors.js';
import {
  type AttachOptions,
  attachUprobe,
  attachUprobeMulti,
  attachUsdt,
  Collection,
  type FdLink,
  features,
  type Link,
} from '../src/index.js';
import { parseObject } from '../src/object/parse-object.js';
import { kernelAtLeast } from '../src/sys/kernel-version.js';
import { hasFeatures } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { argumentValues, places, probedProgram } from './support/probed-program.js';
import { assertRoot, openDescriptors } from './support/root.js';
import { waitFor } from './support/wait-for.js';

assertRoot();

const folder = mkdtempSync(join(tmpdir(), 'weir-probed-'));
const path = join(folder, 'weir-probed');
after(() => rmSync(folder, { recursive: true }));
before(() => {
  writeFileSync(path, probedProgram());
  chmodSync(path, 0o755);
});

function load(program: string, options: { readonly features?: typeof features } = {}): Collection {
  return Collection.load(parseObject(testObject('link/user')), { programs: [program], ...options });
}

/** Lets the program call its function so many times, in a process of its own. */
function fire(times: number): void {
  const { status } = spawnSync(path, { input: 'x'.repeat(times) });
  assert.equal(status, 0);
}

/** Counts calls while it is attached, and none before and after. */
function counts(
  collection: Collection,
  counter: string,
  each: number,
  attach: () => Link,
  kind: string,
): void {
  const { globals } = collection;
  const descriptors = openDescriptors();
  fire(2);
  assert.equal(globals.readInteger(counter), 0n, 'before it is attached');
  const link = attach();
  assert.equal(link.kind, kind);
  fire(3);
  assert.equal(globals.readInteger(counter), BigInt(3 * each), kind);
  link[Symbol.dispose]();
  fire(2);
  assert.equal(globals.readInteger(counter), BigInt(3 * each), 'once it is detached');
  assert.deepEqual(openDescriptors(), descriptors);
}

/** A process that has called its function so many times as bytes are written to it. */
async function withProcess(
  start: () => ChildProcess,
  body: (pid: number, fire: (times: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const child = start();
  const exit = once(child, 'exit');
  try {
    await waitFor(() => readFileSync(`/proc/${child.pid}/comm`, 'utf8').trim() === 'weir-probed');
    await body(child.pid!, async (times) => {
      child.stdin!.end('x'.repeat(times));
      await exit;
    });
  } finally {
    child.kill();
    await exit;
  }
}

describe('functions of a program', () => {
  it('run programs by their names', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    using collection = load('on_call');
    const program = collection.program('on_call');
    counts(collection, 'calls', 1, () => program.attach({ target: `${path}:fire` }), 'uprobe');
  });

  it('run programs when they return', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    using collection = load('on_return');
    const program = collection.program('on_return');
    counts(collection, 'returns', 1, () => program.attach({ target: `${path}:fire` }), 'uretprobe');
  });

  it('are found in the root of a process, by the name of the file that it runs', async (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    using collection = load('on_call');
    // A tmpfs that nobody else sees.
    const script = 'mount -t tmpfs none "$1" && cp "$2" "$1/" && exec "$1/weir-probed"';
    const hidden = mkdtempSync(join(folder, 'hidden-'));
    const copy = join(folder, 'weir-probed');
    const start = () =>
      spawn('unshare', ['-m', 'sh', '-c', script, 'sh', hidden, copy], { stdio: ['pipe', 2, 2] });
    await withProcess(start, async (pid, act) => {
      assert.ok(!existsSync(join(hidden, 'weir-probed')));
      using _link = attachUprobe(collection.program('on_call'), 'weir-probed', { pid, symbol: 'fire' });
      fire(2);
      assert.equal(collection.globals.readInteger('calls'), 0n, 'in another process');
      await act(3);
      assert.equal(collection.globals.readInteger('calls'), 3n);
    });
  });

  it('run one program by one link', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    if (!kernelAtLeast('6.6')) return refuses('on_many', 'BPF_TRACE_UPROBE_MULTI', '6.6');
    using collection = load('on_many');
    const program = collection.program('on_many');
    const { fire: first, plain: second } = places;
    counts(
      collection,
      'many',
      2,
      () => attachUprobeMulti(program, path, { offsets: [first, second] }),
      'uprobe_multi',
    );
    using link = program.attach({ target: `${path}:*i*` }) as FdLink;
    const { details } = link.info();
    if (kernelAtLeast('6.8'))
      assert.deepEqual(details, { kind: 'uprobe_multi', path, count: 2, returns: false, pid: 0 });
    assert.throws(() => attachUprobeMulti(program, path, { symbols: '*', cookies: [1n] }), OptionError);
    assert.throws(() => attachUprobeMulti(program, path, { offsets: [] }), /no function to attach to/);
  });

  it('run a session at both ends of a call', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    if (!kernelAtLeast('6.13')) return refuses('on_both', 'BPF_TRACE_UPROBE_SESSION', '6.13');
    using collection = load('on_both');
    const attach = () => collection.program('on_both').attach({ target: `${path}:fire` });
    counts(collection, 'both', 2, attach, 'uprobe_session');
  });

  /** A kernel that is too old says which version has it. */
  function refuses(name: string, feature: string, since: string): void {
    using collection = load(name);
    assert.throws(
      () => collection.program(name).attach({ target: `${path}:fire` }),
      (error: Error) =>
        error instanceof UnsupportedError && error.feature === feature && error.since === since,
    );
  }
});

describe('static probes', () => {
  /** Attaches, and sees the arguments. */
  function seesArguments(table: typeof features, options: AttachOptions = {}): void {
    using collection = load('on_counted', { features: table });
    const { globals } = collection;
    const program = collection.program('on_counted');
    const attach = () => program.attach({ target: `${path}:weir:counted`, features: table, ...options });
    counts(collection, 'counted', 1, attach, 'usdt');
    const read = (name: string) => globals.readInteger(name, true);
    assert.deepEqual(
      Object.fromEntries(Object.keys(argumentValues).map((name) => [name, read(name)])),
      argumentValues,
    );
    assert.equal(read('count'), 5n);
    assert.equal(read('cookie'), options.cookie ?? 0n);
    assert.equal(read('unreadable'), -22n, 'a floating point register');
    assert.equal(read('absent'), -2n, 'an argument that the probe has not');
  }

  it('have arguments, and a semaphore that is raised', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu', 'kernel_btf')) return;
    seesArguments(features, { cookie: 99n });
  });

  for (const [how, table, links] of [
    ['by one link', features, 1],
    ['by a link for each', features.without('uprobe_multi'), 2],
    ['by a probe for each, without cookies', features.without('attach_cookie', 'perf_link'), 2],
  ] as const)
    it(`run programs at all their places ${how}`, (t) => {
      if (!hasFeatures(t, 'uprobe_pmu', 'kernel_btf')) return;
      if (links === 1 && !hasFeatures(t, 'uprobe_multi')) return;
      using collection = load('on_twice', { features: table });
      const attach = (): Link => {
        const target = `${path}:weir:twice`;
        const link = collection.program('on_twice').attach({ target, features: table });
        // A perf event and its bpf_link are two.
        assert.equal(Math.min(link.descriptors!.length, 2), links);
        return link;
      };
      counts(collection, 'counted', 2, attach, 'usdt');
      assert.equal(collection.globals.readInteger('sum'), 3n * 42n, 'each place has its own argument');
    });

  it('have arguments where there are no cookies', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu', 'kernel_btf')) return;
    seesArguments(features.without('attach_cookie', 'perf_link'));
  });

  it('have arguments for programs with the header of libbpf', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    using collection = Collection.load(parseObject(testObject('link/usdt-libbpf')));
    using _link = collection.program('on_counted').attach({ target: `${path}:weir:counted` });
    fire(1);
    for (const name of ['first', 'second', 'third'] as const)
      assert.equal(collection.globals.readInteger(name, true), argumentValues[name], name);
  });

  it('run programs in one process', async (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    using collection = load('on_plain');
    await withProcess(
      () => spawn(path),
      async (pid, act) => {
        using _link = attachUsdt(
          collection.program('on_plain'),
          { path: '', provider: 'weir', name: 'plain' },
          { pid },
        );
        fire(2);
        assert.equal(collection.globals.readInteger('plain'), 0n, 'in another process');
        await act(3);
        assert.equal(collection.globals.readInteger('plain'), 3n);
      },
    );
  });

  it('that do not exist are named, with one that comes close', (t) => {
    if (!hasFeatures(t, 'uprobe_pmu')) return;
    using collection = load('on_plain');
    const program = collection.program('on_plain');
    const attach = (target: string) => () => program.attach({ target });
    assert.throws(attach(`${path}:weir:plane`), /no static probe weir:plane; there is weir:plain/);
    assert.throws(attach(`${process.execPath}:weir:plain`), /has no static prob/);
    assert.throws(attach('weir:plain'), OptionError);
    assert.throws(() => program.attach(), OptionError);
  });
});
