import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SyscallError } from '@weir/ebpf';
import { processFinder } from '../src/connections/index.js';
import { sizeofHolder, writeHolder } from '../src/generated/holders.js';
import { namespaceInode, socketInode } from '../src/sockets/descriptors.js';
import {
  type DescriptorReader,
  InterfaceNames,
  openedHere,
  payloadReceived,
  payloadSent,
  SocketOwners,
  stateMask,
  stateName,
  TcpState,
  type TcpStateName,
  visitHolders,
} from '../src/sockets/index.js';
import { emptyDiagSocket, encodeRequest, readReply } from '../src/sockets/inet-diag.js';
import { parseMounts } from '../src/sockets/namespaces.js';
import { OwnerTable } from '../src/sockets/owner-table.js';
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
       03000000 2a000000 01000000 00000000 05000000 07000000 e8030000 39300000`.replace(/\s/g, ''),
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
      interfaceIndex: 3,
      mptcpToken: 0,
      joined: false,
      payload: undefined,
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

describe('names of interfaces', () => {
  function world() {
    const devices = new Map([['7 3', 'eth0']]);
    const namespaces = new Map([[7, { inode: 7, path: '/run/netns/x' }]]);
    let [time, looked] = [0, 0];
    const names = new InterfaceNames(
      {
        namespaces: () => namespaces,
        name: ({ inode }, index) => {
          looked++;
          const name = devices.get(`${inode} ${index}`);
          if (name === undefined) throw new SyscallError('sendto', 19);
          return name;
        },
      },
      () => time,
    );
    return { devices, namespaces, names, looked: () => looked, pass: (ms: number) => (time += ms) };
  }

  it('are those of their network namespace, and follow a renaming within a second', () => {
    const { devices, names, looked, pass } = world();
    for (let i = 0; i < 9; i++) assert.equal(names.name(7, 3), 'eth0');
    assert.equal(looked(), 1);
    assert.equal(names.name(8, 3), undefined);
    assert.equal(names.name(7, 0), undefined);
    devices.set('7 3', 'uplink');
    pass(1000);
    assert.equal(names.name(7, 3), 'uplink');
  });

  it('stay known when the interface or its namespace is gone', () => {
    const { devices, namespaces, names, pass } = world();
    names.name(7, 3);
    devices.clear();
    pass(1000);
    assert.equal(names.name(7, 3), 'eth0');
    namespaces.clear();
    pass(1000);
    assert.equal(names.name(7, 3), 'eth0');
    assert.equal(names.name(7, 4), undefined);
  });
});

describe('owners of sockets', () => {
  function world(processes: Record<number, number[]>, options = {}) {
    let time = 0;
    let looked = 0;
    const reader: DescriptorReader = {
      pids: () => Object.keys(processes).map(Number),
      descriptors: (pid) => (processes[pid] ?? []).map((_, index) => String(index)),
      link: (pid, descriptor) => {
        looked++;
        time += 0.01;
        return `socket:[${processes[pid]?.[Number(descriptor)]}]`;
      },
    };
    const owners = new SocketOwners({ reader, now: () => time, ...options });
    return { owners, looked: () => looked, pass: (ms: number) => (time += ms) };
  }

  it('are recognised by links such as socket:[1]', () => {
    assert.equal(socketInode('socket:[123]'), 123);
    assert.equal(namespaceInode('net:[4026531833]'), 4_026_531_833);
    assert.equal(namespaceInode('mnt:[4026531833]'), undefined);
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

  it('are looked for again at once where one is wanted, else after a time that grows with the work', () => {
    const processes: Record<number, number[]> = { 1: [5] };
    const { owners, looked, pass } = world(processes, { repeatMs: 1000 });
    owners.step();
    for (let i = 0; i < 9; i++) {
      pass(50);
      assert.ok(owners.pids(5));
      owners.step();
    }
    assert.equal(looked(), 1);
    owners.want(6);
    pass(1);
    owners.step();
    assert.equal(looked(), 2, 'wanted');
    for (let i = 0; i < 9; i++) {
      owners.want(6);
      pass(50);
      owners.step();
    }
    assert.equal(looked(), 2, 'not again so soon for one that was looked for in vain');
    owners.want(7);
    owners.step();
    assert.equal(looked(), 3, 'wanted for the first time');
    processes[1] = [];
    processes[9] = [5];
    assert.deepEqual(owners.pids(5), [1]);
    pass(1001);
    owners.step();
    assert.deepEqual(owners.pids(5), [9], 'a socket that was passed on');
    assert.ok(owners.has(5, 9) && !owners.has(5, 1));
    processes[9] = Array.from({ length: 10_000 }, (_, index) => index);
    pass(1001);
    owners.step(Number.POSITIVE_INFINITY);
    const before = looked();
    pass(1900);
    owners.step(Number.POSITIVE_INFINITY);
    assert.equal(looked(), before, 'a pass of 100 ms is made every two seconds');
    pass(200);
    owners.step(Number.POSITIVE_INFINITY);
    assert.ok(looked() > before);
  });
});

describe('holders that a walk in the kernel found', () => {
  function bytes(...holders: (readonly [inode: number, pid: number, fd: number, ns: number])[]): Uint8Array {
    const view = new DataView(new ArrayBuffer(holders.length * sizeofHolder));
    for (const [index, [inode, pid, fd, ns]] of holders.entries())
      writeHolder(view, index * sizeofHolder, { inode, pid, fd, ns, reserved: 0 });
    return new Uint8Array(view.buffer);
  }

  it('are the owners of sockets, and what holds namespaces: a descriptor rather than a socket', () => {
    const written = bytes([7, 30, 3, 100], [8, 30, 4, 101], [7, 2, 5, 100], [0, 40, 9, 101], [0, 41, 9, 102]);
    const owners = new SocketOwners({ walk: (visitor) => visitHolders(written, visitor) });
    assert.ok(owners.step());
    assert.deepEqual([owners.pids(7), owners.pids(8), owners.pids(9)], [[2, 30], [30], undefined]);
    assert.deepEqual(Object.fromEntries(owners.namespaces), {
      100: { pid: 30, fd: 3, isSocket: true },
      101: { pid: 40, fd: 9, isSocket: false },
      102: { pid: 41, fd: 9, isSocket: false },
    });
  });
});

describe('processes of sockets', () => {
  const [before, event, after] = [100, 150, 200];

  function world() {
    const processes = new Map<number, { startTicks: number; comm: string; sockets: number[] }>();
    let time = 0;
    const owners = new SocketOwners({
      repeatMs: 0,
      rest: 0,
      now: () => time,
      reader: {
        pids: () => [...processes.keys()],
        descriptors: (pid) => (processes.get(pid)?.sockets ?? []).map(String),
        link: (_, descriptor) => `socket:[${descriptor}]`,
      },
    });
    const find = processFinder(
      owners,
      { state: (pid) => processes.get(pid), uid: () => 1000 },
      // A tick a millisecond.
      { at: (ns) => Math.floor(ns / 1e6) },
    );
    const refresh = (ms: number) => {
      time = ms;
      owners.step();
      find.beginRefresh?.();
    };
    const run = (pid: number, startTicks: number, comm: string, ...sockets: number[]) =>
      processes.set(pid, { startTicks, comm, sockets });
    return { processes, find, refresh, run, ns: (ms: number) => ms * 1e6 };
  }

  it('give way to the one that has the socket once they have passed it on', () => {
    const { find, refresh, run, ns } = world();
    run(10, before, 'server', 7);
    refresh(event + 1);
    const known = find(7, { pid: 10, comm: 'server' }, ns(event))!;
    assert.deepEqual(known, { pid: 10, start_ticks: before, comm: 'server', uid: 1000 });
    run(10, before, 'server');
    run(11, after, 'worker', 7);
    refresh(after + 1);
    assert.equal(find(7, known, ns(event))?.pid, 11);
  });

  it('are kept where the event that named them is younger than the last look', () => {
    const { find, refresh, run, ns } = world();
    run(10, before, 'server', 7);
    run(11, before, 'worker');
    refresh(event - 1);
    assert.equal(find(7, { pid: 11, comm: 'worker' }, ns(event))?.pid, 11);
  });

  it('never become another program that has their pid now', () => {
    const { processes, find, refresh, run, ns } = world();
    run(10, before, 'acceptor', 7);
    refresh(event - 1);
    const named = { pid: 10, comm: 'acceptor', uid: 0 };
    for (const [startTicks, comm] of [
      [after, 'acceptor'],
      [event, 'sleep'],
    ] as const) {
      run(10, startTicks, comm);
      find.beginRefresh?.();
      assert.equal(find(7, named, ns(event)), named, `${comm} began at ${startTicks}`);
      assert.equal(find.identify?.(named, ns(event)), named);
      assert.equal(find.isSame?.({ ...named, start_ticks: before }), false);
    }
    run(12, after, 'worker', 7);
    refresh(after + 1);
    assert.equal(find(7, named, ns(event))?.pid, 12);
    processes.delete(10);
    processes.delete(12);
    refresh(after + 2);
    assert.equal(find(7, named, ns(event)), named, 'what is known last, where nobody has the socket');
  });

  it('are not those that began after the look at descriptors that found their pid', () => {
    const { find, refresh, run } = world();
    run(10, before, 'server', 7);
    refresh(event);
    run(10, after, 'sleep');
    find.beginRefresh?.();
    assert.equal(find(7, undefined), undefined);
  });

  it('have their present name after exec(), and the user of the event', () => {
    const { find, refresh, run, ns } = world();
    run(10, before, 'sh', 7);
    refresh(event + 1);
    const known = find.identify!({ pid: 10, comm: 'sh', uid: 5 }, ns(event));
    assert.deepEqual(known, { pid: 10, start_ticks: before, comm: 'sh', uid: 5 });
    assert.ok(find.isSame?.(known));
    run(10, before, 'cat', 7);
    refresh(after);
    assert.equal(find.isSame?.(known), false);
    assert.deepEqual(find(7, known, ns(event)), { ...known, comm: 'cat' });
  });
});

describe('the owners of very many sockets', () => {
  it('are found again, the several of one socket in ascending order', () => {
    const owners = new OwnerTable();
    const count = 5_000;
    const inodeOf = (index: number) => 1 + index * 0x1_0001;
    for (let index = 0; index < count; index++) owners.add(inodeOf(index), 100 + (index % 7));
    for (const pid of [9, 300, 9, 8]) owners.add(inodeOf(3), pid);
    assert.equal(owners.size, count);
    for (let index = 0; index < count; index++) {
      const expected = index === 3 ? [8, 9, 103, 300] : [100 + (index % 7)];
      assert.deepEqual(owners.get(inodeOf(index)), expected);
      for (const pid of expected) assert.ok(owners.has(inodeOf(index), pid));
      assert.ok(!owners.has(inodeOf(index), 1));
    }
    assert.equal(owners.get(0xffff_ffff), undefined);
    owners.add(0, 1);
    assert.deepEqual([owners.get(0), owners.has(0, 0), owners.has(0, 1)], [undefined, false, false]);
  });
});
