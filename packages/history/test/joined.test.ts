import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compareEnds, type JoinedConnection, joinEnds } from '../src/joined/index.js';
import type { EndRow, OpenRow } from '../src/schema/index.js';
import { Random } from './support/random-rows.js';
import { HOUR } from './support/store.js';

const SECOND = 1_000_000_000n;

const client: EndRow = {
  ...{ host_id: 1n, time: HOUR + 10n * SECOND, monotonic_ns: 1, flow_ns: 100n, flow_cpu: 0, netns: 5 },
  ...{ connection_id: 77n, transport: 'tcp', family: 'ipv4', direction: 'outbound' },
  ...{ local_address: '10.9.0.2', local_port: 40_000, peer_address: '10.9.0.1', peer_port: 80 },
  ...{ event: 'close', interval_rows: 0, duration_us: 2_000_000 },
};
const server: EndRow = {
  ...{ host_id: 2n, time: HOUR + 10n * SECOND, monotonic_ns: 9, flow_ns: 200n, flow_cpu: 1, netns: 6 },
  ...{ connection_id: 77n, transport: 'tcp', family: 'ipv4', direction: 'inbound' },
  ...{ local_address: '10.8.0.2', local_port: 8080, peer_address: '10.8.0.1', peer_port: 41_000 },
  ...{ event: 'close', interval_rows: 0, duration_us: 1_900_000 },
};

function without<R extends EndRow | OpenRow>(row: R, ...names: readonly string[]): R {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name))) as R;
}

/** The server's end as it is without NAT. */
const plain: EndRow = {
  ...server,
  ...{ local_address: '10.9.0.1', local_port: 80, peer_address: '10.9.0.2', peer_port: 40_000 },
};
const noId = (row: EndRow) => without(row, 'connection_id');

const shown = ({ client: a, server: b, by, others }: JoinedConnection) => [
  a?.host_id,
  b?.host_id,
  by,
  others.length,
];

describe('the ends of connections', () => {
  test('belong together by their number through NAT, in whatever order they come', () => {
    for (const ends of [
      [client, server],
      [server, client],
    ])
      assert.deepEqual(joinEnds(ends).map(shown), [[1n, 2n, 'id', 0]]);
  });

  test('that one of the hosts has twice, as a look and as an end, are there once', () => {
    const { event: _, interval_rows: _rows, duration_us: _duration, ...look } = client;
    const ends = [{ ...look, state: 'established', time: HOUR } as OpenRow, client, server, server];
    const [joined] = joinEnds(ends);
    assert.equal(joined!.client, client);
    assert.deepEqual(shown(joined!), [1n, 2n, 'id', 0]);
  });

  test('on one host are two, in one network namespace or in two', () => {
    const here = { ...plain, host_id: 1n };
    assert.deepEqual(joinEnds([client, { ...here, netns: 5 }]).map(shown), [[1n, 1n, 'id', 0]]);
    assert.deepEqual(joinEnds([noId(client), noId(here)]).map(shown), [[1n, 1n, 'addresses', 0]]);
    const loopback = { local_address: '127.0.0.1', peer_address: '127.0.0.1' };
    const ends = [noId({ ...client, ...loopback }), noId({ ...here, ...loopback })];
    assert.equal(joinEnds(ends).length, 2, 'the loopbacks of two namespaces are two');
    assert.equal(joinEnds(ends.map((end) => ({ ...end, netns: 5 }))).length, 1);
  });

  test('of three with one number are those two whose addresses mirror each other', () => {
    const third = { ...server, host_id: 3n, flow_ns: 300n };
    const [joined] = joinEnds([third, { ...client, flow_ns: 9n }, plain]);
    assert.deepEqual(shown(joined!), [1n, 2n, 'id', 1]);
    assert.equal(joined!.others[0], third);
  });

  test('that both connected, or of which no side was seen, are in one order', () => {
    const both = { ...plain, direction: 'outbound' };
    const unseen = [client, plain].map((end) => without(end, 'direction'));
    for (const [a, b] of [[client, both], unseen]) {
      assert.deepEqual(joinEnds([a!, b!]).map(shown), [[1n, 2n, 'id', 0]]);
      assert.deepEqual(joinEnds([b!, a!]).map(shown), [[1n, 2n, 'id', 0]]);
    }
  });

  test('without a number belong together by mirrored addresses while both are open', () => {
    assert.deepEqual(joinEnds([noId(client), noId(plain)]).map(shown), [[1n, 2n, 'addresses', 0]]);
    assert.deepEqual(joinEnds([client, noId(plain)]).map(shown), [[1n, 2n, 'addresses', 0]]);
    const alone = [
      [1n, undefined, undefined, 0],
      [undefined, 2n, undefined, 0],
    ];
    const later = noId({ ...plain, time: plain.time + 60n * SECOND });
    assert.deepEqual(joinEnds([noId(client), later]).map(shown), alone, 'at another time');
    assert.deepEqual(joinEnds([client, { ...plain, connection_id: 78n }]).map(shown), alone, 'two numbers');
    assert.deepEqual(joinEnds([noId(client), noId(server)]).map(shown), alone, 'other addresses');
    const udp = { ...noId(plain), transport: 'udp' };
    assert.deepEqual(joinEnds([noId(client), udp]).map(shown), alone, 'another protocol');
  });

  test('without a number stay alone where two hosts have the same addresses', () => {
    const twin = { ...noId(plain), host_id: 3n, flow_ns: 300n };
    assert.deepEqual(joinEnds([noId(client), noId(plain), twin]).map(shown), [
      [1n, undefined, undefined, 0],
      [undefined, 2n, undefined, 0],
      [undefined, 3n, undefined, 0],
    ]);
  });

  test('of many connections in any order are each in one', () => {
    const random = new Random(5);
    const ends = Array.from({ length: 300 }, (_, index) => {
      const port = 10_000 + index;
      const pair = [
        { ...client, connection_id: BigInt(index), local_port: port, flow_ns: BigInt(index) },
        { ...plain, connection_id: BigInt(index), peer_port: port, flow_ns: BigInt(index) },
      ];
      return index % 3 === 0 ? pair.map(noId) : index % 3 === 1 ? [pair[0]!, noId(pair[1]!)] : pair;
    }).flat();
    for (let at = ends.length - 1; at > 0; at--) {
      const other = random.below(at + 1);
      [ends[at], ends[other]] = [ends[other]!, ends[at]!];
    }
    const joined = joinEnds(ends);
    assert.equal(joined.length, 300);
    for (const { client: a, server: b } of joined) assert.equal(a!.local_port, b!.peer_port);
  });
});

