/** Sockets through the running kernel's sock_diag, and through its iterator over TCP sockets. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { kernelAtLeast, kernelBtf } from '@weir/ebpf';
import { AddressFormatter } from '@weir/ebpf/address';
import { withNetns } from '@weir/ebpf/sys';
import {
  type DiagSocket,
  openedHere,
  payloadReceived,
  payloadSent,
  SocketOwners,
  SocketReader,
  type SocketReaderOptions,
  stateName,
  TcpIterator,
} from '../src/sockets/index.js';
import { Load } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { MSG_DONTWAIT, RawSocket } from './support/raw-sockets.js';

const addresses = new AddressFormatter();
/** What lists connections, where it is not sock_diag. */
let tcpWalk: TcpIterator | undefined;

interface Seen {
  readonly transport: string;
  readonly state: string | undefined;
  readonly local: string;
  readonly peer: string;
  readonly inode: number;
  readonly cookie: number;
  readonly uid: number;
  readonly opened: boolean | undefined;
  readonly sent: number;
  readonly received: number;
  readonly retransmits: number;
  readonly srttUs: number;
}

function copy(socket: DiagSocket): Seen {
  const { info, state, sendQueue } = socket;
  const opened = socket.hasInfo ? openedHere(info, state, sendQueue) : undefined;
  return {
    transport: socket.transport,
    state: stateName(state),
    local: `${addresses.format(socket.addresses, 0)}:${socket.localPort}`,
    peer: `${addresses.format(socket.addresses, 16)}:${socket.peerPort}`,
    inode: socket.inode,
    cookie: socket.cookie,
    uid: socket.uid,
    opened,
    sent: payloadSent(info, state, sendQueue, opened ?? false),
    received: payloadReceived(info, state),
    retransmits: info.retransmits,
    srttUs: info.srttUs,
  };
}

function socketsOf(netns: TestNetns, options: SocketReaderOptions = {}): Seen[] {
  const found: Seen[] = [];
  const snapshot = new SocketReader({ tcpWalk, ...options, netns: [netns.inode] }).read((socket) => {
    assert.equal(socket.netns, netns.inode);
    found.push(copy(socket));
  });
  assert.deepEqual(snapshot.failed, []);
  assert.ok(snapshot.netns.has(netns.inode));
  assert.equal(snapshot.sockets, found.length);
  assert.ok(snapshot.startedNs < snapshot.endedNs);
  return found;
}

function inside<T>(netns: TestNetns, body: () => T extends PromiseLike<unknown> ? never : T): T {
  return withNetns(`/run/netns/${netns.name}`, body);
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function linkAddress(netns: TestNetns): string {
  return /link\/ether (\S+)/.exec(netns.ip('link', 'show', 'wire'))![1]!;
}

/** The kernel's own count for the network namespace that the thread is in. */
function retransmitted(): number {
  const [names, values] = readFileSync('/proc/thread-self/net/snmp', 'latin1')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values![names!.indexOf('RetransSegs')]);
}

const only = (sockets: readonly Seen[], local: number): Seen => {
  const found = sockets.filter((socket) => socket.local.endsWith(`:${local}`) && socket.state !== 'listen');
  assert.equal(found.length, 1, JSON.stringify(sockets));
  return found[0]!;
};

const hasIterator = kernelAtLeast('5.12') && kernelBtf() !== undefined;

