/** Counting UDP in a network namespace of its own, by each set of hooks that the running kernel offers. */
import assert from 'node:assert/strict';
import { absent, withNetns } from '@weir/ebpf/sys';
import {
  planUdp,
  readUdpFeatures,
  UdpCounter,
  type UdpFlow,
  type UdpMechanism,
} from '../../src/sockets/index.js';
import { targetTypes } from '../../src/types/target.js';
import { TestNetns } from './netns.js';

export const { btf, source } = targetTypes(undefined);
const kernel = readUdpFeatures(btf);

export const mechanisms: readonly UdpMechanism[] = (['fentry', 'kprobe', 'cgroup'] as const).filter(
  (mechanism) => {
    const only = {
      ...kernel,
      fentry: mechanism === 'fentry' ? kernel.fentry : absent,
      kprobe: mechanism === 'kprobe' ? kernel.kprobe : absent,
    };
    const { mechanism: found } = planUdp(only);
    return found === mechanism;
  },
);

/**
 * Where a process can be preempted in the middle of a program, the kernel skips that program for others meanwhile: this set
 * is not what planUdp() would choose there, and datagrams between processes are not all counted.
 */
export const mayMiss = (mechanism: UdpMechanism) => mechanism === 'fentry' && kernel.preemptible;

/** Discovered types do not show a packet hook the network namespace in which a socket is created. */
export const tellsNetns = (mechanism: UdpMechanism) => mechanism !== 'cgroup' || source === 'kernel';

export const makeCounter = (mechanism: UdpMechanism) => new UdpCounter({ mechanism, btf });

/** A flow in a line. */
export const show = ({ local, peer, direction, ...flow }: UdpFlow) =>
  `${direction} ${local.address}:${local.port} ${peer.address}:${peer.port} ${showCounts(flow)}`;

export const showCounts = (
  flow: Pick<UdpFlow, 'datagrams_sent' | 'bytes_sent' | 'datagrams_received' | 'bytes_received'>,
) =>
  `sent ${flow.datagrams_sent}/${flow.bytes_sent} received ${flow.datagrams_received}/${flow.bytes_received}`;

/** Without ends, whose ports are chance: the direction and the counts. */
export const showWithoutEnds = (flow: UdpFlow) => show(flow).replace(/\S+:\d+ /g, '');

/** The flows that `body` made in a network namespace of its own: live ones, and those that ended with their sockets. */
export function countFlows(mechanism: UdpMechanism, counter: UdpCounter, body: (netns: TestNetns) => void) {
  using netns = new TestNetns();
  withNetns(`/run/netns/${netns.name}`, () => body(netns));
  const collection = counter.collect();
  assert.equal(counter.missedRuns, 0);
  const inode = tellsNetns(mechanism) ? netns.inode : 0;
  const live = collection.live.filter((flow) => flow.netns === inode);
  const ended = collection.ended.filter(({ flow }) => flow.netns === inode);
  for (const flow of [...live, ...ended.map((end) => end.flow)]) {
    assert.equal(flow.process?.pid, process.pid);
    assert.ok(flow.started_ns <= flow.active_ns);
  }
  return { live, ended, lost: collection.lost };
}
