/** Attempts that come to nothing. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { features, SyscallError } from '@weir/ebpf';
import { withNetns } from '@weir/ebpf/sys';
import { assertComplete, collect } from './support/collect.js';
import { assertFailures } from './support/expect.js';
import { type LoadReport, runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import { RawSegments, TcpFlag } from './support/raw-segments.js';
import { RawSocket } from './support/raw-sockets.js';
import { atScale } from './support/scale.js';

const COUNT = atScale(1000);
const SOCK_NONBLOCK = 0x800;

/** A link on which every SYN vanishes: its neighbour does not exist. */
function addBlackhole(netns: TestNetns): void {
  netns.ip('link', 'add', 'hole', 'type', 'veth', 'peer', 'name', 'hole-end');
  netns.ip('link', 'set', 'hole', 'up');
  netns.ip('link', 'set', 'hole-end', 'up');
  netns.ip('addr', 'add', '10.9.9.1/24', 'dev', 'hole');
  netns.ip('neigh', 'add', '10.9.9.2', 'lladdr', '02:00:00:00:00:01', 'dev', 'hole');
  netns.ip('addr', 'add', 'fd00:9::1/64', 'dev', 'hole', 'nodad');
  netns.ip('neigh', 'add', 'fd00:9::2', 'lladdr', '02:00:00:00:00:01', 'dev', 'hole');
}

