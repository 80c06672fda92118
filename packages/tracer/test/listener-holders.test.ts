import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  EventFlag,
  offsetsTcpEvent,
  readTcpEvent,
  sizeofTcpEvent,
  TcpEventKind,
  writeTcpEvent,
} from '../src/generated/tcp.js';
import type { ProcessIdentity } from '../src/index.js';
import { type HolderSource, ListenerHolders } from '../src/sockets/listener-holders.js';
import { EventCorrection } from '../src/stream/event-correction.js';

const NETNS = 4026531840;

interface Socket {
  readonly inode: number;
  readonly address: string;
  readonly port: number;
  readonly pids: readonly number[];
  readonly netns?: number;
}

/** A host with these sockets, on which all their holders live but `dead`. */
function host(sockets: readonly Socket[], dead: readonly number[] = []) {
  const state = { now: 0, reads: 0, sockets, dead };
  const source: { -readonly [Name in keyof HolderSource]: HolderSource[Name] } = {
    listeners: (found) => {
      state.reads++;
      for (const { netns = NETNS, inode, address, port } of state.sockets) found(netns, inode, address, port);
    },
    pids: (inodes) =>
      new Map(
        state.sockets
          .filter(({ inode }) => inodes.has(inode))
          .map(({ inode, pids }) => [inode, pids] as const),
      ),
    process: (pid) => (state.dead.includes(pid) ? undefined : identity(pid)),
    now: () => state.now,
  };
  return { state, source, holders: new ListenerHolders(source) };
}

function identity(pid: number): ProcessIdentity {
  return { pid, tid: pid, comm: `p${pid}`, uid: 1000 };
}

const local = { address: '192.0.2.1', port: 80 };
const wildcard = { inode: 1, address: '0.0.0.0', port: 80 };

describe('the process of an accept that only the listening socket explains', () => {
  it('is the one that called listen() if it still holds the socket', () => {
    const { holders } = host([{ ...wildcard, pids: [9, 10] }]);
    assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(10), count: 2 });
  });

  it('is another holder if a daemon was started by a process that has ended', () => {
    const { holders } = host([{ ...wildcard, pids: [12, 11] }], [10]);
    assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(11), count: 2 });
  });

  it('is one that lives once another holder has ended, however short ago', () => {
    const { holders, state } = host([
      { ...wildcard, pids: [20] },
      { ...wildcard, inode: 2, pids: [10, 11] },
    ]);
    assert.deepEqual(holders.find(NETNS, local, 20), { process: identity(20), count: 3 });
    state.now += 20;
    state.dead = [20, 10];
    assert.deepEqual(holders.find(NETNS, local, 20), { process: identity(11), count: 1 });
    assert.equal(state.reads, 1);
  });

  it('is one that lives of a hundred of which the first have ended', () => {
    const pids = Array.from({ length: 100 }, (_, index) => index + 1);
    const { holders, state } = host([{ ...wildcard, pids }]);
    assert.deepEqual(holders.find(NETNS, local, 0), { process: identity(1), count: 100 });
    state.now += 20;
    state.dead = pids.slice(0, 30);
    assert.deepEqual(holders.find(NETNS, local, 5), { process: identity(31), count: 70 });
  });

  it('is unknown, and soon known, once the only holder has left its socket to another and ended', () => {
    const { holders, state } = host([{ ...wildcard, pids: [10] }]);
    assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(10), count: 1 });
    state.dead = [10];
    state.sockets = [{ ...wildcard, pids: [11] }];
    state.now += 20;
    assert.deepEqual(holders.find(NETNS, local, 10), { process: undefined, count: 0 });
    state.now += 50;
    assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(11), count: 1 });
  });

  it('is the last holder where the socket has gone with it', () => {
    const { holders, state } = host([{ ...wildcard, pids: [10] }]);
    holders.find(NETNS, local, 10);
    state.dead = [10];
    state.sockets = [];
    for (const ms of [20, 100, 2000]) {
      state.now += ms;
      assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(10), count: 1 });
    }
  });

  it('is the last holder although the socket outlived its descriptors while that ended', () => {
    const { holders, state } = host([{ ...wildcard, pids: [11] }]);
    holders.find(NETNS, local, 10);
    state.now += 1000;
    state.sockets = [{ ...wildcard, pids: [] }];
    assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(11), count: 1 });
    state.dead = [10, 11];
    state.sockets = [];
    state.now += 20;
    assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(11), count: 1 });
  });

  it('is the first that ended with its socket, where its descriptors were never seen', () => {
    const { holders, state } = host([{ ...wildcard, pids: [] }]);
    assert.equal(holders.find(NETNS, local, 10), undefined);
    state.dead = [10];
    state.sockets = [];
    state.now += 20;
    assert.equal(holders.find(NETNS, local, 10), undefined);
  });

  it('is the last holder although its socket was listed a moment ago, when another had ended', () => {
    const other = { ...wildcard, inode: 2, port: 81, pids: [20] };
    const { holders, state } = host([{ ...wildcard, pids: [10] }, other]);
    holders.find(NETNS, local, 10);
    state.now += 20;
    state.dead = [20];
    state.sockets = [{ ...wildcard, pids: [10] }];
    assert.equal(holders.find(NETNS, { ...local, port: 81 }, 20)?.process?.pid, 20);
    state.dead = [20, 10];
    state.sockets = [];
    state.now += 11;
    assert.equal(holders.find(NETNS, local, 10)?.process?.pid, 10);
  });

  it('is one of all that listen on the port', () => {
    const { holders } = host([
      { ...wildcard, pids: [20] },
      { ...wildcard, inode: 2, pids: [10] },
    ]);
    assert.deepEqual(holders.find(NETNS, local, 20), { process: identity(20), count: 2 });
  });

  it('is found on the very address before a wildcard, and in the same namespace only', () => {
    const { holders } = host([
      { ...wildcard, pids: [10] },
      { ...wildcard, inode: 2, address: '192.0.2.1', pids: [11] },
      { ...wildcard, inode: 3, netns: 5, pids: [12] },
      { ...wildcard, inode: 4, address: '::', pids: [13] },
    ]);
    const pid = (netns: number, address: string) =>
      holders.find(netns, { address, port: 80 }, 0)?.process?.pid;
    assert.equal(pid(NETNS, '192.0.2.1'), 11);
    assert.equal(pid(NETNS, '192.0.2.2'), 10);
    assert.equal(pid(5, '192.0.2.1'), 12);
    assert.equal(pid(NETNS, '2001:db8::1'), 13);
  });

  it('is none if its holders are not to be seen and the first has ended', () => {
    const hidden = [{ ...wildcard, pids: [] }];
    assert.deepEqual(host(hidden, [10]).holders.find(NETNS, local, 10), { process: undefined, count: 0 });
    assert.equal(host(hidden).holders.find(NETNS, local, 10), undefined);
  });

  it('is the first if the socket is closed while its holders are looked for', () => {
    const { holders, state, source } = host([{ ...wildcard, pids: [] }], [10]);
    const { pids } = source;
    source.pids = (inodes) => {
      state.sockets = [];
      return pids(inodes);
    };
    assert.equal(holders.find(NETNS, local, 10), undefined);
  });

  it('is what was known last if the socket is gone when it is asked about', () => {
    assert.equal(host([], [10]).holders.find(NETNS, local, 10), undefined);
    const { holders, state } = host([{ ...wildcard, pids: [11] }]);
    holders.find(NETNS, local, 10);
    state.sockets = [];
    state.now += 1000;
    assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(11), count: 1 });
  });

  it('follows a socket that is passed on, without looking at every accept', () => {
    const { holders, state } = host([{ ...wildcard, pids: [10] }]);
    for (let i = 0; i < 1000; i++) holders.find(NETNS, local, 10);
    assert.equal(state.reads, 1);
    state.sockets = [{ ...wildcard, pids: [11] }];
    state.now += 1000;
    assert.equal(holders.find(NETNS, local, 10)?.process?.pid, 11);
  });
});

