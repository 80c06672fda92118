/** Compares records with what the load generator says it did: all of it, and nothing else. */
import assert from 'node:assert/strict';
import type { CloseRecord, ConnectionRecord, TraceRecord } from '../../src/index.js';
import type { End, LoadReport } from './load.js';

type Socket = ConnectionRecord;
type Cause = CloseRecord['closed_by'];

/** The side that ended the connection, as seen from each end, by the generator's `--closer`. */
const causes: Readonly<Record<string, { client: readonly Cause[]; server: readonly Cause[] }>> = {
  client: { client: ['local'], server: ['peer'] },
  server: { client: ['peer'], server: ['local'] },
  'half-client': { client: ['local'], server: ['peer'] },
  'half-server': { client: ['peer'], server: ['local'] },
  simultaneous: { client: ['local', 'peer'], server: ['local', 'peer'] },
  'reset-client': { client: ['local'], server: ['reset'] },
  'reset-server': { client: ['reset'], server: ['local'] },
  'client-unread': { client: ['local'], server: ['reset'] },
  'server-unread': { client: ['reset'], server: ['local'] },
};

export interface Expectation {
  readonly netns: number;
  /** Default: as the addresses are. */
  readonly type?: 'ipv4' | 'ipv6';
  /** How accepts are attributed. Default `accept`. */
  readonly accounted?: 'accept' | 'listener';
}

const key = (local: { address: string; port: number }, peer: { address: string; port: number }): string =>
  `${local.address} ${local.port} ${peer.address} ${peer.port}`;

/**
 * Records by the end they are about, and there by connection, in the order of time: the same two ends may be connected
 * again once the side that keeps them in TIME_WAIT allows it.
 */
function byEnd(records: readonly TraceRecord[]): Map<string, Socket[][]> {
  const ends = new Map<string, Map<string, Socket[]>>();
  for (const record of records) {
    assert.ok(isConnection(record), JSON.stringify(record));
    const socket = record;
    const place = key(socket.local, socket.peer);
    const flows = ends.get(place) ?? new Map<string, Socket[]>();
    ends.set(place, flows);
    const flow = flows.get(socket.flow_id) ?? [];
    flows.set(socket.flow_id, flow);
    flow.push(socket);
  }
  return new Map([...ends].map(([place, flows]) => [place, [...flows.values()]]));
}

export function isConnection(record: TraceRecord): record is ConnectionRecord {
  return record.event !== 'lost' && record.event !== 'fd_install' && record.event !== 'udp_flow';
}

/** Each pair gives connect and close on one side, accept and close on the other. */
export function assertPairs(
  records: readonly TraceRecord[],
  pairs: readonly LoadReport[],
  expected: Expectation,
): void {
  const ends = byEnd(records);
  for (const pair of pairs.toSorted((a, b) => a.connecting_ns - b.connecting_ns)) {
    const clientFlow = ends.get(key(pair.client, pair.server))?.shift() ?? [];
    const serverFlow = ends.get(key(pair.server, pair.client))?.shift() ?? [];
    try {
      assertPair(pair, clientFlow, serverFlow, expected);
    } catch (error) {
      // Only then, for telling what was seen takes longer than looking at it.
      const seen = JSON.stringify({ pair, clientFlow, serverFlow }, null, 1);
      throw new Error(`${(error as Error).message}\n${seen}`, { cause: error });
    }
  }
  assert.equal(records.length, 4 * pairs.length, 'number of records');
}

function assertPair(
  pair: LoadReport,
  clientFlow: readonly Socket[],
  serverFlow: readonly Socket[],
  expected: Expectation,
): void {
  const { client, server } = pair;
  const [connect, clientClose, ...clientRest] = clientFlow;
  const [accept, serverClose, ...serverRest] = serverFlow;
  assert.equal(clientRest.length + serverRest.length, 0, 'more records than expected');
  assert.ok(connect?.event === 'connect' && clientClose?.event === 'close');
  assert.ok(accept?.event === 'accept' && serverClose?.event === 'close');
  const byListener = expected.accounted === 'listener';
  assertCommon(connect, client, 'outbound', expected);
  assertCommon(clientClose, client, 'outbound', expected);
  assertCommon(accept, server, 'inbound', expected, byListener);
  assertCommon(serverClose, server, 'inbound', expected, byListener);
  assert.equal(accept.accounted, expected.accounted ?? 'accept');
  assert.ok(connect.handshake_us !== undefined);
  assert.ok(connect.handshake_us <= (clientClose.duration_us ?? -1));
  assert.ok(connect.monotonic_ns >= pair.connecting_ns);
  if (pair.connected_ns !== undefined) assert.ok(connect.monotonic_ns <= pair.connected_ns);
  if (pair.accepted_ns !== undefined) assert.ok(accept.monotonic_ns <= pair.accepted_ns);
  assertBytes(clientClose, pair.bytes_client_to_server, pair.bytes_server_to_client);
  assertBytes(serverClose, pair.bytes_server_to_client, pair.bytes_client_to_server);
  const cause = causes[pair.closer ?? ''];
  if (cause === undefined) return;
  assert.ok(cause.client.includes(clientClose.closed_by), "client's closed_by");
  assert.ok(cause.server.includes(serverClose.closed_by), "server's closed_by");
}

function assertBytes(close: CloseRecord, sent: number, received: number): void {
  assert.equal(close.bytes_sent, sent, 'bytes sent');
  assert.equal(close.bytes_received, received, 'bytes received');
  assert.ok((close.segments_sent ?? 0) >= 1 && (close.segments_received ?? 0) >= 1);
}

function assertCommon(
  record: Socket,
  end: End,
  direction: 'inbound' | 'outbound',
  expected: Expectation,
  anyThread = false,
): void {
  assert.equal(record.process?.pid, end.pid);
  if (!anyThread) assert.equal(record.process?.tid, end.tid);
  assert.equal(record.direction, direction);
  assert.equal(record.netns, expected.netns);
  assertNetwork(record, expected);
}

/** Much cheaper than a comparison of objects, over thousands of records. */
function assertNetwork({ network, peer }: Socket, { type }: Expectation): void {
  assert.equal(network.transport, 'tcp');
  assert.equal(network.type, type ?? (peer.address.includes(':') ? 'ipv6' : 'ipv4'));
}

/** Each attempt gives one `fail`, with the errno that the process got. */
export function assertFailures(
  records: readonly TraceRecord[],
  attempts: readonly LoadReport[],
  expected: Expectation,
): void {
  assert.equal(records.length, attempts.length, 'number of records');
  // An attempt's own port is not known afterwards, so they are distinguished by thread and time.
  const fails = [...records].sort((a, b) => a.monotonic_ns - b.monotonic_ns);
  const wanted = new Map<string, number>();
  for (const { client, peer, error, given_up } of attempts) {
    const place = `${client.pid} ${client.tid} ${peer?.address} ${peer?.port} ${given_up ? 'ECANCELED' : error}`;
    wanted.set(place, (wanted.get(place) ?? 0) + 1);
  }
  for (const record of fails) {
    assert.ok(record.event === 'fail');
    const { process, peer } = record;
    const place = `${process?.pid} ${process?.tid} ${peer.address} ${peer.port} ${record.error}`;
    const left = wanted.get(place) ?? 0;
    if (left === 0)
      assert.fail(`not wanted: ${JSON.stringify(record)}\nleft: ${JSON.stringify([...wanted])}`);
    wanted.set(place, left - 1);
    assert.equal(record.netns, expected.netns);
    assert.equal(record.direction, 'outbound');
    assertNetwork(record, expected);
  }
}
