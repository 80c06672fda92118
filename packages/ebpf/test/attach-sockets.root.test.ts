/** Programs on maps and groups of sockets, in an order on devices and cgroups, and on routes and netfilter; and their links. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { OptionError, SyscallError, UnsupportedError } from '../src/errors.js';
import {
  AttachType,
  attachCgroup,
  attachedPrograms,
  attachLirc,
  attachLwt,
  attachNetfilter,
  attachNetkit,
  attachReuseport,
  attachSockmap,
  attachTc,
  Collection,
  type DescriptorMap,
  type FdLink,
  features,
  indexKey,
  type Link,
  LinkType,
  linkFromId,
  openPinnedLink,
  ProgramType,
  UpdatableLink,
} from '../src/index.js';
import { parseObject } from '../src/object/parse-object.js';
import {
  createArena,
  Fd,
  Namespace,
  NetlinkFlag,
  NetlinkPayload,
  NetlinkProtocol,
  NetlinkSocket,
  syscall,
  syscallRaw,
  unshare,
} from '../src/sys/index.js';
import { kernelAtLeast } from '../src/sys/kernel-version.js';
import { inCgroup } from './support/cgroup.js';
import { segmentFrame, sendFrame, udpFrame } from './support/frames.js';
import { hasFeatures } from './support/kernel.js';
import { testObject } from './support/objects.js';
import { requireKernel } from './support/require.js';
import { assertRoot, openDescriptors, pinFolder } from './support/root.js';
import { waitFor } from './support/wait-for.js';

assertRoot();

before(() => {
  // Sockets are made by this thread, so they are of this namespace too.
  unshare(Namespace.net);
  ip('link', 'set', 'lo', 'up');
});

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  assert.equal(status, 0, `ip ${args.join(' ')}: ${stderr}`);
}

function load(name: string, ...programs: string[]): Collection {
  return Collection.load(parseObject(testObject(name)), programs.length === 0 ? {} : { programs });
}

/** The descriptor of a socket, which Node's API does not show. */
function descriptor(socket: Server | Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

/** A connection over the loopback device. */
async function withConnection(body: (near: Socket, far: Socket) => Promise<void>): Promise<void> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrival = once(server, 'connection') as Promise<[Socket]>;
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[far]] = await Promise.all([arrival, once(near, 'connect')]);
  try {
    await body(near, far);
  } finally {
    near.destroy();
    far.destroy();
    server.close();
    await once(server, 'close');
  }
}

async function send(from: Socket, to: Socket, text: string): Promise<void> {
  const received = once(to, 'data') as Promise<[Buffer]>;
  from.write(text);
  assert.equal(String((await received)[0]), text);
}

async function datagram(address: string, port: number): Promise<void> {
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve, reject) =>
      socket.send('hello', port, address, (error) => (error ? reject(error) : resolve())),
    );
  } finally {
    socket.close();
  }
}

