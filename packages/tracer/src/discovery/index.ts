/**
 * Finds the offsets of the fields that the tracer reads, without the kernel's types: sockets with known contents are copied
 * out of the kernel as a whole, and searched for these contents. docs/discovery.md explains how.
 */
import type { Btf, FeatureTable } from '@weir/ebpf';
import { type CapabilityName, missingCapabilities } from '@weir/ebpf/sys';
import { type BoundProbeSocket, Experiment } from './experiment.js';
import { type DiscoveredField, knownFields, type MissingField } from './fields.js';
import { followPointers } from './follow-pointers.js';
import {
  connectToKnownPeer,
  flagPatterns,
  giveUpConnect,
  makeFullListener,
  makeProbeSocket,
  makeUnboundProbeSocket,
  setKnownDevices,
  setKnownFlags,
} from './known-values.js';
import { inFreshNamespace, namespaceInode } from './namespace.js';
import type { Observations } from './observations.js';
import { combine, needsAnotherPass, type Pass } from './passes.js';
import { setKnownSequences } from './repair.js';
import { Snapshots } from './snapshot.js';
import { AddressFamily, SocketOption, SocketPool } from './sockets.js';
import { type Solution, solve } from './solve.js';
import { followLeaders, observeThreads } from './threads.js';
import { makeKnownFlight, makeKnownTraffic, SEGMENT } from './traffic.js';
import { toBtf } from './types.js';

export type { DiscoveredField, Field, FieldName, Method, MissingField } from './fields.js';

export interface Discovery {
  readonly fields: readonly DiscoveredField[];
  readonly missing: readonly MissingField[];
  /** Capabilities that this process lacks and with which more might be found; empty if nothing is missing. */
  readonly lacked: readonly CapabilityName[];
  /** Whether more might be found the next time: experiments were disturbed, or failed for reasons of the moment. */
  readonly disturbed: boolean;
  /** How often all experiments were made: more than once if something was missing the first time. */
  readonly passes: number;
  /** The number of sockets that were created: at most 16 a pass. */
  readonly sockets: number;
  readonly durationMs: number;
  /** The fields that were found as types, for CO-RE relocations. */
  toBtf(): Btf;
}

export interface DiscoveryOptions {
  /** Features of the kernel. Default: those that are probed. */
  readonly features?: FeatureTable;
  /** How often all experiments are made at most, where something is missing. Default: 3. */
  readonly maxPasses?: number;
  /** Receives all observations of each pass, for instance to record them. */
  readonly onObservations?: (observations: Observations) => void;
}

/** What load or chance kept from being found once is found by the second or the third pass. */
const MAX_PASSES = 3;

/** Capabilities that some experiments take. */
const usefulCapabilities: readonly CapabilityName[] = ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN', 'CAP_NET_RAW'];

/**
 * Discovers the kernel's layout. It is synchronous, because it belongs to one thread; it takes about 100 ms and leaves nothing
 * behind. If a field is missing, all is done again, up to twice. A field that is not found, or cannot be distinguished from another place, is reported as missing.
 *
 * Needs the tracepoint inet_sock_set_state (4.16) and raw tracepoints (4.17); CAP_SYS_ADMIN, or CAP_BPF and
 * CAP_PERFMON. Sequence numbers need CAP_NET_ADMIN as well, `sk_err_soft` CAP_NET_RAW. Without CAP_SYS_ADMIN it works in
 * the network namespace it is called in, where a loopback device that is down or a firewall can be in its way.
 *
 * @throws the errors of `Collection.load` and SyscallError, if the program cannot be loaded or attached.
 */
export function discover(options: DiscoveryOptions = {}): Discovery {
  const start = performance.now();
  using snapshots = new Snapshots(options.features);
  const passes: Pass[] = [];
  do passes.push(runPass(snapshots, options));
  while (passes.length < (options.maxPasses ?? MAX_PASSES) && needsAnotherPass(passes));
  const { found: fields, missing, disturbed } = combine(passes);
  return {
    fields,
    missing,
    lacked: missing.length > 0 ? missingCapabilities(usefulCapabilities) : [],
    disturbed,
    passes: passes.length,
    sockets: passes.reduce((sum, { sockets }) => sum + sockets, 0),
    durationMs: performance.now() - start,
    toBtf: () => toBtf(fields),
  };
}

