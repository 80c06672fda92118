/**
 * Verifies that types describe the running kernel: the production programs, loaded with them, watch connections whose values
 * are known, and every value has to be right.
 */

import {
  type Btf,
  EbpfError,
  type FeatureTable,
  SyscallError,
  UnknownFeatureError,
  VerifierError,
} from '@weir/ebpf';
import { isInconclusive, readSmallFile, realtimeOffsetNs } from '@weir/ebpf/sys';
import { waitUntil } from '../discovery/experiment.js';
import { inFreshNamespace, namespaceInode } from '../discovery/namespace.js';
import { tcpInfo } from '../discovery/socket-info.js';
import { AddressFamily, type Endpoint, SocketPool, type TestSocket } from '../discovery/sockets.js';
import type { HookPlan } from '../hooks/plan.js';
import { TracerPrograms } from '../hooks/programs.js';
import { randomInt } from '../random.js';
import type { CloseRecord, EstablishedRecord } from '../records/record.js';
import type { TcpInfo } from '../sockets/tcp-info.js';
import { TcpState } from '../sockets/tcp-state.js';
import { WallClock } from '../stream/clock.js';
import { EventDecoder } from '../stream/decode.js';
import { openEventRing, readEvents } from '../stream/event-ring.js';
import { BorrowedName } from '../thread-name.js';

/** What shows that types are not this kernel's. */
export interface Mismatch {
  /** The first value that is wrong, or why the programs cannot be loaded. */
  readonly what: string;
  /** With which the programs cannot be loaded. */
  readonly error?: EbpfError;
}

/** An event that the programs must report. Fields that a record lacks are not checked. */
interface Expected {
  readonly event: string;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly netns: number;
  readonly error?: string;
  readonly end?: { readonly sent: number; readonly received: number; readonly info: TcpInfo };
}

type Reported = EstablishedRecord & { readonly event: string; readonly error?: string };

const RING_BYTES = 1 << 17;
/** A connection's last segments, FIN and its acknowledgement, come after TCP_INFO was asked. */
const LAST_SEGMENTS = 4;
const ARRIVED_WITHIN_MS = 1500;
const REPORTED_WITHIN_MS = 300;
/** No round trip over loopback takes longer. */
const MAX_SRTT_US = 10_000_000;

/** The smallest plan that runs on every kernel and uses every field. */
const plan: HookPlan = {
  lifeCycle: 'raw_tracepoint',
  nestedFallback: true,
  accept: 'listener',
  connectErrors: [],
  existingSockets: false,
  closedFlows: false,
  fds: [],
};

/** Whether programs were refused for the privileges or the luck of this process, whatever the types are. */
function saysNothing(error: EbpfError): boolean {
  if (error instanceof UnknownFeatureError) return true;
  return error instanceof SyscallError && !(error instanceof VerifierError) && isInconclusive(error.errno);
}

/**
 * Makes connections over loopback, watches them, compares; a second time if something is wrong, because load can delay a
 * segment, and wrong types cannot pass by chance.
 *
 * @returns undefined if all are right.
 * @throws SyscallError where no programs can be loaded or no connections made.
 */
export function findMismatch(btf: Btf, features?: FeatureTable): Mismatch | undefined {
  return findMismatchOnce(btf, features) && findMismatchOnce(btf, features);
}

function findMismatchOnce(btf: Btf, features: FeatureTable | undefined): Mismatch | undefined {
  using name = new BorrowedName();
  // Filters look at the name of the process, which is that of its first thread.
  const comms = [name.name, readSmallFile('/proc/self/comm')?.trim() ?? name.name];
  const options = { filter: { comms }, ringBytes: RING_BYTES, maxConnections: 64 };
  let programs: TracerPrograms;
  try {
    programs = new TracerPrograms(plan, btf, { ...options, ...(features && { features }) });
  } catch (error) {
    if (!(error instanceof EbpfError) || saysNothing(error)) throw error;
    return { what: `the programs cannot be loaded with them: ${error.message.split('\n')[0]}`, error };
  }
  using _programs = programs;
  using ring = openEventRing(programs.collection.map('events'), RING_BYTES);
  using sockets = new SocketPool();
  const reported: Reported[] = [];
  const decoder = new EventDecoder(new WallClock(realtimeOffsetNs()));
  const read = () => {
    readEvents(ring, (view, offset) => reported.push(decoder.decode(view, offset) as Reported));
  };
  return inFreshNamespace(sockets, () => {
    programs.attach(plan);
    try {
      const expected = makeConnections(sockets);
      let mismatch: string | undefined;
      const matches = () => {
        read();
        mismatch = firstMismatch(expected, reported);
        return mismatch === undefined;
      };
      waitUntil(matches, REPORTED_WITHIN_MS);
      return mismatch === undefined ? undefined : { what: mismatch };
    } finally {
      programs.detach();
    }
  });
}

function firstMismatch(expected: readonly Expected[], reported: readonly Reported[]): string | undefined {
  for (const event of expected) {
    const mismatch = compare(event, reported);
    if (mismatch !== undefined) return mismatch;
  }
  return differingIds(reported);
}