describe('sockets in a map', () => {
  const ways = [
    ['bpf_link', features],
    ['BPF_PROG_ATTACH', features.without('sockmap_link')],
  ] as const;
  for (const [how, table] of ways) {
    it(`run programs on messages by ${how}`, async (t) => {
      if (how === 'bpf_link' && !hasFeatures(t, 'sockmap_link')) return;
      using collection = load('link/sockets');
      const { globals } = collection;
      const map = collection.map('sockets') as DescriptorMap;
      const descriptors = openDescriptors();
      const link = collection.program('on_message').attach({ map, features: table });
      assert.equal(link.kind, 'sockmap');
      await withConnection(async (near, far) => {
        map.setFd(indexKey(1), descriptor(near));
        await send(near, far, 'one');
        assert.equal(globals.readInteger('sent'), 1n);
        link.update?.(collection.program('on_message_too'));
        await send(near, far, 'still');
        map.clear(indexKey(1));
        map.setFd(indexKey(1), descriptor(near));
        await send(near, far, 'two');
        assert.deepEqual([globals.readInteger('sent'), globals.readInteger('sent_too')], [2n, 1n]);
        link[Symbol.dispose]();
        link[Symbol.dispose]();
      });
      await withConnection(async (near, far) => {
        map.setFd(indexKey(2), descriptor(near));
        await send(near, far, 'three');
      });
      assert.deepEqual([globals.readInteger('sent'), globals.readInteger('sent_too')], [2n, 1n]);
      assert.deepEqual(openDescriptors(), descriptors);
    });

    it(`run programs on streams by ${how}`, async (t) => {
      if (how === 'bpf_link' && !hasFeatures(t, 'sockmap_link')) return;
      // sk_psock_strp_data_ready() has sk_callback_lock for writing, and sk_psock_skb_ingress_enqueue() wants it for reading: Debian's 5.10
      // hangs for good where a parsed stream is passed on to its own socket.
      if (
        !requireKernel(t, 'streams in sockmaps that are passed to their own socket without a lock-up', '6.1')
      )
        return;
      using collection = load('link/sockets');
      const { globals } = collection;
      const map = collection.map('sockets') as DescriptorMap;
      using _parser = collection.program('on_parse').attach({ map, features: table });
      using _verdict = attachSockmap(collection.program('on_verdict'), map, { features: table });
      await withConnection(async (near, far) => {
        map.setFd(indexKey(1), descriptor(far));
        await send(near, far, 'one');
      });
      assert.ok(globals.readInteger('parsed') > 0n);
      assert.ok(globals.readInteger('judged') > 0n);
    });
  }

  it('of which there is an array run programs on messages', async () => {
    using collection = load('link/sockets');
    const map = collection.map('listed') as DescriptorMap;
    using _link = collection.program('on_message').attach({ map });
    await withConnection(async (near, far) => {
      map.setFd(1, descriptor(near));
      await send(near, far, 'one');
      assert.equal(map.clear(1), true);
      await send(near, far, 'two');
      assert.throws(() => map.setFd(2, descriptor(near)), /E2BIG/);
    });
    assert.equal(collection.globals.readInteger('sent'), 1n);
  });

  it('are attached only with the map, and with the kind of program', () => {
    using collection = load('link/sockets');
    const map = collection.map('sockets');
    assert.throws(() => collection.program('on_message').attach(), /give the map, attach\(\{ map \}\)/);
    assert.throws(
      () => collection.program('on_message').attach({ map: collection.map('.bss') }),
      /not a sockmap or sockhash/,
    );
    assert.throws(() => collection.program('on_either').attach({ map }), /give the attachType/);
  });
});

describe('sockets of one port', () => {
  it('are chosen by a program', async () => {
    using collection = load('link/sockets');
    const group = collection.map('group') as DescriptorMap;
    const sockets = boundSockets(2);
    try {
      for (const [i, { fd }] of sockets.entries()) group.setFd(i, fd);
      const link = attachReuseport(collection.program('choose'), sockets[0]!.fd);
      assert.equal(link.kind, 'sk_reuseport');
      for (let i = 0; i < 8; i++) await datagram('127.0.0.1', sockets[0]!.port);
      await waitFor(() => collection.globals.readInteger('chosen') === 8n);
      assert.deepEqual(
        sockets.map(({ fd }) => received(fd)),
        [0, 8],
      );
      link[Symbol.dispose]();
      await datagram('127.0.0.1', sockets[0]!.port);
      await waitFor(() => sockets.some(({ fd }) => received(fd) === 1));
      assert.equal(collection.globals.readInteger('chosen'), 8n, 'once it is detached');
    } finally {
      for (const { socket } of sockets) socket[Symbol.dispose]();
    }
  });
});

/** Sockets of UDP that share a port of the loopback device. */
function boundSockets(count: number): { readonly socket: Fd; readonly fd: number; readonly port: number }[] {
  const arena = createArena(32);
  const [AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_REUSEPORT] = [2, 2 | 0x80000, 1, 15];
  let port = 0;
  return Array.from({ length: count }, () => {
    const socket = new Fd(syscall('socket', AF_INET, SOCK_DGRAM, 0));
    arena.view.setUint32(0, 1, true);
    syscall('setsockopt', socket.fd, SOL_SOCKET, SO_REUSEPORT, arena.address, 4);
    // struct sockaddr_in
    arena.view.setUint16(0, AF_INET, true);
    arena.view.setUint16(2, port, false);
    arena.bytes.set([127, 0, 0, 1], 4);
    syscall('bind', socket.fd, arena.address, 16);
    arena.view.setUint32(16, 16, true);
    syscall('getsockname', socket.fd, arena.address, arena.address + 16);
    port = arena.view.getUint16(2, false);
    return { socket, fd: socket.fd, port };
  });
}

