/** Programs on packets, sockets and cgroups, in a network namespace of this test's own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket as Stream } from 'node:net';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  attachCgroup,
  attachNetns,
  attachSocketFilter,
  attachTc,
  attachXdp,
  Collection,
  features,
  type Link,
} from '../src/index.js';
import { parseObject } from '../src/object/parse-object.js';
import { Namespace, unshare } from '../src/sys/index.js';
import { inCgroup } from './support/cgroup.js';
import { hasFeatures } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { requireKernel } from './support/require.js';
import { assertRoot, openDescriptors, pinFolder } from './support/root.js';
import { waitFor } from './support/wait-for.js';

assertRoot();

function ip(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  assert.equal(status, 0, `ip ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function tc(...args: string[]): string {
  return spawnSync('tc', args, { encoding: 'utf8' }).stdout;
}

before(() => {
  // Sockets are made by this thread, so they are of this namespace too.
  unshare(Namespace.net);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
  ip('address', 'add', '10.99.0.1/24', 'dev', 'far');
  ip('link', 'set', 'near', 'up');
  ip('link', 'set', 'far', 'up');
});

function load(name = 'link/network', ...programs: string[]): Collection {
  return Collection.load(parseObject(testObject(name)), programs.length === 0 ? {} : { programs });
}

/** Datagrams to an address; with `broadcast`, through the veth pair. */
async function send(address: string): Promise<void> {
  const socket: Socket = createSocket('udp4');
  socket.bind(0);
  await once(socket, 'listening');
  socket.setBroadcast(true);
  for (let i = 0; i < 5; i++) {
    await new Promise<void>((resolve, reject) =>
      socket.send('hello', 9, address, (error) => (error ? reject(error) : resolve())),
    );
  }
  socket.close();
  await sleep(20);
}

