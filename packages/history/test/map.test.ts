import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import type { EndRow } from '../src/index.js';
import { type MapEdge, queryMap } from '../src/query/index.js';
import { plainEnd, plainInterval } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';

const range = { from: HOUR, to: HOUR + HOUR_NS };
const random = new Random(91);

function end(values: Partial<EndRow>): EndRow {
  return plainEnd(random, {
    time: HOUR + 1n,
    event: 'close',
    interval_rows: 0,
    bytes_received: 0,
    ...values,
  });
}

const shown = ({ from, to, port, bytes_sent }: MapEdge) =>
  `${from.kind} ${from.name} → ${to.kind} ${to.name}:${port} ${bytes_sent}`;

describe('the map of connections', () => {
  test('has a connection whose both ends are here once, with the bytes of the side that connected', async (context) => {
    const store = await openStore(context);
    const [client, server] = [
      {
        direction: 'outbound',
        comm: 'curl',
        local_address: '10.9.0.2',
        local_port: 40_000,
        peer_address: '10.9.0.1',
        peer_port: 80,
      },
      {
        direction: 'inbound',
        comm: 'nginx',
        local_address: '10.8.0.2',
        local_port: 8080,
        peer_address: '10.8.0.1',
        peer_port: 41_000,
      },
    ];
    const out = {
      direction: 'outbound',
      comm: 'curl',
      peer_address: '192.0.2.1',
      peer_port: 443,
      bytes_sent: 5,
    };
    const into = {
      direction: 'inbound',
      comm: 'sshd',
      local_port: 22,
      peer_address: '2001:db8::1',
      bytes_sent: 3,
    };
    await store.append(
      batchOf(1, {
        ends: [
          end({ ...client, connection_id: 77n, bytes_sent: 100, interval_rows: 1 }),
          end({ ...server, connection_id: 77n, bytes_sent: 900 }),
          ...[end(out), end(out), end(into)],
        ],
        intervals: [
          plainInterval(random, {
            ...client,
            time: HOUR + 2n,
            connection_id: 77n,
            bytes_sent: 100,
            bytes_received: 0,
          }),
        ],
      }),
    );
    const { result } = await queryMap(store, { range, by: 'process' });
    assert.deepEqual(result.edges.map(shown), [
      'group curl → group nginx:80 100',
      'group curl → address 192.0.2.1:443 10',
      'address 2001:db8::1 → group sshd:22 3',
    ]);
    assert.deepEqual(
      result.edges.map(({ connections }) => connections),
      [1, 2, 1],
    );
    assert.equal(result.count, 3);
  });

  test('makes one node of the addresses of a network, the longest that fits', async (context) => {
    const store = await openStore(context);
    const to = (peer_address: string, bytes_sent: number, family = 'ipv4') =>
      end({ direction: 'outbound', comm: 'curl', family, peer_address, peer_port: 443, bytes_sent });
    await store.append(
      batchOf(1, {
        ends: [
          to('10.1.0.0', 1),
          to('10.1.255.255', 2),
          to('10.2.0.1', 4),
          to('11.0.0.0', 8),
          to('2001:db8::1', 16, 'ipv6'),
          to('2001:db9::1', 32, 'ipv6'),
        ],
      }),
    );
    const networks = ['10.0.0.0/8', '10.1.2.3/16', '2001:db8::/32', '::/0'];
    const { result } = await queryMap(store, { range, by: 'process', networks });
    assert.deepEqual(result.edges.map(shown), [
      'group curl → network ::/0:443 32',
      'group curl → network 2001:db8::/32:443 16',
      'group curl → address 11.0.0.0:443 8',
      'group curl → network 10.0.0.0/8:443 4',
      'group curl → network 10.1.0.0/16:443 3',
    ]);
  });

  test('has a node for each group of networks that rows have, where that is wanted', async (context) => {
    const store = await openStore(context);
    const to = (peer_address: string, bytes_sent: number, peer_group?: string) =>
      end({
        ...{ direction: 'outbound', comm: 'curl', peer_address, peer_port: 443, bytes_sent },
        ...(peer_group !== undefined && { peer_group }),
      });
    const ends = [
      to('10.1.0.1', 1, 'db'),
      to('10.1.0.2', 2, 'db'),
      to('10.2.0.1', 4),
      to('10.3.0.1', 8, 'web'),
    ];
    await store.append(batchOf(1, { ends }));
    const { result } = await queryMap(store, {
      range,
      by: 'process',
      networks: ['10.3.0.0/16', 'peer_group'],
    });
    assert.deepEqual(result.edges.map(shown), [
      'group curl → network 10.3.0.0/16:443 8',
      'group curl → address 10.2.0.1:443 4',
      'group curl → network db:443 3',
    ]);
  });

  test('has a node without a name for what is not known, and returns the largest edges first', async (context) => {
    const store = await openStore(context);
    const { comm: _, ...unknown } = end({
      direction: 'outbound',
      peer_address: '192.0.2.9',
      peer_port: 1,
      bytes_sent: 9,
    });
    await store.append(
      batchOf(1, { ends: [unknown, end({ direction: 'outbound', comm: 'a', bytes_sent: 1 })] }),
    );
    const { result } = await queryMap(store, { range, by: 'process', limit: 1 });
    assert.deepEqual([result.edges.map(shown), result.count], [['group null → address 192.0.2.9:1 9'], 2]);
  });

  test('says when each edge was last seen, by what ended and by what moved', async (context) => {
    const store = await openStore(context);
    const to = { direction: 'outbound', comm: 'curl', peer_address: '192.0.2.1' };
    await store.append(
      batchOf(1, {
        ends: [5n, 9n, 7n].map((late) => end({ ...to, peer_port: 80, time: HOUR + late })),
        intervals: [plainInterval(random, { ...to, peer_port: 443, time: HOUR + 11n })],
      }),
    );
    const { result } = await queryMap(store, { range, by: 'process' });
    assert.deepEqual(result.edges.map(({ port, last }) => [port, last]).sort(), [
      [443, HOUR + 11n],
      [80, HOUR + 9n],
    ]);
  });

  test('refuses networks that make no sense', async (context) => {
    const store = await openStore(context);
    assert.throws(() => queryMap(store, { range, by: 'process', networks: ['10.0.0.0/33'] }), OptionError);
    assert.throws(
      () => queryMap(store, { range, by: 'process', networks: Array(101).fill('10.0.0.0/8') }),
      /at most 100/,
    );
  });
});
