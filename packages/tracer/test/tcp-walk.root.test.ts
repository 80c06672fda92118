/** The iterator over TCP sockets beside sock_diag: of each connection both report the same. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { kernelAtLeast, kernelBtf } from '@weir/ebpf';
import { withNetns } from '@weir/ebpf/sys';
import {
  type DiagSocket,
  describeTcpWalk,
  SocketReader,
  TcpIterator,
  walkKeyWord,
} from '../src/sockets/index.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

/** How far apart the two readings may be. */
const APART_MS = 2_000;

const btf = kernelBtf();
const openIterator = () => btf && TcpIterator.open(btf);

/** What both report of a connection; times apart, which pass. */
function figures({ addresses, info, ...socket }: DiagSocket) {
  const { bytesAcked, bytesReceived, bytesSent, bytesRetransmitted, retransmits, srttUs } = info;
  const { segmentsSent, segmentsReceived, sinceSentMs, sinceReceivedMs } = info;
  const { receiveQueue: _, ...rest } = socket;
  return {
    times: [sinceSentMs, sinceReceivedMs],
    fixed: {
      ...rest,
      ends: Buffer.from(addresses.buffer, addresses.byteOffset, addresses.byteLength).toString('hex'),
      ...(socket.hasInfo && { bytesAcked, bytesReceived, bytesSent, bytesRetransmitted }),
      ...(socket.hasInfo && { segmentsSent, segmentsReceived, retransmits, srttUs }),
    },
  };
}

function readBy(netns: TestNetns, tcpWalk: TcpIterator | undefined) {
  const found = new Map<string, ReturnType<typeof figures>>();
  const reader = new SocketReader({ udp: false, netns: [netns.inode], tcpWalk });
  const { failed } = reader.read((socket) => {
    const { localPort, peerPort, state } = socket;
    if (state !== 10) found.set(`${localPort} ${peerPort}`, figures(socket));
  });
  assert.deepEqual(failed, []);
  return found;
}

/** The iterator's reading between two equal ones of sock_diag: acknowledgements may still be under way. */
function readByBoth(netns: TestNetns, iterator: TcpIterator) {
  const fixed = (reading: ReturnType<typeof readBy>) => [...reading].map(([ends, one]) => [ends, one.fixed]);
  for (const deadline = Date.now() + 60_000; ; ) {
    const expected = readBy(netns, undefined);
    const found = readBy(netns, iterator);
    const again = readBy(netns, undefined);
    if (isDeepStrictEqual(fixed(expected), fixed(again))) return { expected, found };
    assert.ok(Date.now() < deadline, 'the connections do not come to rest');
  }
}

function assertSame(netns: TestNetns, iterator: TcpIterator, count: number): void {
  const { expected, found } = readByBoth(netns, iterator);
  assert.equal(expected.size, count);
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
  for (const [ends, { times, fixed }] of expected) {
    const other = found.get(ends)!;
    assert.deepEqual(other.fixed, fixed);
    // The second reading is the later one.
    other.times.forEach((ms, index) => {
      assert.ok(ms >= times[index]! && ms <= times[index]! + APART_MS, `${ms} ms, before ${times[index]}`);
    });
  }
}

it('the iterator is there from Linux 5.12 on, with the types of the kernel, and the report says so', () => {
  using iterator = openIterator();
  const isExpected = btf !== undefined && kernelAtLeast('5.12');
  assert.equal(iterator !== undefined, isExpected);
  if (btf === undefined) return;
  const { chosen, consequence } = describeTcpWalk(btf);
  assert.equal(chosen, isExpected ? 'iterator:tcp' : 'sock_diag');
  assert.equal(consequence !== undefined, !isExpected);
});

for (const [name, listening, connecting] of [
  ['IPv4', '127.0.0.1', '127.0.0.1'],
  ['IPv6', '::1', '::1'],
  ['IPv4 through a socket of IPv6', '::', '::ffff:127.0.0.1'],
] as const) {
  it(`the iterator reports what sock_diag reports of connections over ${name}, in whatever state`, () => {
    using iterator = openIterator();
    if (iterator === undefined) return;
    using netns = new TestNetns();
    withNetns(`/run/netns/${netns.name}`, () => {
      const isIpv6 = connecting.includes(':');
      using listener = RawSocket.tcp(isIpv6).bind(listening).listen();
      using open = RawSocket.tcp(isIpv6).connect(connecting, listener.port);
      using opened = listener.accept();
      open.send(12_345);
      opened.send(67);
      assert.equal(opened.receive(12_345), 12_345);
      // Not accepted: no process has its other end.
      using waiting = RawSocket.tcp(isIpv6).connect(connecting, listener.port);
      assertSame(netns, iterator, 4);
      open.shutdown(1);
      waiting.shutdown(1);
      assertSame(netns, iterator, 4);
      // Its process has closed it, and the peer has not. With bytes left to read, that would reset it.
      assert.equal(open.receive(67), 67);
      open[Symbol.dispose]();
      assertSame(netns, iterator, 4);
    });
    using elsewhere = new TestNetns();
    assertSame(elsewhere, iterator, 0);
  });
}

/** Walks as a table does that knows each socket from the walk before. */
function walkBy(iterator: TcpIterator, netns: TestNetns) {
  const reader = new SocketReader({ udp: false, listeners: false, netns: [netns.inode], tcpWalk: iterator });
  const keys = new Map<number, Uint32Array>();
  let last: Uint32Array | undefined;
  return () => {
    const changed: number[] = [];
    const { sockets } = reader.read(
      ({ localPort, cookie }) => {
        changed.push(localPort);
        keys.set(cookie, last!);
      },
      (key) => {
        last = key.slice();
        const known = keys.get(key[walkKeyWord.cookie]!);
        return known !== undefined && isDeepStrictEqual(known, last);
      },
    );
    return { sockets, changed: changed.sort((a, b) => a - b) };
  };
}

it('a walk passes over connections that are as they were, counts them, and reports those that have changed', () => {
  using iterator = openIterator();
  if (iterator === undefined) return;
  using netns = new TestNetns();
  const walk = walkBy(iterator, netns);
  withNetns(`/run/netns/${netns.name}`, () => {
    using listener = RawSocket.tcp(false).bind('127.0.0.1').listen();
    using open = RawSocket.tcp(false).connect('127.0.0.1', listener.port);
    using opened = listener.accept();
    using _still = RawSocket.tcp(false).connect('127.0.0.1', listener.port);
    const both = [open.port, listener.port].sort((a, b) => a - b);
    assert.equal(walk().changed.length, 4);
    // An acknowledgement may come later than what it is for.
    const rest = () => {
      for (const deadline = Date.now() + 60_000; ; ) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
        if (walk().changed.length === 0) return;
        assert.ok(Date.now() < deadline, 'the connections do not come to rest');
      }
    };
    const assertChanged = (what: string, ports: readonly number[]) => {
      assert.deepEqual(walk(), { sockets: 4, changed: ports }, what);
      rest();
    };
    rest();
    assert.deepEqual(walk(), { sockets: 4, changed: [] });
    open.send(100);
    assert.equal(opened.receive(100), 100);
    assertChanged('payload', both);
    using _accepted = listener.accept();
    assertChanged('a process gets its other end', [listener.port]);
    open.shutdown(1);
    assertChanged('the state', both);
  });
});
