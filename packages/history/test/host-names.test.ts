/** Hosts are known by their names: in filters, in groups, on the map; boots of one host are one, hosts of one name are two. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFilter } from '@weir/tracer/filter';
import { clickhouseDialect } from '../src/clickhouse/index.js';
import {
  type Condition,
  filterCondition,
  filterSource,
  filterSql,
  type GroupKey,
  HostNames,
  queryCompare,
  queryGroups,
  queryHosts,
  queryMap,
  querySeries,
} from '../src/query/index.js';
import type { HostRow } from '../src/schema/index.js';
import { withoutClickhouse } from './support/clickhouse-server.js';
import { plainEnd } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';
import { shipped, startReading } from './support/two-databases.js';

const WIDE = 2n ** 64n - 5n;
const host = (id: bigint, name: string, machine: string, boot: number): HostRow => ({
  ...{ host_id: id, time: HOUR + BigInt(boot), name },
  ...{ machine_id: machine.repeat(4), boot_id: `${machine} ${boot}` },
});
/** A host with two boots, and another one with the same name as a third. */
const hosts: readonly HostRow[] = [
  host(WIDE, 'db', '00112233', 1),
  host(7n, 'db', '00112233', 2),
  host(8n, 'web', 'aabbccdd', 1),
  host(9n, 'web', 'ffeeddcc', 1),
];

const random = new Random(5);
const ends = hosts.map(({ host_id }, index) =>
  plainEnd(random, {
    ...{ host_id, time: HOUR + BigInt(index + 1), event: 'close', interval_rows: 0, comm: `c${index}` },
    ...{ direction: 'outbound', bytes_sent: 10 ** index, bytes_received: 0, connection_id: BigInt(index) },
    ...{ local_address: `10.0.0.${index}`, peer_address: '192.0.2.1', peer_port: 443 },
  }),
);
const range = { from: HOUR, to: HOUR + HOUR_NS };
const wanted: Readonly<Record<string, number>> = { db: 11, 'web/aabbccdd': 100, 'web/ffeeddcc': 1000 };
/** Filters, and the bytes of what they choose. */
const filters: readonly (readonly [text: string, bytes: number])[] = [
  ['host=db', 11],
  ['host:d', 11],
  ['host=web', 1100],
  ['host=web/aabbccdd', 100],
  ['host=WEB/*', 1100],
  [`host=${WIDE.toString(16)}`, 1],
  ['not host=db proc=c2', 100],
  ['host=*', 1111],
  ['host=nowhere', 0],
  ['host=nowhere or proc=c0', 1],
];

type Keyed = { readonly key: GroupKey };

function byHost<T extends Keyed>(groups: readonly T[], names: HostNames, bytesOf: (group: T) => number) {
  return Object.fromEntries(groups.map((group) => [names.named(group.key).host, bytesOf(group)]));
}

describe('hosts', () => {
  it('are called by their names, with a part of the machine’s id where two have one', () => {
    const names = new HostNames(hosts);
    assert.deepEqual(
      hosts.map(({ host_id }) => names.shown(host_id)),
      ['db', 'db', 'web/aabbccdd', 'web/ffeeddcc'],
    );
    assert.equal(names.shown(0x1fn), '000000000000001f');
    assert.deepEqual(names.named({ host: null, process: 'x' }), { host: null, process: 'x' });
  });

  it('are chosen by filters and make groups in the history of a host', async (context) => {
    const store = await openStore(context);
    await store.append(batchOf(1, { ends, hosts, time: HOUR + 2n * HOUR_NS }));
    const names = new HostNames(await queryHosts(store));
    const check = async () => {
      for (const [text, bytes] of filters) {
        const where = await filterCondition(store, parseFilter(text), {});
        const { result } = await queryGroups(store, { range, by: [], where });
        assert.equal(result.total.bytes_sent, bytes, text);
      }
      const { result } = await queryGroups(store, { range, by: ['host'], percentiles: [0.5] });
      assert.deepEqual(
        byHost(result.groups, names, ({ bytes_sent }) => bytes_sent),
        wanted,
      );
      assert.equal(result.count, 3);
      const series = await querySeries(store, { range, step: HOUR_NS, by: ['host'] });
      assert.deepEqual(
        byHost(series.result, names, ({ points }) => points[0]!.bytes_sent),
        wanted,
      );
      const against = { from: HOUR - HOUR_NS, to: HOUR };
      const compared = await queryCompare(store, { range, against, by: ['host'] });
      assert.deepEqual(
        byHost(compared.result.differences, names, ({ now }) => now!.bytes_sent),
        wanted,
      );
      const map = await queryMap(store, { range, by: 'host' });
      assert.deepEqual(
        Object.fromEntries(map.result.edges.map((edge) => [edge.from.name, edge.bytes_sent])),
        wanted,
      );
    };
    await check();
    await store.maintain();
    await check();
  });

  it('are chosen by filters and make groups in ClickHouse', {
    skip: withoutClickhouse(),
  }, async (context) => {
    const { server, history } = await startReading(context);
    await shipped(context, server, [{ ends, hosts: [...hosts], time: HOUR + 5n * HOUR_NS }]);
    const names = new HostNames(await history.hosts({}));
    const source = filterSource('ends', clickhouseDialect, names.known);
    for (const [text, bytes] of filters) {
      const where: Condition = filterSql(parseFilter(text), source, { dialect: clickhouseDialect });
      // Out of the sums of the hour, and out of rows.
      for (const part of [range, { from: HOUR, to: HOUR + HOUR_NS - 1n }]) {
        const { result } = await history.groups({ range: part, by: [], where });
        assert.equal(result.total.bytes_sent, bytes, text);
      }
    }
    for (const part of [range, { from: HOUR, to: HOUR + HOUR_NS - 1n }]) {
      const { result } = await history.groups({ range: part, by: ['host'], percentiles: [0.5] });
      assert.deepEqual(
        byHost(result.groups, names, ({ bytes_sent }) => bytes_sent),
        wanted,
      );
      assert.ok(result.groups.every(({ percentiles }) => percentiles !== undefined));
    }
    const series = await history.series({ range, step: HOUR_NS, by: ['host'] });
    assert.deepEqual(
      byHost(series.result, names, ({ points }) => points[0]!.bytes_sent),
      wanted,
    );
    const against = { from: HOUR - HOUR_NS, to: HOUR };
    const compared = await history.compare({ range, against, by: ['host'] });
    assert.deepEqual(
      byHost(compared.result.differences, names, ({ now }) => now!.bytes_sent),
      wanted,
    );
    const map = await history.map({ range, by: 'host' });
    assert.deepEqual(
      Object.fromEntries(map.result.edges.map((edge) => [edge.from.name, edge.bytes_sent])),
      wanted,
    );
    const mapped = await history.map({ range, by: 'process' });
    assert.deepEqual(mapped.result.edges.map(({ from }) => `${from.name} ${from.host}`).sort(), [
      'c0 db',
      'c1 db',
      'c2 web/aabbccdd',
      'c3 web/ffeeddcc',
    ]);
  });
});