/** A router to which all goes, and which has no way to go on. */
function addRefusingRouter(netns: TestNetns, router: TestNetns): void {
  netns.ip('link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'downlink', 'netns', router.name);
  netns.ip('addr', 'add', '10.9.8.1/24', 'dev', 'uplink');
  netns.ip('link', 'set', 'uplink', 'up');
  netns.ip('route', 'add', 'default', 'via', '10.9.8.2');
  router.ip('addr', 'add', '10.9.8.2/24', 'dev', 'downlink');
  router.ip('link', 'set', 'downlink', 'up');
  router.sysctl('net/ipv4/ip_forward', 1);
  router.ip('route', 'add', 'unreachable', 'default');
}

/** The error that a program of Node.js gets, which does not wait in connect(). */
async function connectByNode(netns: TestNetns, address: string): Promise<string> {
  const script = `require('net').connect(80, '${address}').on('error', ({ code }) => console.log(code))`;
  const command = ['netns', 'exec', netns.name, process.execPath, '-e', script];
  const { stdout } = await promisify(execFile)('ip', command);
  return stdout.trim();
}

/** Which errors there were, as the load saw them. */
function errorsOf(attempts: readonly LoadReport[]): (string | undefined)[] {
  return [...new Set(attempts.map(({ error }) => error))];
}

describe(`${COUNT} failed connects give one record each`, () => {
  for (const [family, type] of [
    ['4', 'ipv4'],
    ['6', 'ipv6'],
    ['mapped', 'ipv4'],
  ] as const) {
    it(`where the connect is refused, over IPv${family}`, async () => {
      using netns = new TestNetns();
      const collected = await collect({ filter: { netns: [netns.inode] } }, () =>
        runLoad(netns, 'refused', '--count', String(COUNT), '--family', family, '--concurrency', '4'),
      );
      assert.deepEqual(errorsOf(collected.result), ['ECONNREFUSED']);
      assertFailures(collected.records, collected.result, { netns: netns.inode, type });
      assertComplete(collected);
    });
  }

  it('where the process gives up', async () => {
    using netns = new TestNetns();
    addBlackhole(netns);
    const collected = await collect({ filter: { netns: [netns.inode] } }, () =>
      runLoad(netns, 'blackhole', '--count', String(COUNT), '--address', '10.9.9.2', '--give-up', '100'),
    );
    assertFailures(collected.records, collected.result, { netns: netns.inode, type: 'ipv4' });
    assertComplete(collected);
  });
});

// Together, since they mostly wait.
describe('connects that nobody answers', { concurrency: true }, () => {
  for (const [family, type, address] of [
    ['4', 'ipv4', '10.9.9.2'],
    ['6', 'ipv6', 'fd00:9::2'],
    ['mapped', 'ipv4', '10.9.9.2'],
  ] as const) {
    it(`over IPv${family} give ${COUNT} records of timeouts`, async () => {
      using netns = new TestNetns();
      addBlackhole(netns);
      const collected = await collect({ filter: { netns: [netns.inode] } }, () =>
        runLoad(netns, 'blackhole', '--count', String(COUNT), '--family', family, '--address', address),
      );
      assert.deepEqual(errorsOf(collected.result), ['ETIMEDOUT']);
      assertFailures(collected.records, collected.result, { netns: netns.inode, type });
      assertComplete(collected);
      for (const record of collected.records) {
        assert.ok(record.event === 'fail');
        assert.ok((record.duration_us ?? 0) > 900_000, `${record.duration_us} µs`);
      }
    });
  }

  it('give EHOSTUNREACH where no neighbour answers', async () => {
    using netns = new TestNetns();
    addBlackhole(netns);
    // Fewer than the kernel sends ICMP errors for at a time (net.ipv4.icmp_msgs_burst, 50).
    const collected = await collect({ filter: { netns: [netns.inode] } }, () =>
      runLoad(netns, 'unreachable', '--count', '40', '--address', '10.9.9.7'),
    );
    assert.deepEqual(errorsOf(collected.result), ['EHOSTUNREACH']);
    assertFailures(collected.records, collected.result, { netns: netns.inode, type: 'ipv4' });
    assertComplete(collected);
  });
});

describe('connects that the routing table refuses', () => {
  for (const [name, address, error] of [
    ['no route', '10.8.8.8', 'ENETUNREACH'],
    ['unreachable', '10.7.7.7', 'EHOSTUNREACH'],
    ['prohibit', '10.6.6.6', 'EACCES'],
  ] as const) {
    it(`(${name}) give ${error}, where the return of connect can be seen`, async () => {
      using netns = new TestNetns();
      netns.ip('route', 'add', 'unreachable', '10.7.7.7');
      netns.ip('route', 'add', 'prohibit', '10.6.6.6');
      let seen = false;
      const collected = await collect({ filter: { netns: [netns.inode] } }, (tracer) => {
        seen = tracer.plan.some(({ chosen }) => chosen === 'fexit:tcp_v4_connect');
        return runLoad(netns, 'unreachable', '--count', '100', '--address', address);
      });
      assert.deepEqual(errorsOf(collected.result), [error]);
      if (seen) assertFailures(collected.records, collected.result, { netns: netns.inode, type: 'ipv4' });
      else assert.deepEqual(collected.records, []);
      assertComplete(collected);
    });
  }
});

it('a connect that a router refuses gives the error that its process read, though the attempt would go on', async (t) => {
  if (!features.has('kernel_btf')) {
    t.skip("needs the kernel's types, for its queue of errors (CONFIG_DEBUG_INFO_BTF, Linux 5.4 and later)");
    return;
  }
  using netns = new TestNetns();
  using router = new TestNetns();
  addRefusingRouter(netns, router);
  const collected = await collect({ filter: { netns: [netns.inode] } }, () =>
    connectByNode(netns, '10.7.7.7'),
  );
  assert.equal(collected.result, 'EHOSTUNREACH');
  const errors = collected.records.map((record) => record.event === 'fail' && record.error);
  assert.deepEqual(errors, ['EHOSTUNREACH']);
  assertComplete(collected);
});

it('a connect that is given up while both sides connect is a fail, and nothing is missed', async () => {
  using netns = new TestNetns();
  addBlackhole(netns);
  const peer = { address: '10.9.9.2', port: 80 };
  const isInProgress = (error: unknown) => error instanceof SyscallError && error.code === 'EINPROGRESS';
  const collected = await collect({ filter: { netns: [netns.inode] } }, async () =>
    withNetns(`/run/netns/${netns.name}`, () => {
      using segments = new RawSegments();
      const socket = RawSocket.tcp(false, SOCK_NONBLOCK).bind('10.9.9.1');
      assert.throws(() => socket.connect(peer.address, peer.port), isInProgress);
      const to = { address: '10.9.9.1', port: socket.port };
      segments.send({ from: peer, to, sequence: 1000, flags: TcpFlag.syn });
      socket[Symbol.dispose]();
      segments.send({ from: peer, to, sequence: 1001, flags: TcpFlag.rst });
    }),
  );
  const seen = collected.records.map((record) => [record.event, record.event === 'fail' && record.error]);
  assert.deepEqual(seen, [['fail', 'ECANCELED']]);
  assertComplete(collected);
});
