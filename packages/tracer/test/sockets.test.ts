import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type DescriptorReader,
  openedHere,
  payloadReceived,
  payloadSent,
  SocketOwners,
  stateMask,
  stateName,
  TcpState,
  type TcpStateName,
} from '../src/sockets/index.js';
import { emptyDiagSocket, encodeRequest, readReply } from '../src/sockets/inet-diag.js';
import { parseMounts } from '../src/sockets/namespaces.js';
import { socketInode } from '../src/sockets/owners.js';
import { emptyTcpInfo, readTcpInfo, type TcpInfo } from '../src/sockets/tcp-info.js';

/** A struct tcp_info whose every byte encodes its offset. */
function infoBytes(length: number): DataView {
  const view = new DataView(new ArrayBuffer(length));
  for (let i = 0; i < length; i++) view.setUint8(i, i % 8 < 4 ? i : 0);
  return view;
}

describe('struct tcp_info', () => {
  it('is read as far as the kernel fills it in', () => {
    const u32 = (offset: number) => infoBytes(256).getUint32(offset, true);
    for (const [length, expected] of [
      [143, undefined],
      [144, { unsentBytes: 0 }],
      [148, { unsentBytes: u32(144) }],
      [160, { deliveryRate: undefined }],
      [168, { deliveryRate: u32(160), bytesSent: undefined }],
      [208, { bytesSent: u32(200), bytesRetransmitted: undefined }],
      [216, { bytesSent: u32(200), bytesRetransmitted: u32(208) }],
      [256, { bytesRetransmitted: u32(208), bytesAcked: u32(120), segmentsSent: u32(136), srttUs: u32(68) }],
    ] as const) {
      const info = emptyTcpInfo();
      assert.equal(readTcpInfo(infoBytes(length), 0, length, info), expected !== undefined);
      for (const [name, value] of Object.entries(expected ?? {})) {
        assert.equal(info[name as keyof TcpInfo], value, `${name} of ${length} bytes`);
      }
    }
  });

  it('counts SYN and FIN, which are subtracted from payload', () => {
    const info = { ...emptyTcpInfo(), bytesAcked: 102, bytesReceived: 51 };
    const cases: readonly [TcpStateName, number, number, number, number][] = [
      // state, bytes in the send queue; payload sent if this side connected, if it accepted; payload received
      ['established', 0, 101, 102, 51],
      ['close_wait', 0, 101, 102, 50],
      ['fin_wait1', 1, 101, 102, 51],
      ['fin_wait1', 0, 100, 101, 51],
      ['fin_wait2', 0, 100, 101, 51],
      ['closing', 1, 101, 102, 50],
      ['last_ack', 1, 101, 102, 50],
      ['last_ack', 0, 100, 101, 50],
    ];
    for (const [name, queue, outbound, inbound, received] of cases) {
      const state = TcpState[name];
      assert.equal(payloadSent(info, state, queue, true), outbound, `${name} ${queue}`);
      assert.equal(payloadSent(info, state, queue, false), inbound, `${name} ${queue}`);
      assert.equal(payloadReceived(info, state), received, name);
    }
    assert.equal(payloadSent(emptyTcpInfo(), TcpState.syn_sent, 1, true), 0);
    assert.equal(payloadReceived(emptyTcpInfo(), TcpState.close_wait), 0);
  });

  it('shows which side connected, where the counters suffice', () => {
    const opened = (state: TcpStateName, queue: number, values: Partial<TcpInfo>) =>
      openedHere({ ...emptyTcpInfo(), ...values }, TcpState[state], queue);
    const sent = { bytesSent: 100, bytesRetransmitted: 0 };
    assert.equal(opened('syn_sent', 1, {}), true);
    assert.equal(opened('established', 0, {}), false);
    assert.equal(opened('established', 0, { bytesAcked: 101, ...sent }), true);
    assert.equal(opened('established', 0, { bytesAcked: 100, ...sent }), false);
    assert.equal(opened('established', 0, { bytesAcked: 71, bytesSent: 100, bytesRetransmitted: 30 }), true);
    assert.equal(opened('fin_wait2', 0, { bytesAcked: 102, ...sent }), true);
    assert.equal(opened('fin_wait2', 0, { bytesAcked: 101, ...sent }), false);
    assert.equal(opened('established', 7, { bytesAcked: 101, ...sent }), undefined, 'under way');
    assert.equal(opened('established', 0, { bytesAcked: 140, ...sent }), undefined, 'torn');
    assert.equal(opened('established', 0, { bytesAcked: 5 }), undefined, 'before 4.19');
  });
});

