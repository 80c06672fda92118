import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { absent, known, present, unknown } from '@weir/ebpf/sys';
import { cgroupMounts, findCgroupRoot, planUdp, type UdpFeatures } from '../src/sockets/index.js';
import { WallClock } from '../src/stream/clock.js';
import { udpFlowRecord } from '../src/stream/udp-record.js';

const denied = unknown('needs CAP_SYS_ADMIN', { missing: ['CAP_SYS_ADMIN'] });

const all: UdpFeatures = {
  rawTracepoint: present,
  fentry: present,
  kprobe: present,
  preemptible: false,
  packetTypes: true,
  probeFunction: () => present,
  hasTypedFunction: () => true,
  cgroupRoot: '/sys/fs/cgroup',
  sockRelease: true,
  cgroupPrograms: present,
};

describe('the choice of hooks for UDP', () => {
  it('takes the best mechanism that the kernel has', () => {
    assert.equal(planUdp(all).mechanism, 'fentry');
    assert.equal(planUdp({ ...all, preemptible: true }).mechanism, 'kprobe');
    assert.equal(planUdp({ ...all, fentry: absent }).mechanism, 'kprobe');
    assert.equal(planUdp({ ...all, fentry: absent, kprobe: absent }).mechanism, 'cgroup');
    assert.equal(planUdp({ ...all, fentry: absent, kprobe: denied }).mechanism, 'cgroup');
    assert.equal(planUdp({ ...all, fentry: absent, packetTypes: false }).mechanism, 'cgroup');
    assert.equal(planUdp(all).choice.consequence, undefined);
  });

  it('names what is missing, and the consequence', () => {
    const without = (name: string) => (candidate: string) => candidate !== name;
    const inlined = planUdp({
      ...all,
      hasTypedFunction: without('skb_consume_udp'),
      probeFunction: (name) => known(name !== 'skb_consume_udp'),
    });
    assert.equal(inlined.mechanism, 'cgroup');
    assert.deepEqual(
      inlined.choice.candidates.map(({ name, reason }) => `${name}: ${reason}`),
      [
        'fentry:skb_consume_udp: this kernel has no function skb_consume_udp',
        'kprobe:skb_consume_udp: this kernel has no function skb_consume_udp',
        'cgroup_skb: packets can be seen at /sys/fs/cgroup',
      ],
    );
    assert.match(inlined.choice.consequence ?? '', /whether it is read or not/);
    // A kernel without IPv6 has nothing to miss.
    assert.equal(planUdp({ ...all, hasTypedFunction: without('udpv6_sendmsg') }).mechanism, 'fentry');
    const none = planUdp({ ...all, fentry: absent, kprobe: absent, cgroupRoot: undefined });
    assert.equal(none.mechanism, undefined);
    assert.equal(none.choice.chosen, undefined);
    assert.equal(none.choice.consequence, 'UDP cannot be counted');
    assert.equal(
      planUdp({ ...all, fentry: absent, kprobe: absent, sockRelease: false }).mechanism,
      undefined,
    );
  });

  it('a way that this process may not use is not called missing', () => {
    const limited = planUdp({ ...all, fentry: denied });
    assert.equal(limited.mechanism, 'kprobe');
    assert.equal(limited.choice.candidates[0]?.state, 'unknown');
    const nothing = { rawTracepoint: denied, fentry: denied, kprobe: denied };
    for (const cgroupPrograms of [present, denied]) {
      const { mechanism, choice } = planUdp({ ...all, ...nothing, cgroupPrograms });
      assert.deepEqual(
        [mechanism, choice.chosen, choice.undecided, choice.consequence],
        [undefined, undefined, 'needs CAP_SYS_ADMIN', undefined],
      );
    }
  });

  it('says what the packets of a container’s own cgroups leave out', () => {
    const packets = { ...all, fentry: absent, kprobe: absent };
    assert.equal(planUdp(packets).choice.partial, undefined);
    assert.match(
      planUdp({ ...packets, cgroupIsPart: true }).choice.partial?.what ?? '',
      /only for processes/,
    );
    assert.equal(planUdp({ ...all, cgroupIsPart: true }).choice.partial, undefined, 'functions see all');
  });
});