async function connectOnce(): Promise<void> {
  const server = createServer((peer) => peer.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  server.close();
  await once(server, 'close');
}

async function fires(
  collection: Collection,
  global: string,
  attach: () => Link,
  act: () => Promise<void>,
): Promise<void> {
  const count = () => collection.globals.readInteger(global);
  const growth = async (): Promise<bigint> => {
    const start = count();
    await act();
    return count() - start;
  };
  await act();
  const descriptors = openDescriptors();
  assert.equal(await growth(), 0n, 'before it is attached');
  const link = attach();
  try {
    const start = count();
    await act();
    await waitFor(() => count() > start);
  } finally {
    link[Symbol.dispose]();
  }
  link[Symbol.dispose]();
  assert.equal(await growth(), 0n, 'once it is detached');
  assert.deepEqual(openDescriptors(), descriptors);
}

describe('XDP', () => {
  const ways = [
    ['bpf_link', features],
    ['netlink', features.without('xdp_link')],
  ] as const;
  for (const [how, table] of ways) {
    it(`attaches in generic mode by ${how}`, async (t) => {
      if (how === 'bpf_link' && !hasFeatures(t, 'xdp_link')) return;
      using collection = load();
      const program = collection.program('on_xdp');
      await fires(
        collection,
        'received',
        () => attachXdp(program, 'lo', { mode: 'generic', features: table }),
        () => send('127.0.0.1'),
      );
    });

    it(`attaches in native mode by ${how}, and replaces its program`, async () => {
      using collection = load();
      const { globals } = collection;
      const broadcast = () => send('10.99.0.255');
      const attach = () =>
        attachXdp(collection.program('on_xdp'), 'near', { mode: 'native', features: table });
      await fires(collection, 'received', attach, broadcast);
      using link = attach();
      assert.match(ip('-d', 'link', 'show', 'near'), /prog\/xdp id /);
      assert.throws(() => attach(), /EBUSY|EEXIST/);
      link.update?.(collection.program('on_xdp_too'));
      const before = globals.readInteger('received');
      await broadcast();
      assert.equal(globals.readInteger('received'), before);
      assert.ok(globals.readInteger('replaced') > 0n);
    });
  }

  it("leaves somebody else's program alone when it detaches by netlink", () => {
    using collection = load();
    const options = { mode: 'generic', features: features.without('xdp_link') } as const;
    const ours = attachXdp(collection.program('on_xdp'), 'lo', options);
    using theirs = attachXdp(collection.program('on_xdp_too'), 'lo', { ...options, replace: true });
    ours[Symbol.dispose]();
    assert.match(ip('link', 'show', 'lo'), new RegExp(`id ${collection.program('on_xdp_too').id}\\b`));
    theirs[Symbol.dispose]();
    assert.doesNotMatch(ip('link', 'show', 'lo'), /xdp/);
  });

  it('detaches after its device is gone', () => {
    using collection = load();
    for (const table of [features, features.without('xdp_link')]) {
      ip('link', 'add', 'gone', 'type', 'veth', 'peer', 'name', 'gone2');
      using _link = attachXdp(collection.program('on_xdp'), 'gone', { mode: 'generic', features: table });
      ip('link', 'delete', 'gone');
    }
    assert.throws(() => attachXdp(collection.program('on_xdp'), 'gone'), /ENODEV/);
  });
});

describe('traffic control', () => {
  for (const direction of ['ingress', 'egress'] as const) {
    it(`attaches to ${direction} by clsact, which goes with the last filter`, async () => {
      using collection = load();
      const table = features.without('tcx');
      const attach = () =>
        attachTc(collection.program(`on_${direction}`), 'lo', { direction, features: table });
      await fires(collection, direction, attach, () => send('127.0.0.1'));
      assert.doesNotMatch(tc('qdisc', 'show', 'dev', 'lo'), /clsact/);
    });

    it(`attaches to ${direction} by tcx`, async (t) => {
      if (!hasFeatures(t, 'tcx')) return;
      using collection = load();
      const attach = () => attachTc(collection.program(`on_${direction}`), 'lo', { direction });
      await fires(collection, direction, attach, () => send('127.0.0.1'));
    });
  }

  it('leaves a clsact that others use in place', () => {
    using collection = load();
    const options = { features: features.without('tcx') };
    const first = attachTc(collection.program('on_ingress'), 'lo', { direction: 'ingress', ...options });
    const second = attachTc(collection.program('on_egress'), 'lo', { direction: 'egress', ...options });
    second.update?.(collection.program('on_ingress'));
    first[Symbol.dispose]();
    assert.match(tc('filter', 'show', 'dev', 'lo', 'egress'), /on_ingress/);
    second[Symbol.dispose]();
    assert.equal(tc('filter', 'show', 'dev', 'lo', 'egress').trim(), '');
    tc('qdisc', 'del', 'dev', 'lo', 'clsact');
    tc('qdisc', 'add', 'dev', 'lo', 'clsact');
    using _third = attachTc(collection.program('on_ingress'), 'lo', { direction: 'ingress', ...options });
    _third[Symbol.dispose]();
    assert.match(tc('qdisc', 'show', 'dev', 'lo'), /clsact/, 'it was there before');
    tc('qdisc', 'del', 'dev', 'lo', 'clsact');
  });
});

describe('an action of traffic control', () => {
  it('runs a program, by its pin', async (t) => {
    using collection = load('link/hooks', 'on_action');
    const program = collection.program('on_action');
    assert.throws(() => program.attach(), /programs of section action are not attached by themselves/);
    assert.equal(program.testRun({ data: new Uint8Array(64) }).returnValue, 0);
    assert.equal(collection.globals.readInteger('acted'), 1n);
    const path = join(pinFolder('action'), 'on_action');
    program.pin(path);
    // A filter of one classic instruction, which takes every packet.
    const filter = [
      'egress',
      'bpf',
      'bytecode',
      '1,6 0 0 4294967295',
      'action',
      'bpf',
      'object-pinned',
      path,
    ];
    const add = () => {
      const added = spawnSync('tc', ['filter', 'add', 'dev', 'lo', ...filter], { encoding: 'utf8' });
      return added.status === 0 ? '' : added.stderr;
    };
    const remove = () => void tc('qdisc', 'del', 'dev', 'lo', 'clsact');
    tc('qdisc', 'add', 'dev', 'lo', 'clsact');
    const refusal = add();
    remove();
    if (/Failed to load TC action module/.test(refusal))
      return t.skip('this kernel was built without CONFIG_NET_ACT_BPF');
    assert.equal(refusal, '');
    const attach = (): Link => {
      tc('qdisc', 'add', 'dev', 'lo', 'clsact');
      assert.equal(add(), '');
      return { kind: 'action', [Symbol.dispose]: remove };
    };
    await fires(collection, 'acted', attach, () => send('127.0.0.1'));
  });
});

describe('cgroups', () => {
  for (const [how, table] of [
    ['bpf_link', features],
    ['BPF_PROG_ATTACH', features.without('cgroup_link')],
  ] as const) {
    for (const [program, global] of [
      ['on_connect', 'connects'],
      ['on_cgroup_packet', 'bytes'],
      ['on_create', 'created'],
      ['on_sockops', 'established'],
    ] as const) {
      it(`run ${program} by ${how}`, async (t) => {
        if (how === 'bpf_link' && !hasFeatures(t, 'cgroup_link')) return;
        using collection = load();
        await inCgroup(async (folder) => {
          const attach = () => attachCgroup(collection.program(program), folder, { features: table });
          await fires(collection, global, attach, connectOnce);
        });
      });
    }
  }

  for (const [how, table] of [
    ['bpf_link', features],
    ['BPF_PROG_ATTACH', features.without('cgroup_link')],
  ] as const) {
    /** Runs an act in a cgroup: without the programs, with them, and once they are detached. */
    const whileAttached = async (
      programs: readonly string[],
      act: (attached: boolean) => Promise<void> | void,
    ): Promise<void> => {
      using collection = load('link/policies', ...programs);
      await inCgroup(async (cgroup) => {
        await act(false);
        const descriptors = openDescriptors();
        const links = programs.map((name) => collection.program(name).attach({ cgroup, features: table }));
        try {
          await act(true);
        } finally {
          for (const link of links) link[Symbol.dispose]();
        }
        await act(false);
        assert.deepEqual(openDescriptors(), descriptors);
      });
    };

    it(`refuse a device by ${how}`, async (t) => {
      if (how === 'bpf_link' && !hasFeatures(t, 'cgroup_link')) return;
      const open = (device: string) => closeSync(openSync(device, 'r'));
      await whileAttached(['on_device'], (attached) => {
        open('/dev/zero');
        if (attached) assert.throws(() => open('/dev/full'), { code: 'EPERM' });
        else open('/dev/full');
      });
    });

    it(`refuse a value of a setting by ${how}`, async (t) => {
      if (how === 'bpf_link' && !hasFeatures(t, 'cgroup_link')) return;
      const setting = '/proc/sys/net/ipv4/ip_default_ttl';
      await whileAttached(['on_setting'], (attached) => {
        const write = (value: string) => () => writeFileSync(setting, value);
        if (attached) assert.throws(write('66'), { code: 'EPERM' });
        else write('66')();
        write('65')();
        assert.equal(readFileSync(setting, 'utf8').trim(), '65');
      });
    });

    it(`change options of sockets as they are set and read by ${how}`, async (t) => {
      if (how === 'bpf_link' && !hasFeatures(t, 'cgroup_link')) return;
      await whileAttached(['on_set', 'on_get'], async (attached) => {
        const socket = createSocket('udp4').bind(0, '127.0.0.1');
        await once(socket, 'listening');
        socket.setRecvBufferSize(30_000);
        // The kernel doubles what it is asked for.
        assert.equal(socket.getRecvBufferSize(), attached ? 20_000 : 60_000);
        socket.close();
      });
    });
  }

  it('run security hooks for their sockets', async (t) => {
    if (!hasFeatures(t, 'lsm') || !requireKernel(t, 'BPF_LSM_CGROUP', '6.0')) return;
    using collection = load('link/hooks', 'on_bind');
    await inCgroup(async (cgroup) => {
      const bind = async (): Promise<void> => {
        const socket = createSocket('udp4').bind(0, '127.0.0.1');
        try {
          await once(socket, 'listening');
        } finally {
          socket.close();
        }
      };
      await bind();
      {
        using link = collection.program('on_bind').attach({ cgroup });
        assert.equal(link.kind, 'cgroup');
        await assert.rejects(bind(), { code: 'EPERM' });
      }
      await bind();
    });
  });

  it('are detached after their program was disposed of', async () => {
    await inCgroup(async (folder) => {
      const collection = load();
      const table = features.without('cgroup_link');
      using link = attachCgroup(collection.program('on_connect'), folder, { features: table });
      const { id } = collection.program('on_connect');
      collection[Symbol.dispose]();
      link[Symbol.dispose]();
      const shown = spawnSync('bpftool', ['cgroup', 'show', folder], { encoding: 'utf8' });
      assert.doesNotMatch(shown.stdout, new RegExp(`^${id}\\b`, 'm'));
    });
  });
});

describe('sockets', () => {
  it('receive only what a filter passes', async () => {
    using collection = load();
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // Node's API shows no socket's descriptor.
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const { port } = server.address() as AddressInfo;
    const act = async (): Promise<void> => {
      const arrival = once(server, 'connection') as Promise<[Stream]>;
      const socket = connect(port, '127.0.0.1');
      const [[peer]] = await Promise.all([arrival, once(socket, 'connect')]);
      const closed = Promise.all([once(peer, 'close'), once(socket, 'close')]);
      for (const end of [peer, socket]) end.destroy();
      await closed;
    };
    await fires(collection, 'filtered', () => attachSocketFilter(collection.program('on_receive'), fd), act);
    server.close();
  });

  it('are chosen by a lookup program', async (t) => {
    if (!hasFeatures(t, 'sk_lookup')) return;
    using collection = load('link/lookup');
    await fires(collection, 'lookups', () => attachNetns(collection.program('on_lookup')), connectOnce);
  });
});
