/**
 * Finds out where the running kernel keeps what the tracer reads, without the kernel's help: sockets with known contents
 * are copied out of it whole, and the contents searched for. docs/discovery.md tells how.
 */
import type { Btf, FeatureTable } from '@weir/ebpf';
import { Bench, type BoundSpecimen } from './experiment.js';
import { type DiscoveredField, knownFields, type MissingField } from './fields.js';
import { chasePointers } from './follow-pointers.js';
import {
  flagPatterns,
  plantAbandoned,
  plantConnect,
  plantFlags,
  plantSocket,
  plantUnbound,
} from './known-values.js';
import { inFreshNamespace, namespaceInode } from './namespace.js';
import type { Evidence } from './observations.js';
import { plantSequences } from './repair.js';
import { Snapshots } from './snapshot.js';
import { AddressFamily, SocketOption, SocketPool } from './sockets.js';
import { type Solution, solve } from './solve.js';
import { plantFlight, plantTraffic, SEGMENT } from './traffic.js';
import { toBtf } from './types.js';

export type { DiscoveredField, Field, FieldName, Method, MissingField } from './fields.js';

export interface Discovery {
  readonly fields: readonly DiscoveredField[];
  readonly missing: readonly MissingField[];
  /** How many sockets were made: at most 16. */
  readonly sockets: number;
  readonly durationMs: number;
  /** What was found as types, for CO-RE relocations. */
  toBtf(): Btf;
}

export interface DiscoveryOptions {
  /** What the kernel is taken to offer. Default: what it does. */
  readonly features?: FeatureTable;
  /** Is shown all that was seen, for instance to keep it. */
  readonly onEvidence?: (evidence: Evidence) => void;
}

/**
 * Discovers the kernel's layout. Synchronous, for it belongs to one thread; takes about 100 ms and leaves nothing behind.
 * What is not found, or cannot be told from something else, is reported as missing.
 *
 * Needs the tracepoint inet_sock_set_state (4.16) and raw tracepoints (4.17); CAP_SYS_ADMIN, or CAP_BPF and
 * CAP_PERFMON. Sequence numbers need CAP_NET_ADMIN as well, `sk_err_soft` CAP_NET_RAW. Without CAP_SYS_ADMIN it works in
 * the network namespace it is called in, where a loopback device that is down or a firewall can be in its way.
 *
 * @throws the errors of `Collection.load` and SyscallError, if the program cannot be loaded or attached.
 */
export function discover(options: DiscoveryOptions = {}): Discovery {
  const start = performance.now();
  using sockets = new SocketPool();
  using snapshots = new Snapshots(options.features);
  const bench = new Bench(snapshots, sockets);
  experiment(bench);
  options.onEvidence?.(bench);
  const solution = solve(bench);
  const fields = inOrder(solution);
  return {
    fields,
    missing: [...solution.missing].map(([field, why]) => ({
      field,
      why: bench.failures.length > 0 ? `${why} (${bench.failures.join('; ')})` : why,
    })),
    sockets: sockets.count,
    durationMs: performance.now() - start,
    toBtf: () => toBtf(fields),
  };
}

function inOrder({ found }: Solution): DiscoveredField[] {
  return knownFields.flatMap(({ field }) => found.filter((candidate) => candidate.field === field));
}

/** All experiments. What one of them cannot do here only takes away what it would have shown. */
function experiment(bench: Bench): void {
  bench.attempt('a socket in the present network namespace', () => {
    chasePointers(bench, plantUnbound(bench), namespaceInode());
  });
  inFreshNamespace(bench.sockets, (fresh) => {
    let connected: Connected | undefined;
    bench.attempt('IPv4', () => {
      connected = experimentIpv4(bench, fresh);
    });
    bench.attempt('IPv6', () => {
      const specimen = plantSocket(bench, AddressFamily.ipv6);
      for (let count = 0; count < 3; count++) plantConnect(bench, specimen);
    });
    bench.attempt('sequence numbers', () => plantSequences(bench, plantSocket(bench, AddressFamily.ipv4)));
    bench.attempt('more traffic', () => {
      if (connected !== undefined && lacksCounters(bench)) plantMoreTraffic(bench, connected);
    });
  });
}

/** Sockets that had connections, and could have more. */
interface Connected {
  readonly clients: readonly BoundSpecimen[];
  readonly listener: BoundSpecimen;
}

function experimentIpv4(bench: Bench, fresh: boolean): Connected {
  const clients = [0, 1, 2].map(() => plantSocket(bench, AddressFamily.ipv4));
  const [first, second] = clients;
  if (fresh) chasePointers(bench, first!, namespaceInode());
  plantFlags(bench, first!, flagPatterns(0));
  plantFlags(bench, second!, flagPatterns(1));
  for (const client of clients) plantConnect(bench, client);
  const listener = plantSocket(bench, AddressFamily.ipv4);
  listener.socket.set(SocketOption.maxSegment, SEGMENT);
  listener.socket.listen();
  listener.socket.playDeaf();
  plantAbandoned(bench, first!, listener.local);
  listener.socket.hearAgain();
  plantTraffic(bench, clients, listener);
  plantFlight(bench, first!, listener);
  return { clients, listener };
}

/** Whether it is worth while to look at more connections. */
function lacksCounters(bench: Bench): boolean {
  const { missing } = solve(bench);
  return knownFields.some(({ struct, field }) => struct === 'tcp_sock' && missing.has(field));
}

/** By chance, two counters can have had the same values all the time. There is room for three more sockets. */
function plantMoreTraffic(bench: Bench, { clients, listener }: Connected): void {
  plantTraffic(bench, clients.slice(0, 2), listener);
  plantFlight(bench, clients[0]!, listener);
}