/** Takes all datagrams that a socket has, and counts them. */
function received(fd: number): number {
  const arena = receiveArena;
  const MSG_DONTWAIT = 0x40;
  for (let count = 0; ; count++) {
    const result = syscallRaw('recvfrom', fd, arena.address, 64, MSG_DONTWAIT, 0, 0);
    if (result === -constants.errno.EAGAIN) return count;
    assert.ok(result >= 0, `recvfrom: ${result}`);
  }
}

const receiveArena = createArena(64);

describe('an order of programs', () => {
  const digits = (collection: Collection) => collection.globals.readInteger('order');

  it('is kept on a device', async (t) => {
    using collection = load('link/hooks', 'tc_one', 'tc_two', 'tc_three');
    const [one, two, three] = ['tc_one', 'tc_two', 'tc_three'].map((name) => collection.program(name));
    const options = { device: 'lo', direction: 'egress' } as const;
    if (!features.has('tcx')) {
      assert.throws(
        () => one!.attach({ ...options, position: 'first' }),
        (error: Error) =>
          error instanceof UnsupportedError && /an order of programs needs it/.test(error.message),
      );
      if (!hasFeatures(t, 'tcx')) return;
    }
    using second = one!.attach(options) as FdLink;
    using _first = two!.attach({ ...options, position: 'first' });
    using third = three!.attach({ ...options, position: { after: second } });
    const place = { device: 'lo' };
    const before = attachedPrograms(place, AttachType.tcxEgress);
    assert.deepEqual(
      before.programs.map(({ programId }) => programId),
      [two!.id, one!.id, three!.id],
    );
    assert.equal(before.programs[1]!.linkId, second.info().id);
    await datagram('127.0.0.1', 9);
    // The answer that nobody listens passes the device as well.
    assert.match(String(digits(collection)), /^(213)+$/);
    third[Symbol.dispose]();
    const now = attachedPrograms(place, AttachType.tcxEgress);
    assert.ok(now.revision! > before.revision!);
    const expectedRevision = before.revision!;
    assert.throws(() => three!.attach({ ...options, expectedRevision }), /ESTALE: others have come or gone/);
    using _again = attachTc(three!, 'lo', {
      direction: 'egress',
      position: { before: { programId: one!.id } },
    });
    assert.deepEqual(
      attachedPrograms(place, AttachType.tcxEgress).programs.map(({ programId }) => programId),
      [two!.id, three!.id, one!.id],
    );
    assert.throws(() => one!.attach({ ...options, position: { before: { linkId: 2 ** 30 } } }), SyscallError);
  });

  it('is kept on a cgroup, or the version that has it is named', async (t) => {
    if (!hasFeatures(t, 'cgroup_link')) return;
    using collection = load('link/hooks', 'connect_one', 'connect_two', 'connect_three');
    const [one, two, three] = ['connect_one', 'connect_two', 'connect_three'].map((n) =>
      collection.program(n),
    );
    await inCgroup(async (cgroup) => {
      using first = one!.attach({ cgroup }) as FdLink;
      try {
        using _before = two!.attach({ cgroup, position: { before: first } });
        using _between = attachCgroup(three!, cgroup, { position: { before: first } });
        await withConnection(async () => {});
        assert.match(String(digits(collection)), /^(231)+$/);
        const { programs } = attachedPrograms({ cgroup }, AttachType.cgroupInet4Connect);
        assert.deepEqual(
          programs.map(({ programId }) => programId),
          [two!.id, three!.id, one!.id],
        );
        assert.throws(
          () => attachCgroup(three!, cgroup, { position: { before: one! } }),
          // An older kernel that has the order all the same, as Debian's 6.12 does, counts as one without.
          kernelAtLeast('6.17')
            ? /EINVAL: neighbours on a cgroup are named by their links/
            : /has no order of programs on a cgroup/,
        );
      } catch (error) {
        assert.ok(error instanceof UnsupportedError, String(error));
        assert.equal(error.since, '6.17');
        requireKernel(t, 'order of programs on a cgroup', '6.17');
      }
    });
  });
});