describe('a listening socket that is not known yet', () => {
  const others = { inode: 7, address: '192.0.2.9', port: 9, pids: [9] };

  it('is looked for before it is time to look again', () => {
    const { holders, state } = host([others], [10]);
    holders.find(NETNS, { address: '192.0.2.9', port: 9 }, 9);
    state.sockets = [others, { ...wildcard, pids: [11, 12] }];
    state.now += 50;
    assert.deepEqual(holders.find(NETNS, local, 10), { process: identity(11), count: 2 });
    assert.equal(state.reads, 2);
  });

  it('has no process rather than one that has ended, where looking again takes too long', () => {
    const { holders, state } = host([others], [10]);
    holders.find(NETNS, { address: '192.0.2.9', port: 9 }, 9);
    state.sockets = [others, { ...wildcard, pids: [11] }];
    state.now += 10;
    assert.deepEqual(holders.find(NETNS, local, 10), { process: undefined, count: 0 });
    assert.equal(holders.find(NETNS, local, 11), undefined);
    // A server that has ended is still the one that listened.
    assert.equal(holders.find(NETNS, { address: '192.0.2.1', port: 81 }, 10), undefined);
    for (let i = 0; i < 100; i++) holders.find(NETNS, local, 10);
    assert.equal(state.reads, 2);
  });
});

describe("an event whose process is only the listening socket's", () => {
  const bytes = (pid: number, flags: number) => {
    const view = new DataView(new ArrayBuffer(sizeofTcpEvent));
    const event = readTcpEvent(view, 0);
    writeTcpEvent(view, 0, {
      ...event,
      event: TcpEventKind.EVENT_ACCEPT,
      tuple: { ...event.tuple, netns: NETNS, localPort: 80 },
      process: { ...event.process, ...identity(pid), cgroupId: 7 },
    });
    view.setUint32(offsetsTcpEvent.flags, flags, true);
    return view;
  };
  const { EVENT_BY_LISTENER, EVENT_HAS_PROCESS } = EventFlag;
  const anywhere = { inode: 1, address: '::', port: 80 };

  it('names another, and how many there are', () => {
    const view = bytes(10, EVENT_BY_LISTENER | EVENT_HAS_PROCESS);
    new EventCorrection(host([{ ...anywhere, pids: [11, 12] }], [10]).holders).correct(view, 0);
    const { process, fd } = readTcpEvent(view, 0);
    assert.deepEqual([process.pid, process.comm, process.cgroupId, fd], [11, 'p11', 0, 2]);
  });

  it('names none rather than one that has ended', () => {
    const view = bytes(10, EVENT_BY_LISTENER | EVENT_HAS_PROCESS);
    new EventCorrection(host([{ ...anywhere, pids: [] }], [10]).holders).correct(view, 0);
    assert.equal(Number(readTcpEvent(view, 0).flags), EVENT_BY_LISTENER);
    assert.equal(readTcpEvent(view, 0).process.pid, 0);
  });

  it('is all that is changed', () => {
    const view = bytes(10, EVENT_HAS_PROCESS);
    new EventCorrection(host([{ ...anywhere, pids: [11] }]).holders).correct(view, 0);
    assert.equal(readTcpEvent(view, 0).process.pid, 10);
  });
});