for (const way of ['sock_diag', 'iterator:tcp']) {
  const skip =
    way === 'sock_diag' || hasIterator
      ? false
      : `needs a BPF iterator over TCP sockets, and the kernel's own types, which Linux has since 5.12; this is ${release()}`;
  describe(`reading the sockets of a network namespace by ${way}`, { skip }, () => {
    before(() => {
      if (way === 'sock_diag') return;
      tcpWalk = TcpIterator.open(kernelBtf()!);
      assert.ok(tcpWalk !== undefined, 'this kernel has iterators over TCP sockets');
    });
    after(() => {
      tcpWalk?.[Symbol.dispose]();
      tcpWalk = undefined;
    });

    for (const family of ['4', '6', 'mapped']) {
      it(`shows ends, owners and exact payload of open connections over IPv${family}`, async () => {
        using netns = new TestNetns();
        const count = 300;
        const args = [
          'hold',
          '--count',
          String(count),
          '--family',
          family,
          '--send',
          '77',
          '--reply',
          '1234',
        ];
        using load = await Load.prepare(netns, ...args);
        load.signal();
        await load.awaitKind('holding');
        const sockets = socketsOf(netns, { listeners: false });
        const owners = new SocketOwners();
        owners.step(Number.POSITIVE_INFINITY);
        const pids = new Map(
          sockets.map(({ local, peer, inode }) => [`${local} ${peer}`, owners.pids(inode)]),
        );
        const pairs = (await load.run()).filter(({ kind }) => kind === 'pair');
        assert.equal(sockets.length, 2 * count);
        assert.equal(new Set(sockets.map(({ cookie }) => cookie)).size, 2 * count);
        const byEnds = new Map(sockets.map((socket) => [`${socket.local} ${socket.peer}`, socket]));
        for (const { client, server } of pairs) {
          const [a, b] = [`${client.address}:${client.port}`, `${server.address}:${server.port}`];
          for (const [place, pid, opened, sent, received] of [
            [`${a} ${b}`, client.pid, true, 77, 1234],
            [`${b} ${a}`, server.pid, false, 1234, 77],
          ] as const) {
            const socket = byEnds.get(place);
            assert.ok(socket !== undefined, place);
            assert.equal(socket.state, 'established');
            assert.deepEqual(
              [socket.opened, socket.sent, socket.received, socket.uid],
              [opened, sent, received, 0],
              place,
            );
            assert.deepEqual(pids.get(place), [pid]);
          }
        }
        // A busy machine retransmits on a loopback device, too.
        const retransmits = sockets.reduce((sum, socket) => sum + socket.retransmits, 0);
        assert.ok(retransmits <= inside(netns, retransmitted), `${retransmits}`);
        // Nothing but TIME_WAIT may be left of them.
        assert.deepEqual(socketsOf(netns), []);
      });
    }

    it('shows half-closed connections, orphans, and connects under way', () => {
      using netns = new TestNetns();
      inside(netns, () => {
        using listener = RawSocket.tcp().bind('127.0.0.1').listen();
        const { port } = listener;
        using client = RawSocket.tcp().bind('127.0.0.1').connect('127.0.0.1', port);
        const clientPort = client.port;
        using server = listener.accept();
        client.send(1000);
        client.shutdown(1);
        assert.equal(server.receive(2000), 1000);
        server.send(5000);
        let sockets = socketsOf(netns);
        assert.deepEqual(sockets.map(({ state }) => state).sort(), ['close_wait', 'fin_wait2', 'listen']);
        let here = only(sockets, clientPort);
        assert.deepEqual(
          [here.state, here.opened, here.sent, here.received],
          ['fin_wait2', true, 1000, 5000],
        );
        let there = only(sockets, port);
        assert.deepEqual(
          [there.state, there.opened, there.sent, there.received],
          ['close_wait', false, 5000, 1000],
        );
        client.receive(5000);
        client[Symbol.dispose]();
        sockets = socketsOf(netns);
        there = only(sockets, port);
        assert.deepEqual([there.state, there.sent, there.received], ['close_wait', 5000, 1000]);
        // A socket that the application has closed has no inode any more; the kernel may keep it as a mere TIME_WAIT entry.
        here = sockets.find(({ local }) => local.endsWith(`:${clientPort}`)) ?? { ...here, inode: 0 };
        assert.equal(here.inode, 0);
      });
      netns.ip('link', 'add', 'hole', 'type', 'veth', 'peer', 'name', 'hole-end');
      netns.ip('link', 'set', 'hole', 'up');
      netns.ip('link', 'set', 'hole-end', 'up');
      netns.ip('addr', 'add', '192.0.2.1/24', 'dev', 'hole');
      netns.ip('neigh', 'add', '192.0.2.2', 'lladdr', '02:00:00:00:00:01', 'dev', 'hole');
      inside(netns, () => {
        const nonblocking = 0o4000;
        using client = RawSocket.tcp(false, nonblocking);
        assert.throws(() => client.connect('192.0.2.2', 9), /EINPROGRESS/);
        const [socket] = socketsOf(netns);
        assert.deepEqual([socket?.state, socket?.opened, socket?.sent], ['syn_sent', true, 0]);
      });
    });

    it('shows UDP sockets, connected and not, and can leave out each kind', () => {
      using netns = new TestNetns();
      inside(netns, () => {
        using server = RawSocket.udp(true).bind('::');
        using client = RawSocket.udp().connect('127.0.0.1', server.port);
        using listener = RawSocket.tcp().bind('127.0.0.1').listen();
        const ends = (options: SocketReaderOptions) =>
          socketsOf(netns, options)
            .map(({ transport, state, local, peer }) => `${transport} ${state} ${local} ${peer}`)
            .sort();
        const listening = `tcp listen 127.0.0.1:${listener.port} 0.0.0.0:0`;
        const connected = `udp established 127.0.0.1:${client.port} 127.0.0.1:${server.port}`;
        const open = `udp close :::${server.port} :::0`;
        assert.deepEqual(ends({}), [listening, open, connected]);
        assert.deepEqual(ends({ udp: false }), [listening]);
        assert.deepEqual(ends({ listeners: false, ipv6: false }), [connected]);
        assert.deepEqual(ends({ tcp: false, listeners: false, udp: false }), []);
      });
    });

    it('shows as many retransmits as the kernel has counted, for a peer that is away for a while', () => {
      using near = new TestNetns();
      using far = new TestNetns();
      near.ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', far.name);
      for (const [netns, address] of [
        [near, '192.0.2.1/24'],
        [far, '192.0.2.2/24'],
      ] as const) {
        netns.ip('addr', 'add', address, 'dev', 'wire');
        netns.ip('link', 'set', 'wire', 'up');
      }
      using listener = inside(far, () => RawSocket.tcp().bind('192.0.2.2').listen());
      using client = inside(near, () =>
        RawSocket.tcp().bind('192.0.2.1').connect('192.0.2.2', listener.port),
      );
      using server = listener.accept();
      const size = 100_000;
      client.send(size / 2);
      // Frames for another machine's address.
      near.ip(
        'neigh',
        'replace',
        '192.0.2.2',
        'lladdr',
        '02:00:00:00:00:01',
        'dev',
        'wire',
        'nud',
        'permanent',
      );
      client.send(size / 2, MSG_DONTWAIT);
      sleep(800);
      near.ip('neigh', 'replace', '192.0.2.2', 'lladdr', linkAddress(far), 'dev', 'wire', 'nud', 'permanent');
      const deadline = Date.now() + 60_000;
      for (let received = 0; received < size; ) {
        assert.ok(Date.now() < deadline, 'the transfer takes too long');
        const came = server.receive(size, MSG_DONTWAIT);
        if (came > 0) received += came;
        else sleep(20);
      }
      sleep(100);
      const end = only(socketsOf(near), client.port);
      const counted = inside(near, retransmitted);
      assert.ok(counted > 0);
      assert.equal(end.retransmits, counted);
      assert.deepEqual([end.opened, end.sent, end.received], [true, size, 0]);
      assert.ok(end.srttUs > 0);
      assert.equal(only(socketsOf(far), listener.port).received, size);
    });
  });
}