describe('links', () => {
  it('are described, opened by id, replaced, pinned and unpinned', async (t) => {
    if (!hasFeatures(t, 'cgroup_link')) return;
    using collection = load('link/hooks', 'connect_one', 'connect_two');
    const one = collection.program('connect_one');
    const two = collection.program('connect_two');
    const pin = join(pinFolder('links'), 'connect');
    await inCgroup(async (cgroup) => {
      using link = attachCgroup(one, cgroup) as UpdatableLink;
      const info = link.info();
      assert.equal(info.type, LinkType.cgroup);
      assert.equal(info.programId, one.id);
      assert.ok(info.details.kind === 'cgroup' && info.details.attachType === AttachType.cgroupInet4Connect);
      using same = linkFromId(info.id);
      assert.ok(same instanceof UpdatableLink);
      assert.deepEqual(same.info(), info);
      assert.throws(() => same.update(two, two), /EPERM: .*connect_two is not the one that is attached/);
      same.update(two, one);
      assert.equal(link.info().programId, two.id);
      link.pin(pin);
      {
        using pinned = openPinnedLink(pin);
        assert.equal(pinned.info().id, info.id);
        pinned.unpin();
        pinned.unpin();
      }
      assert.ok(!existsSync(pin));
      same[Symbol.dispose]();
      link[Symbol.dispose]();
      // The kernel lets go of a pin's last holder a little later.
      await waitFor(() => {
        using left = linkFromId(info.id);
        return left === undefined;
      });
    });
  });
});

describe('routes', () => {
  const route = { destination: '10.98.8.0/24', device: 'near', table: 254 };

  before(() => {
    ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
    ip('address', 'add', '10.98.0.1/24', 'dev', 'near');
    ip('link', 'set', 'near', 'up');
    ip('link', 'set', 'far', 'up');
  });

  after(() => ip('link', 'delete', 'near'));

  for (const [name, kind] of [
    ['on_route', 'lwt_out'],
    ['on_route_sent', 'lwt_xmit'],
  ] as const) {
    it(`run programs on packets that they send, by ${kind}`, async () => {
      using collection = load('link/hooks', name);
      const program = collection.program(name);
      const count = async () => {
        const start = collection.globals.readInteger('routed');
        await datagram('10.98.8.1', 9).catch(() => {});
        return collection.globals.readInteger('routed') - start;
      };
      const link = attachLwt(program, route);
      assert.equal(link.kind, kind);
      assert.equal(await count(), 1n);
      assert.throws(() => program.attach({ route }), /EEXIST/);
      link.update?.(program);
      assert.equal(await count(), 1n);
      link[Symbol.dispose]();
      assert.equal(await count(), 0n);
      assert.throws(() => program.attach(), OptionError);
      const headroom = kind === 'lwt_xmit' ? 257 : 14;
      assert.throws(() => attachLwt(program, { ...route, headroom }), OptionError);
    });
  }

  it('run programs on packets that come in for them', async () => {
    writeFileSync('/proc/sys/net/ipv4/conf/near/forwarding', '1');
    using collection = load('link/hooks', 'on_route_received');
    const routed = () => collection.globals.readInteger('routed');
    const packet = udpFrame('10.98.0.9', '10.98.8.1');
    {
      using link = collection.program('on_route_received').attach({ route });
      assert.equal(link.kind, 'lwt_in');
      sendFrame('far', packet);
      await waitFor(() => routed() === 1n);
    }
    sendFrame('far', packet);
    sendFrame('far', udpFrame('10.98.0.9', '10.98.0.1'));
    assert.equal(routed(), 1n);
  });
});

describe('segments of IPv6', () => {
  it('run programs on packets that come in for them', async () => {
    ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
    for (const device of ['near', 'far']) ip('link', 'set', device, 'up');
    using collection = load('link/hooks', 'on_segment');
    const program = collection.program('on_segment');
    const routed = () => collection.globals.readInteger('routed');
    const route = { destination: 'fd98::1/128', device: 'near' };
    const packet = segmentFrame('fd98::9', 'fd98::1', 'fd98::2');
    {
      using link = program.attach({ route });
      assert.equal(link.kind, 'lwt_seg6local');
      sendFrame('far', packet);
      await waitFor(() => routed() === 1n);
      assert.throws(() => program.attach({ route }), /EEXIST/);
      link.update?.(program);
      sendFrame('far', packet);
      await waitFor(() => routed() === 2n);
    }
    sendFrame('far', packet);
    assert.equal(routed(), 2n, 'once it is detached');
    assert.throws(
      () => program.attach({ route: { destination: '10.98.9.0/24', device: 'near' } }),
      /segments are addresses of IPv6/,
    );
    ip('link', 'delete', 'near');
  });
});

