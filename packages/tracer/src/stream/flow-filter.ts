/** The tracer's filter in user space, for UDP flows, all of which the kernel counts. Pure. */

import { isWithin, parseMappedPrefix } from '@weir/ebpf/address';
import type { PortRange, TraceFilter } from '../options.js';
import type { Endpoint } from '../records/record.js';
import type { UdpFlow } from '../sockets/index.js';

type EndTest = (end: Endpoint) => boolean;

/**
 * Whether a flow passes, as a TCP connection with the same process and ends does in the kernel. An unknown property passes
 * no filter on it.
 *
 * @param isMeant Whether a pid was that of the process which the filter means, at a moment on CLOCK_MONOTONIC, nanoseconds.
 * @throws OptionError for text that is no address.
 */
export function flowFilter(
  filter: TraceFilter,
  isMeant: (pid: number, atNs: number) => boolean = () => true,
): (flow: UdpFlow) => boolean {
  const tests: ((flow: UdpFlow) => boolean)[] = [];
  const add = <T>(
    values: readonly T[] | undefined,
    test: (values: ReadonlySet<T>) => (flow: UdpFlow) => boolean,
  ) => {
    if (values !== undefined && values.length > 0) tests.push(test(new Set(values)));
  };
  add(
    filter.pids,
    (pids) =>
      ({ process, process_ns, started_ns }) =>
        process !== undefined && pids.has(process.pid) && isMeant(process.pid, process_ns ?? started_ns),
  );
  add(
    filter.comms,
    (comms) =>
      ({ process }) =>
        process?.comm !== undefined && comms.has(process.comm),
  );
  add(
    filter.uids,
    (uids) =>
      ({ process }) =>
        process?.uid !== undefined && uids.has(process.uid),
  );
  add(
    filter.cgroupIds,
    (ids) =>
      ({ cgroup_id }) =>
        cgroup_id !== undefined && ids.has(cgroup_id),
  );
  add(
    filter.netns,
    (inodes) =>
      ({ netns }) =>
        inodes.has(netns),
  );
  const { direction } = filter;
  if (direction !== undefined) tests.push((flow) => flow.direction === direction);
  for (const [test, sides] of [
    [ofPorts(filter.ports), ['local', 'peer']],
    [ofPorts(filter.localPorts), ['local']],
    [ofPorts(filter.peerPorts), ['peer']],
    [ofAddresses(filter.addresses), ['local', 'peer']],
    [ofAddresses(filter.localAddresses), ['local']],
    [ofAddresses(filter.peerAddresses), ['peer']],
  ] as const) {
    if (test !== undefined) tests.push((flow) => sides.some((side) => test(flow[side])));
  }
  return (flow) => tests.every((test) => test(flow));
}

function ofPorts(ranges: readonly PortRange[] = []): EndTest | undefined {
  if (ranges.length === 0) return undefined;
  return ({ port }) => ranges.some(({ from, to }) => from <= port && port <= to);
}

function ofAddresses(texts: readonly string[] = []): EndTest | undefined {
  if (texts.length === 0) return undefined;
  const prefixes = texts.map(parseMappedPrefix);
  return ({ address }) => {
    const one = parseMappedPrefix(address);
    return prefixes.some((prefix) => isWithin(one, prefix));
  };
}