describe('the comparison of both ends', () => {
  test('says which addresses were rewritten', () => {
    assert.deepEqual(compareEnds(client, server).translations, [
      { of: 'client', part: 'address', own: '10.9.0.2', seen: '10.8.0.1' },
      { of: 'client', part: 'port', own: 40_000, seen: 41_000 },
      { of: 'server', part: 'address', own: '10.8.0.2', seen: '10.9.0.1' },
      { of: 'server', part: 'port', own: 8080, seen: 80 },
    ]);
    assert.deepEqual(compareEnds(client, plain).translations, []);
  });

  test('has bytes that did not arrive, each way, and nothing of what is not known', () => {
    const compared = compareEnds(
      { ...client, bytes_sent: 900, bytes_received: 50, retransmits: 3, srtt_us: 12 },
      { ...server, bytes_sent: 70, bytes_received: 1000, retransmits: 0 },
    );
    assert.deepEqual(compared.to_server, { sent: 900, received: 1000, missing: -100 });
    assert.deepEqual(compared.to_client, { sent: 70, received: 50, missing: 20 });
    assert.deepEqual(compared.retransmits, { client: 3, server: 0 });
    assert.deepEqual(compared.srtt_us, { client: 12 });
    assert.deepEqual(compareEnds(client, server).to_server, {});
  });

  test('says who closed it only where both say the same', () => {
    const closer = (a: string, b: string) =>
      compareEnds({ ...client, closed_by: a }, { ...server, closed_by: b }).closer;
    assert.equal(closer('local', 'peer'), 'client');
    assert.equal(closer('reset', 'local'), 'server');
    assert.equal(closer('abort', 'reset'), 'client');
    assert.equal(closer('local', 'local'), 'both');
    assert.equal(closer('timeout', 'timeout'), undefined);
    assert.equal(closer('peer', 'peer'), undefined);
    assert.equal(compareEnds(client, { ...server, closed_by: 'local' }).closer, undefined);
  });

  test('has bounds of how far the clocks differ, which hold however long anything took', () => {
    const random = new Random(29);
    for (let count = 0; count < 200; count++) {
      const offset = BigInt(random.below(10_000_000)) * 1000n - 5n * SECOND;
      // When the client connected, the server accepted, one of both closed, and each end was over.
      const times = [0, 0, 0, 0, 0].map(() => random.below(3_000_000)).sort((a, b) => a - b);
      const [connected, accepted, closing, over, last] = times.map((us) => BigInt(us) * 1000n) as [
        ...[bigint, bigint, bigint, bigint, bigint],
      ];
      const isClient = random.below(2) === 0;
      const [clientOver, serverOver] = isClient ? [last, over] : [over, last];
      const end = (row: EndRow, begun: bigint, to: bigint, closes: boolean, clock: bigint): EndRow => ({
        ...row,
        time: HOUR + to + clock,
        duration_us: Number(to - begun) / 1000,
        closed_by: closes ? 'local' : 'peer',
        ...(closes && { closing_us: Number(to - closing) / 1000 }),
      });
      const { clock_us: clock } = compareEnds(
        end(client, connected, clientOver, isClient, 0n),
        end(server, accepted, serverOver, !isClient, offset),
      );
      const real = Number(offset) / 1000;
      assert.ok(clock.most! >= real, `${clock.most} ${real}`);
      assert.equal(clock.least === undefined, isClient);
      assert.ok((clock.least ?? real) <= real, `${clock.least} ${real}`);
    }
  });
});