describe('network namespaces', () => {
  it('are all read, also one that only a mount holds, and nothing stays open', () => {
    using blue = new TestNetns();
    using red = new TestNetns();
    using inBlue = inside(blue, () => RawSocket.udp().bind('127.0.0.1', 4001));
    using inRed = inside(red, () => RawSocket.udp().bind('127.0.0.1', 4001));
    assert.ok(inBlue.fd !== inRed.fd);
    const reader = new SocketReader();
    const read = () => {
      const found: number[] = [];
      const snapshot = reader.read(({ netns, localPort }) => {
        if (localPort === 4001) found.push(netns);
      });
      assert.deepEqual(snapshot.failed, []);
      return found.sort();
    };
    const expected = [blue.inode, red.inode].sort();
    assert.deepEqual(read(), expected);
    const before = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 20; i++) assert.deepEqual(read(), expected);
    assert.equal(readdirSync('/proc/self/fd').length, before);
  });

  it('are read although the process by which they were known is gone', async () => {
    using netns = new TestNetns();
    using listener = inside(netns, () => RawSocket.tcp().bind('127.0.0.1').listen());
    const reader = new SocketReader({ netns: [netns.inode], namespacesMs: 1e9 });
    const child = spawn('ip', ['netns', 'exec', netns.name, 'sh', '-c', 'echo; read line'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const ports = () => {
      const found: number[] = [];
      const snapshot = reader.read(({ localPort }) => found.push(localPort));
      assert.ok(snapshot.netns.has(netns.inode));
      return found;
    };
    assert.deepEqual(ports(), [listener.port]);
    child.stdin.end('\n');
    await once(child, 'exit');
    assert.deepEqual(ports(), [listener.port]);
  });

  it('that are gone cause no error', () => {
    const reader = new SocketReader();
    let inode = 0;
    {
      using netns = new TestNetns();
      inode = netns.inode;
      assert.ok(reader.read(() => {}).netns.has(inode));
    }
    const snapshot = reader.read(() => {});
    assert.deepEqual(snapshot.failed, []);
    assert.ok(!snapshot.netns.has(inode));
    assert.ok(!reader.read(() => {}).netns.has(inode));
  });
});