describe('a network namespace', () => {
  it('has the headers of frames found by a program', () => {
    using collection = load('link/hooks', 'on_flow');
    const dissected = () => collection.globals.readInteger('dissected');
    const frame = udpFrame('127.0.0.1', '127.0.0.1');
    {
      using link = collection.program('on_flow').attach();
      assert.equal(link.kind, 'netns');
      sendFrame('lo', frame);
      assert.ok(dissected() > 0n);
    }
    const before = dissected();
    sendFrame('lo', frame);
    assert.equal(dissected(), before, 'once it is detached');
  });
});

describe('netfilter', () => {
  it('runs a program on its hook', async (t) => {
    if (!requireKernel(t, 'BPF_LINK_TYPE_NETFILTER', '6.4')) return;
    using collection = load('link/hooks', 'on_hook');
    const program = collection.program('on_hook');
    const options = { family: 'ipv4', hook: 'input', priority: -50 } as const;
    {
      using link = attachNetfilter(program, options);
      await datagram('127.0.0.1', 9);
      assert.ok(collection.globals.readInteger('filtered') > 0n);
      assert.deepEqual(link.info().details, { kind: 'netfilter', family: 2, hook: 1, priority: -50 });
      assert.throws(
        () => program.attach({ netfilter: options }),
        /EBUSY: .*priority -50 is on ipv4 input already/,
      );
    }
    const before = collection.globals.readInteger('filtered');
    await datagram('127.0.0.1', 9);
    assert.equal(collection.globals.readInteger('filtered'), before);
  });
});

describe('netkit devices', () => {
  it('run programs, or the version that has them is named', async (t) => {
    using collection = load('link/hooks', 'on_primary');
    const program = collection.program('on_primary');
    if (!requireOrRefuse(t, () => attachNetkit(program, 'lo'), 'BPF_LINK_TYPE_NETKIT', '6.7')) return;
    if (!addNetkit('weirkit')) return t.skip('this kernel was built without CONFIG_NETKIT');
    ip('link', 'set', 'weirkit', 'up');
    ip('address', 'add', '10.97.0.1/24', 'dev', 'weirkit');
    using link = program.attach({ device: 'weirkit' }) as FdLink;
    assert.equal(link.kind, 'netkit');
    await datagram('10.97.0.2', 9).catch(() => {});
    const { details } = link.info();
    assert.ok(details.kind === 'netkit' && details.attachType === AttachType.netkitPrimary);
    assert.equal(attachedPrograms({ device: 'weirkit' }, AttachType.netkitPrimary).programs.length, 1);
    assert.throws(
      () => attachNetkit(program, 'lo'),
      /ENXIO: lo has to be the primary device of a netkit pair/,
    );
  });
});

/** Whether the kernel is new enough; an older one names the version. */
function requireOrRefuse(t: TestContext, attach: () => Link, feature: string, since: string): boolean {
  try {
    attach()[Symbol.dispose]();
  } catch (error) {
    if (!(error instanceof UnsupportedError)) return true;
    assert.equal(error.feature, feature);
    if (error.since === undefined) {
      t.skip(error.message);
      return false;
    }
    assert.equal(error.since, since);
  }
  return requireKernel(t, feature, since);
}

/** Makes a pair of netkit devices; returns whether the kernel has them. */
function addNetkit(name: string): boolean {
  using socket = new NetlinkSocket(NetlinkProtocol.route);
  const [RTM_NEWLINK, IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND] = [16, 3, 18, 1];
  const payload = new NetlinkPayload(new Uint8Array(16))
    .string(IFLA_IFNAME, name)
    .nest(IFLA_LINKINFO, (info) => info.string(IFLA_INFO_KIND, 'netkit')).bytes;
  const flags = NetlinkFlag.create | NetlinkFlag.exclusive;
  try {
    socket.request({ type: RTM_NEWLINK, flags, payload, what: `add the netkit device ${name}` });
    return true;
  } catch (error) {
    assert.ok(error instanceof SyscallError && error.errno === constants.errno.EOPNOTSUPP, String(error));
    return false;
  }
}

describe('infrared receivers', () => {
  it('are the only devices that take such programs', (t) => {
    if (!features.hasProgramType(ProgramType.lircMode2))
      return t.skip('this kernel has no CONFIG_BPF_LIRC_MODE2');
    using collection = load('link/hooks', 'on_pulse');
    assert.throws(
      () => attachLirc(collection.program('on_pulse'), '/dev/null'),
      /EINVAL: .*CONFIG_BPF_LIRC_MODE2/,
    );
  });
});