describe('the root of cgroup v2', () => {
  const v1 = '30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n';
  const unified = '31 25 0:27 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n';

  function find(mounts: Record<string, string>, inodes: Record<string, number | undefined>) {
    return findCgroupRoot({
      pids: () => Object.keys(mounts).filter((pid) => pid !== 'self'),
      mounts: (pid) => mounts[pid],
      inode: (path) => inodes[path],
    });
  }

  it('is found in the mounts, alone or beside v1', () => {
    const paths = (mountinfo: string) => cgroupMounts(mountinfo).map(({ root, path }) => `${root} ${path}`);
    assert.deepEqual(paths(v1 + unified), ['/ /sys/fs/cgroup/unified']);
    assert.deepEqual(paths('31 25 0:27 / /a\\040b rw - cgroup2 none rw'), ['/ /a b']);
    assert.deepEqual(paths(v1), []);
    const path = '/sys/fs/cgroup/unified';
    assert.deepEqual(find({ self: v1 + unified }, { [path]: 1 }), { path, isPart: false });
    assert.equal(find({ self: v1 }, {}), undefined);
    assert.equal(find({ self: '31 25 0:27 /sub /mnt rw - cgroup2 none rw' }, { '/mnt': 9 }), undefined);
  });

  it('is the host’s, where another mount or another process shows it', () => {
    const own = '31 25 0:27 / /sys/fs/cgroup rw - cgroup2 none rw\n';
    const shared = '32 25 0:27 /../.. /host/cgroup rw - cgroup2 none rw\n';
    const inodes = { '/sys/fs/cgroup': 77, '/host/cgroup': 1, '/proc/1/root/sys/fs/cgroup': 1 };
    assert.deepEqual(find({ self: own + shared }, inodes), { path: '/host/cgroup', isPart: false });
    assert.deepEqual(find({ self: own, 1: own }, inodes), {
      path: '/proc/1/root/sys/fs/cgroup',
      isPart: false,
    });
    const second = { ...inodes, '/proc/1/root/sys/fs/cgroup': undefined, '/proc/3/root/sys/fs/cgroup': 1 };
    assert.equal(find({ self: own, 1: own, 3: own }, second)?.path, '/proc/3/root/sys/fs/cgroup');
    assert.deepEqual(find({ self: own, 2: own }, inodes), { path: '/sys/fs/cgroup', isPart: true });
  });
});

describe('the record of a UDP flow', () => {
  const flow = {
    flow_id: '00000000000000a.1',
    netns: 0,
    local: { address: '::1', port: 53 },
    peer: { address: '::1', port: 4000 },
    started_ns: 1_000_000,
    active_ns: 3_500_000,
    bytes_sent: 1,
    bytes_received: 2,
    datagrams_sent: 3,
    datagrams_received: 4,
  };
  const clock = new WallClock(0n);

  it('leaves out what is unknown', () => {
    assert.deepEqual(udpFlowRecord({ flow, closed_by: 'idle' }, clock, 33_500_000), {
      event: 'udp_flow',
      time: '1970-01-01T00:00:00.033500000Z',
      monotonic_ns: 33_500_000,
      network: { transport: 'udp', type: 'ipv6' },
      local: { address: '::1', port: 53 },
      peer: { address: '::1', port: 4000 },
      flow_id: '00000000000000a.1',
      duration_us: 2500,
      bytes_sent: 1,
      bytes_received: 2,
      datagrams_sent: 3,
      datagrams_received: 4,
      closed_by: 'idle',
      idle_us: 30_000,
    });
  });

  it('has all known values', () => {
    const known = {
      ...flow,
      netns: 7,
      cgroup_id: 8,
      direction: 'inbound' as const,
      process: { pid: 9, comm: 'x' },
    };
    const record = udpFlowRecord({ flow: known, closed_by: 'local' }, clock, 4_000_000);
    const { netns, cgroup_id, direction, process, duration_us } = record;
    assert.deepEqual(
      { netns, cgroup_id, direction, process, duration_us },
      { netns: 7, cgroup_id: 8, direction: 'inbound', process: { pid: 9, comm: 'x' }, duration_us: 2500 },
    );
  });
});