/** The connection id is the same on all records of both ends. */
function differingIds(reported: readonly Reported[]): string | undefined {
  const ids = new Map<string, string | undefined>();
  for (const { event, local, peer, connection_id } of reported) {
    if (event === 'fail') continue;
    const ends = [local, peer].map(({ address, port }) => `${address}:${port}`).sort();
    const key = ends.join(' and ');
    if (ids.has(key) && ids.get(key) !== connection_id)
      return `${event} of ${key}: connection id ${connection_id} instead of ${ids.get(key)}`;
    ids.set(key, connection_id);
  }
  return undefined;
}

function makeConnections(sockets: SocketPool): Expected[] {
  const netns = namespaceInode() ?? 0;
  const expected: Expected[] = [];
  const families = [AddressFamily.ipv4, ...(hasIpv6(sockets) ? [AddressFamily.ipv6] : [])];
  for (const family of families) {
    const server = randomEnd();
    const client = randomEnd();
    const listener = sockets.tcp(family);
    listener.bind(server);
    listener.listen();
    expected.push(...exchange(sockets, listener, client, server, netns));
    listener[Symbol.dispose]();
    const refused = sockets.tcp(family);
    const refusedEnd = randomEnd();
    refused.bind(refusedEnd);
    refused.connect(server);
    waitUntil(() => tcpInfo(refused).state === TcpState.close, ARRIVED_WITHIN_MS);
    refused[Symbol.dispose]();
    expected.push({ event: 'fail', local: refusedEnd, peer: server, netns, error: 'ECONNREFUSED' });
  }
  return expected;
}

function exchange(
  sockets: SocketPool,
  listener: TestSocket,
  client: Endpoint,
  server: Endpoint,
  netns: number,
): Expected[] {
  const [request, reply] = [randomInt(1000, 4000), randomInt(4000, 9000)];
  const near = sockets.tcp(listener.family);
  near.bind(client);
  near.connect(server);
  let far: TestSocket | undefined;
  const accepted = () => {
    far ??= sockets.accept(listener);
    return far !== undefined && tcpInfo(near).state === TcpState.established;
  };
  waitUntil(accepted, ARRIVED_WITHIN_MS);
  if (far === undefined) throw new EbpfError('a connection over loopback did not come about');
  near.send(request);
  receive(far, request);
  far.send(reply);
  receive(near, reply);
  const nearInfo = tcpInfo(near);
  const farInfo = tcpInfo(far);
  near[Symbol.dispose]();
  far[Symbol.dispose]();
  const outbound = { local: client, peer: server, netns };
  const inbound = { local: server, peer: client, netns };
  return [
    { event: 'connect', ...outbound },
    { event: 'accept', ...inbound },
    { event: 'close', ...outbound, end: { sent: request, received: reply, info: nearInfo } },
    { event: 'close', ...inbound, end: { sent: reply, received: request, info: farInfo } },
  ];
}

/** Under load, another thread may process what arrives. */
function receive(socket: TestSocket, bytes: number): void {
  waitUntil(() => tcpInfo(socket).bytesReceived >= bytes, ARRIVED_WITHIN_MS);
  socket.drain();
}

function hasIpv6(sockets: SocketPool): boolean {
  try {
    sockets.tcp(AddressFamily.ipv6)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

/** An end in 127.0.0.0/8 that nobody else has. */
function randomEnd(): Endpoint {
  return {
    address: ((127 << 24) | randomInt(1 << 16, (1 << 24) - 2)) >>> 0,
    port: randomInt(10_000, 60_000),
  };
}

function formatEnd({ address, port }: Endpoint): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}:${port}`;
}

function compare(expected: Expected, reported: readonly Reported[]): string | undefined {
  const { event, local, peer } = expected;
  const what = `${event} of ${formatEnd(local)} and ${formatEnd(peer)}`;
  const record = reported.find(
    (candidate) =>
      candidate.event === event &&
      `${candidate.local.address}:${candidate.local.port}` === formatEnd(local) &&
      `${candidate.peer.address}:${candidate.peer.port}` === formatEnd(peer),
  );
  if (record === undefined) return `no ${what} was reported`;
  if (record.netns !== expected.netns) {
    return `${what}: network namespace ${record.netns} instead of ${expected.netns}`;
  }
  if (record.network.type !== 'ipv4') return `${what}: ${record.network.type} instead of ipv4`;
  if (expected.error !== undefined && record.error !== expected.error) {
    return `${what}: error ${record.error} instead of ${expected.error}`;
  }
  const wrong = expected.end && wrongCounter(record as unknown as CloseRecord, expected.end);
  return wrong && `${what}: ${wrong}`;
}

function wrongCounter(
  record: CloseRecord,
  { sent, received, info }: NonNullable<Expected['end']>,
): string | undefined {
  const most = (count: number): number => count + LAST_SEGMENTS;
  const ranges = [
    ['bytes_sent', sent, sent],
    ['bytes_received', received, received],
    ['segments_sent', info.segmentsSent, most(info.segmentsSent)],
    ['segments_received', info.segmentsReceived, most(info.segmentsReceived)],
    ['retransmits', info.retransmits, most(info.retransmits)],
    ['srtt_us', 0, MAX_SRTT_US],
  ] as const;
  for (const [name, least, greatest] of ranges) {
    const value = record[name];
    if (value !== undefined && (value < least || value > greatest)) {
      return `${name} ${value}, expected ${least === greatest ? least : `${least} to ${greatest}`}`;
    }
  }
  return undefined;
}