/** All experiments, with sockets and values of their own. */
function runPass(snapshots: Snapshots, { onObservations }: DiscoveryOptions): Pass {
  using sockets = new SocketPool();
  const experiment = new Experiment(snapshots, sockets);
  runExperiments(experiment);
  onObservations?.(experiment);
  const { failures, transient, disturbed } = experiment;
  return { ...pick(solve(experiment)), failures, transient, disturbed, sockets: sockets.count };
}

function pick({ found, missing, contradicted }: Solution): Solution {
  return { found, missing, contradicted };
}

/** Runs all experiments. One that fails only lacks its own observations. */
function runExperiments(experiment: Experiment): void {
  experiment.attempt('a socket in the present network namespace', () => {
    const probe = makeUnboundProbeSocket(experiment);
    followPointers(experiment, probe, namespaceInode());
    experiment.attempt('devices', () => setKnownDevices(experiment, probe), 'CAP_NET_RAW');
    observeThreads(experiment, probe);
  });
  inFreshNamespace(experiment.sockets, (fresh) => {
    let connected: Connected | undefined;
    experiment.attempt('IPv4', () => {
      connected = runIpv4Experiments(experiment, fresh);
    });
    experiment.attempt('IPv6', () => {
      const probe = makeProbeSocket(experiment, AddressFamily.ipv6);
      for (let count = 0; count < 3; count++) connectToKnownPeer(experiment, probe);
    });
    experiment.attempt(
      'sequence numbers',
      () => setKnownSequences(experiment, makeProbeSocket(experiment, AddressFamily.ipv4)),
      'CAP_NET_ADMIN',
    );
    experiment.attempt(
      'more traffic',
      () => {
        if (connected !== undefined && lacksCounters(experiment)) makeMoreTraffic(experiment, connected);
      },
      'CAP_NET_ADMIN',
    );
  });
}

/** Sockets that had connections, and could have more. */
interface Connected {
  readonly clients: readonly BoundProbeSocket[];
  readonly listener: BoundProbeSocket;
}

function runIpv4Experiments(experiment: Experiment, fresh: boolean): Connected {
  const clients = [0, 1, 2].map(() => makeProbeSocket(experiment, AddressFamily.ipv4));
  const [first, second] = clients;
  if (fresh) followPointers(experiment, first!, namespaceInode());
  experiment.attempt('threads', () => followLeaders(experiment, first!));
  experiment.attempt('devices', () => setKnownDevices(experiment, second!), 'CAP_NET_RAW');
  setKnownFlags(experiment, first!, flagPatterns(0));
  setKnownFlags(experiment, second!, flagPatterns(1));
  for (const client of clients) connectToKnownPeer(experiment, client);
  const listener = makeProbeSocket(experiment, AddressFamily.ipv4);
  listener.socket.set(SocketOption.maxSegment, SEGMENT);
  listener.socket.listen();
  giveUpConnect(experiment, first!, makeFullListener(experiment));
  makeKnownTraffic(experiment, clients, listener);
  experiment.attempt(
    'segments in flight',
    () => makeKnownFlight(experiment, first!, listener),
    'CAP_NET_ADMIN',
  );
  return { clients, listener };
}

/** Whether more connections could find missing counters. */
function lacksCounters(experiment: Experiment): boolean {
  const { missing } = solve(experiment);
  return knownFields.some(({ struct, field }) => struct === 'tcp_sock' && missing.has(field));
}

/** By chance, two counters can have had the same values all the time. There is room for three more sockets. */
function makeMoreTraffic(experiment: Experiment, { clients, listener }: Connected): void {
  makeKnownTraffic(experiment, clients.slice(0, 2), listener);
  makeKnownFlight(experiment, clients[0]!, listener);
}