describe('sock_diag', () => {
  it('names states and encodes them as bits', () => {
    assert.equal(stateMask('established', 'listen'), (1 << 1) | (1 << 10));
    assert.equal(stateName(8), 'close_wait');
    assert.equal(stateName(99), undefined);
  });

  it('encodes a request', () => {
    const bytes = encodeRequest({ family: 10, protocol: 6, states: 0x8fe, info: true });
    assert.equal(bytes.length, 56);
    assert.equal(Buffer.from(bytes.subarray(0, 8)).toString('hex'), '0a060200fe080000');
  });

  it('decodes a reply, and rejects one that is too short', () => {
    const header = Buffer.from(
      `0a010000 1f90 ffff ${'20010db8000000000000000000000001'} ${'00000000000000000000ffff0a000001'}
       00000000 2a000000 01000000 00000000 05000000 07000000 e8030000 39300000`.replace(/\s/g, ''),
      'hex',
    );
    assert.equal(header.length, 72);
    const info = Buffer.alloc(4 + 152);
    info.writeUInt16LE(info.length, 0);
    info.writeUInt16LE(2, 2);
    info.writeUInt32LE(77, 4 + 120);
    const shutdown = Buffer.from('0500080003000000', 'hex');
    const socket = emptyDiagSocket();
    assert.ok(readReply(Buffer.concat([header, shutdown, info]), socket));
    const { addresses, info: counters, netns: _, ...rest } = socket;
    assert.deepEqual(rest, {
      transport: 'tcp',
      state: 1,
      localPort: 8080,
      peerPort: 65_535,
      ipv6: true,
      cookie: 2 ** 32 + 42,
      inode: 12_345,
      uid: 1000,
      receiveQueue: 5,
      sendQueue: 7,
      hasInfo: true,
    });
    assert.equal(addresses.getUint32(0), 0x20010db8);
    assert.equal(addresses.getUint32(28), 0x0a000001);
    assert.equal(counters.bytesAcked, 77);
    assert.ok(readReply(header, socket));
    assert.equal(socket.hasInfo, false);
    assert.ok(readReply(Buffer.concat([header, info.subarray(0, 40)]), socket));
    assert.equal(socket.hasInfo, false);
    assert.ok(!readReply(header.subarray(1), socket));
    const ipv4 = Buffer.from(header);
    ipv4[0] = 2;
    assert.ok(readReply(ipv4, socket));
    assert.equal(socket.addresses.getUint32(8), 0xffff);
    assert.equal(socket.addresses.getUint32(12), 0x20010db8);
  });
});

describe('network namespaces that are mounted', () => {
  it('are listed in mountinfo', () => {
    const text = [
      '22 28 0:4 net:[4026532207] /run/netns/blue rw shared:12 - nsfs nsfs rw',
      '23 28 0:4 net:[4026532300] /run/netns/a\\040b rw - nsfs nsfs rw',
      '24 28 0:4 mnt:[4026532301] /run/snapd/ns/x.mnt rw - nsfs nsfs rw',
      '25 28 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
      'x',
    ].join('\n');
    assert.deepEqual(parseMounts(text), [
      { inode: 4_026_532_207, path: '/run/netns/blue' },
      { inode: 4_026_532_300, path: '/run/netns/a b' },
    ]);
  });
});

describe('owners of sockets', () => {
  function world(processes: Record<number, number[]>, options = {}) {
    let time = 0;
    let looked = 0;
    const reader: DescriptorReader = {
      pids: () => Object.keys(processes).map(Number),
      descriptors: (pid) => (processes[pid] ?? []).map((_, index) => String(index)),
      socket: (pid, descriptor) => {
        looked++;
        time += 0.01;
        return processes[pid]?.[Number(descriptor)];
      },
    };
    const owners = new SocketOwners({ reader, now: () => time, ...options });
    return { owners, looked: () => looked, pass: (ms: number) => (time += ms) };
  }

  it('are recognised by links such as socket:[1]', () => {
    assert.equal(socketInode('socket:[123]'), 123);
    for (const link of ['pipe:[123]', '/tmp/socket:[1]', 'socket:[x]', 'anon_inode:[eventpoll]']) {
      assert.equal(socketInode(link), undefined);
    }
  });

  it('are all processes that have the socket', () => {
    const { owners } = world({ 30: [7, 8], 2: [7], 4: [7, 9, 7] });
    assert.ok(owners.step());
    assert.deepEqual(owners.pids(7), [2, 4, 30]);
    assert.deepEqual(owners.pids(8), [30]);
    assert.equal(owners.pids(0), undefined);
    assert.equal(owners.pids(99), undefined);
  });

  it('are searched for in steps of bounded time', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => index + 1);
    const { owners, looked } = world({ 1: many, 2: many.map((inode) => inode + 10_000) }, { stepMs: 10 });
    let steps = 0;
    let before = 0;
    while (!owners.step()) {
      steps++;
      assert.ok(looked() - before <= 1000 + 64, 'a step that is too long');
      before = looked();
      if (steps === 5) {
        assert.deepEqual(owners.pids(1), [1], 'what was found is known before the end');
        assert.equal(owners.pids(20_000), undefined);
      }
    }
    assert.ok(steps >= 18 && steps <= 20);
    assert.equal(owners.size, 20_000);
    assert.deepEqual(owners.pids(20_000), [2]);
  });

  it('are searched for again only when one is unknown, or after a long time', () => {
    const processes: Record<number, number[]> = { 1: [5] };
    const { owners, looked, pass } = world(processes, { repeatMs: 1000, retryMs: 100 });
    owners.step();
    for (let i = 0; i < 9; i++) {
      pass(50);
      assert.ok(owners.pids(5));
      owners.step();
    }
    assert.equal(looked(), 1);
    owners.pids(6);
    owners.step();
    assert.equal(looked(), 2, 'unknown');
    owners.pids(6);
    owners.step();
    assert.equal(looked(), 2, 'not again so soon');
    // Passed on: the old owner is returned until the next pass over the descriptors.
    processes[1] = [];
    processes[9] = [5];
    assert.deepEqual(owners.pids(5), [1]);
    pass(1001);
    owners.step();
    assert.deepEqual(owners.pids(5), [9]);
    processes[9] = [];
    pass(1001);
    owners.step();
    assert.equal(owners.pids(5), undefined);
    assert.equal(owners.size, 0);
  });
});
