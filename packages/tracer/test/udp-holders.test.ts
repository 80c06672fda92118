import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UdpFlow } from '../src/sockets/udp-flow.js';
import { UdpHolders } from '../src/sockets/udp-holders.js';

const COOKIE = 77;
const INODE = 700;

const flow: UdpFlow = {
  flow_id: 'a.0',
  netns: 1,
  local: { address: '192.0.2.1', port: 53 },
  peer: { address: '192.0.2.2', port: 5353 },
  process: { pid: 10, comm: 'starter', uid: 0 },
  cookie: COOKIE,
  started_ns: 100,
  active_ns: 200,
  bytes_sent: 0,
  bytes_received: 0,
  datagrams_sent: 0,
  datagrams_received: 0,
};

/** A host on which a tick is a nanosecond. */
function host(running: ReadonlyMap<number, number>, pids: readonly number[], isOpen = true) {
  const state = { running: new Map(running), pids, now: 0, looks: 0 };
  const holders = new UdpHolders({
    inodes: () => new Map(isOpen ? [[COOKIE, INODE]] : []),
    owners: () => {
      state.looks++;
      return (inode) => (inode === INODE ? state.pids : []);
    },
    process: (pid) => {
      const startTicks = state.running.get(pid);
      return startTicks === undefined ? undefined : { startTicks, comm: `p${pid}` };
    },
    uid: () => 5,
    ticksAt: (ns) => ns,
    now: () => state.now,
  });
  const pid = () => {
    holders.update([flow]);
    return holders.correct(flow).process?.pid;
  };
  return { state, holders, pid };
}

describe('the process of a UDP flow whose socket another one made', () => {
  it('is the one that made it while that lives', () => {
    const { holders, state } = host(new Map([[10, 50]]), [10, 11]);
    holders.update([flow]);
    assert.equal(holders.correct(flow), flow);
    assert.equal(state.looks, 0);
  });

  it('is one that holds the socket once that has ended, and the next one after it', () => {
    const { pid, state, holders } = host(new Map([[11, 120]]), [11]);
    assert.equal(pid(), 11);
    assert.deepEqual(holders.correct(flow).process, { pid: 11, comm: 'p11', uid: 5 });
    state.running = new Map([[12, 130]]);
    state.pids = [11, 12];
    assert.equal(pid(), 11, 'another look has to wait');
    state.now += 1_000;
    assert.equal(pid(), 12);
  });

  it('is not another process that has its pid by now', () => {
    const { pid } = host(
      new Map([
        [10, 150],
        [11, 120],
      ]),
      [11],
    );
    assert.equal(pid(), 11);
  });

  it('is unknown where nobody is seen to hold the socket, until somebody is', () => {
    const { pid, state } = host(new Map([[11, 120]]), []);
    assert.equal(pid(), undefined);
    state.pids = [11];
    state.now += 1_000;
    assert.equal(pid(), 11);
  });

  it('is the one that made it if the socket is closed as well', () => {
    assert.equal(host(new Map(), [], false).pid(), 10);
  });

  it('is known at once for the next flow of the socket, and forgotten with its last one', () => {
    const { holders, pid, state } = host(new Map([[11, 120]]), [11]);
    assert.equal(pid(), 11);
    const next = { ...flow, flow_id: 'b.0', started_ns: 300 };
    holders.update([next]);
    assert.equal(holders.correct(next).process?.pid, 11);
    assert.equal(state.looks, 1);
    holders.update([]);
    assert.equal(holders.correct(flow), flow);
  });
});
