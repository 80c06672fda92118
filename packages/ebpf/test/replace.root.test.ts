/** Programs in the place of functions: of other programs, and of the kernel's structs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { before, describe, it } from 'node:test';
import { Collection, StructOpsMap } from '../src/index.js';
import { parseObject } from '../src/object/parse-object.js';
import { createArena, Namespace, unshare } from '../src/sys/index.js';
import { syscall } from '../src/sys/syscalls.js';
import { hasFeatures } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { requireKernel } from './support/require.js';
import { assertRoot, openDescriptors } from './support/root.js';
import { waitFor } from './support/wait-for.js';

assertRoot();

const packet = new Uint8Array(64);

before(() => {
  // Sockets are made by this thread, so they are of this namespace too.
  unshare(Namespace.net);
  assert.equal(spawnSync('ip', ['link', 'set', 'lo', 'up']).status, 0);
});

const replaceSpec = () => parseObject(testObject('link/replace'));

describe('a function of a program', () => {
  it('is replaced while another program stands in for it', (t) => {
    if (!hasFeatures(t, 'fentry')) return;
    using main = Collection.load(replaceSpec());
    const original = main.program('original');
    const run = () => original.testRun({ data: packet }).returnValue;
    assert.equal(run(), 1);
    for (const target of [original, original.fd]) {
      using other = Collection.load(replaceSpec(), {
        programs: ['replacement'],
        targets: { replacement: target },
      });
      const descriptors = openDescriptors();
      {
        using link = other.program('replacement').attach();
        assert.equal(link.kind, 'freplace');
        assert.equal(run(), 2);
      }
      assert.equal(run(), 1);
      assert.deepEqual(openDescriptors(), descriptors);
    }
  });

  it('is traced', (t) => {
    if (!hasFeatures(t, 'fentry', 'fexit')) return;
    using main = Collection.load(replaceSpec());
    const original = main.program('original');
    const programs = ['on_entry', 'on_exit'];
    const targets = { on_entry: original, on_exit: original };
    using other = Collection.load(replaceSpec(), { programs, targets });
    {
      using _entry = other.program('on_entry').attach();
      using _exit = other.program('on_exit').attach();
      original.testRun({ data: packet });
    }
    original.testRun({ data: packet });
    assert.equal(other.globals.readInteger('entered'), 1n);
    assert.equal(other.globals.readInteger('left'), 1n);
    assert.equal(other.globals.readInteger('result'), 1n, 'without a name it is the program itself');
  });

  it('has to be named, and to exist', () => {
    assert.throws(
      () => Collection.load(replaceSpec(), { programs: ['replacement'] }),
      /program replacement replaces a function of another program: name that one in the option targets/,
    );
    using main = Collection.load(replaceSpec());
    const spec = replaceSpec();
    spec.programs.get('replacement')!.attachTo = 'nothing';
    assert.throws(
      () =>
        Collection.load(spec, {
          programs: ['replacement'],
          targets: { replacement: main.program('original') },
        }),
      /program original has no function nothing; it has .*subprogram/,
    );
  });
});

const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

/** Sends a megabyte over loopback from a socket with this congestion control. */
async function transfer(control: string): Promise<void> {
  const server = createServer((socket) => socket.resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const name = createArena(16);
  const { written } = new TextEncoder().encodeInto(control, name.bytes);
  syscall('setsockopt', fd, IPPROTO_TCP, TCP_CONGESTION, name.address, written);
  socket.end(Buffer.alloc(1 << 20));
  await once(socket, 'close');
  server.close();
  await once(server, 'close');
}

async function controls(map: StructOpsMap, name: string, counted: () => bigint): Promise<void> {
  {
    using link = map.attach();
    assert.equal(link.kind, 'struct_ops');
    assert.throws(() => map.attach());
    await transfer(name);
    assert.ok(counted() > 0n, 'the program was called');
  }
  const available = () => readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8');
  await waitFor(() => !available().split(/\s+/).includes(name));
}

describe('a congestion control for TCP', () => {
  it('runs', async (t) => {
    if (!hasFeatures(t, 'fentry')) return;
    using collection = Collection.load(parseObject(testObject('link/struct-ops')));
    const map = collection.map('plain');
    assert.ok(map instanceof StructOpsMap);
    await controls(map, 'bpf_weir', () => collection.globals.readInteger('avoided'));
    assert.ok(collection.globals.readInteger('acknowledged') > 0n);
  });

  it('runs by a link', async (t) => {
    if (!hasFeatures(t, 'fentry')) return;
    if (!requireKernel(t, 'links of structs', '6.4')) return;
    const spec = parseObject(testObject('link/struct-ops'));
    spec.maps.get('linked')!.structOps!.autocreate = true;
    using collection = Collection.load(spec);
    const map = collection.map('linked');
    assert.ok(map instanceof StructOpsMap);
    await controls(map, 'bpf_weir_link', () => collection.globals.readInteger('avoided'));
  });

  it('is refused for a struct or a member that the kernel lacks', (t) => {
    if (!hasFeatures(t, 'kernel_btf')) return;
    const spec = parseObject(testObject('link/struct-ops'));
    const avoid = spec.programs.get('avoid')!;
    avoid.structMember = { struct: 'tcp_congestion_ops', member: 'weir_nothing' };
    assert.throws(() => Collection.load(spec), /struct tcp_congestion_ops has no member weir_nothing/);
    delete avoid.structMember;
    assert.throws(
      () => Collection.load(spec),
      /program avoid: no struct in \.struct_ops .* has it as a member/,
    );
  });
});
