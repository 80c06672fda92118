/** A connection between two hosts of which both have rows counts once, with the side that connected. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFilter } from '@weir/tracer/filter';
import { clickhouseDialect } from '../src/clickhouse/index.js';
import { type Condition, filterSource, filterSql, type MapEdge } from '../src/query/index.js';
import type { EndRow, HostRow, IntervalRow } from '../src/schema/index.js';
import { withoutClickhouse } from './support/clickhouse-server.js';
import { plainEnd, plainInterval } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { HOUR, HOUR_NS } from './support/store.js';
import { shipped, startReading } from './support/two-databases.js';

type Row = (EndRow | IntervalRow) & { readonly event?: string };

const dialect = clickhouseDialect;
const filtered = (text: string): { where: Condition } => ({
  where: filterSql(parseFilter(text), filterSource('ends', dialect), { dialect }),
});

const HOSTS = [21n, 22n, 23n];
const hosts: HostRow[] = HOSTS.map((host_id) => ({
  host_id,
  time: HOUR,
  name: `h${host_id}`,
  boot_id: `b${host_id}`,
}));

const SECOND = 1_000_000_000n;

interface Pair {
  readonly client: Row[];
  readonly server: Row[];
}

/** Rows of both ends of a connection between two hosts, or of one host with itself. */
function pairOf(random: Random, number: number): Pair {
  const [from, to] = [random.pick(HOSTS), random.pick(HOSTS)];
  const hasIds = [random.below(4) > 0, random.below(4) > 0];
  const isNat = hasIds[0] === true && hasIds[1] === true && random.below(2) === 0;
  const time = HOUR + (random.wide() % (2n * HOUR_NS));
  const duration_us = random.below(300_000_000);
  const common = { transport: 'tcp', family: 'ipv4', event: 'close', duration_us };
  const [clientPort, local, peer] = [20_000 + number, `10.0.${from}.1`, `10.0.${to}.1`];
  const id = { connection_id: BigInt(1000 + number) };
  const interval_rows = random.pick([0, 1]);
  const one = {
    ...{
      ...common,
      host_id: from,
      time,
      direction: 'outbound',
      comm: random.pick(['curl', 'shared']),
      unit: 'u.service',
    },
    ...{ local_address: local, local_port: clientPort, peer_address: peer, peer_port: 443, interval_rows },
    ...(hasIds[0] && id),
  };
  const other = {
    ...{ ...common, host_id: to, time: time + BigInt(random.below(3)) * SECOND, direction: 'inbound' },
    ...{ comm: random.pick(['nginx', 'shared']), unit: 'u.service', interval_rows },
    ...(isNat
      ? { local_address: '172.16.0.1', local_port: 8080, peer_address: '172.16.0.9', peer_port: 5 }
      : { local_address: peer, local_port: 443, peer_address: local, peer_port: clientPort }),
    ...(hasIds[1] && id),
  };
  const rowsOf = (values: Partial<EndRow>): Row[] => {
    const row = plainEnd(random, values);
    if (interval_rows === 0) return [row];
    const { event: _, duration_us: __, interval_rows: ___, ...interval } = values;
    return [
      row,
      plainInterval(random, { ...interval, time: values.time! - 30n * SECOND, span_us: 60_000_000 }),
    ];
  };
  return { client: rowsOf(one), server: rowsOf(other) };
}

function begunOf(row: Row): bigint {
  const us = 'span_us' in row ? row.span_us : ((row as EndRow).duration_us ?? 0);
  return row.time - BigInt(us) * 1000n;
}

/** Whether a row is left out of a group for another one of it, as the documentation has it. */
function isSameConnection(client: Row, server: Row): boolean {
  if (client.host_id === server.host_id) return false;
  if (client.connection_id !== undefined && server.connection_id !== undefined)
    return client.connection_id === server.connection_id;
  const isMirrored =
    client.local_address === server.peer_address &&
    client.local_port === server.peer_port &&
    client.peer_address === server.local_address &&
    client.peer_port === server.local_port;
  return (
    isMirrored && begunOf(server) <= client.time + 5n * SECOND && server.time >= begunOf(client) - 5n * SECOND
  );
}

type Range = { readonly from: bigint; readonly to: bigint };
const isIn =
  ({ from, to }: Range) =>
  ({ time }: Row) =>
    time >= from && time < to;

/** The rows that count in one group. */
function counted(rows: readonly Row[], range: Range): Row[] {
  const beside = rows.filter(isIn({ from: range.from - 120n * SECOND, to: range.to + 120n * SECOND }));
  const clients = beside.filter(({ direction }) => direction === 'outbound');
  const isThere = (row: Row) =>
    row.direction === 'inbound' && clients.some((client) => isSameConnection(client, row));
  return rows.filter(isIn(range)).filter((row) => !isThere(row));
}

function sumsOf(rows: readonly Row[]) {
  const moving = rows.filter((row) => !('interval_rows' in row) || row.interval_rows === 0);
  const sum = (name: 'bytes_sent' | 'bytes_received') =>
    moving.reduce((all, row) => all + (row[name] ?? 0), 0);
  return {
    connections: rows.filter((row) => row.event !== undefined).length,
    bytes_sent: sum('bytes_sent'),
    bytes_received: sum('bytes_received'),
  };
}

const figuresOf = ({ connections, bytes_sent, bytes_received }: ReturnType<typeof sumsOf>) => ({
  ...{ connections, bytes_sent, bytes_received },
});

const keys: Readonly<Record<string, (row: Row) => unknown>> = {
  process: ({ comm }) => comm,
  host: ({ host_id }) => host_id.toString(16).padStart(16, '0'),
  unit: ({ unit }) => unit ?? null,
  pod: () => null,
  direction: ({ direction }) => direction,
  local: ({ local_address }) => local_address,
};

const filters: Readonly<Record<string, (row: Row) => boolean>> = {
  '': () => true,
  'proc=nginx': ({ comm }) => comm === 'nginx',
  'proc=nginx or proc=curl': ({ comm }) => comm === 'nginx' || comm === 'curl',
  'dir=in': ({ direction }) => direction === 'inbound',
  'unit=u.service and not proc=shared': ({ comm }) => comm !== 'shared',
};

describe('connections between hosts in ClickHouse', { skip: withoutClickhouse() }, () => {
  it('count once in the total, in each group and in each step, whatever is asked', async (context) => {
    const start = Number(process.env.WEIR_TEST_START ?? Date.now() % 2 ** 32);
    context.diagnostic(`WEIR_TEST_START=${start}`);
    const random = new Random(start);
    const { server, history } = await startReading(context);
    const pairs = Array.from({ length: 150 }, (_, number) => pairOf(random, number));
    // Some have one end here alone.
    const rows = pairs.flatMap(({ client, server: other }) =>
      random.pick([client, other, [...client, ...other], [...client, ...other]]),
    );
    const ends = rows.filter((row): row is EndRow => row.event !== undefined);
    const intervals = rows.filter((row): row is IntervalRow => row.event === undefined);
    await shipped(context, server, [{ ends, intervals, hosts, time: HOUR + 5n * HOUR_NS }]);
    for (let number = 0; number < 5; number++) {
      const moment = () =>
        HOUR + random.pick([BigInt(random.below(121)) * 60n * SECOND, random.wide() % (2n * HOUR_NS)]);
      const [a, b] = [moment(), moment()];
      const range = random.pick([
        { from: HOUR - 1n, to: HOUR + 3n * HOUR_NS },
        a < b ? { from: a, to: b } : { from: b, to: a + 1n },
      ]);
      const text = random.pick(Object.keys(filters));
      const by = random.pick(Object.keys(keys));
      const where = text === '' ? {} : filtered(text);
      const chosen = rows.filter(filters[text]!);
      const shown = `${text} by ${by} from ${range.from} to ${range.to}`;
      const { result } = await history.groups({ range, by: [by], limit: 1000, ...where });
      assert.deepEqual(figuresOf(result.total), sumsOf(counted(chosen, range)), `total ${shown}`);
      const values = [...new Set(chosen.map(keys[by]!))];
      const expected = values.flatMap((value) => {
        const group = counted(
          chosen.filter((row) => keys[by]!(row) === value),
          range,
        );
        return group.length === 0 ? [] : [[String(value), sumsOf(group)]];
      });
      const found = result.groups.map((group) => [String(group.key[by]), figuresOf(group)]);
      assert.deepEqual(Object.fromEntries(found), Object.fromEntries(expected), shown);
      const step = 600n * SECOND;
      const { result: series } = await history.series({ range, step, ...where });
      const steps = new Map<bigint, Row[]>();
      for (const row of counted(chosen, range)) {
        const at = (row.time / step) * step;
        steps.set(at, [...(steps.get(at) ?? []), row]);
      }
      const points = [...steps]
        .sort(([one], [two]) => (one < two ? -1 : 1))
        .map(([time, group]) => ({ time, ...sumsOf(group) }));
      assert.deepEqual(
        series[0]?.points.map((point) => ({ time: point.time, ...figuresOf(point) })) ?? [],
        points,
        `series ${shown}`,
      );
    }
  });

  it('are edges from one host to the other on the map, also through NAT and without an id', async (context) => {
    const random = new Random(3);
    const { server, history } = await startReading(context);
    const base = {
      transport: 'tcp',
      event: 'close',
      interval_rows: 0,
      bytes_received: 0,
      time: HOUR + SECOND,
      duration_us: 1000,
    };
    const client = { ...base, host_id: 21n, direction: 'outbound', comm: 'curl', local_address: '10.0.0.1' };
    const accepted = { ...base, host_id: 22n, direction: 'inbound', comm: 'nginx', bytes_sent: 900 };
    const end = (values: Partial<EndRow>) => plainEnd(random, values);
    await shipped(context, server, [
      {
        hosts,
        ends: [
          // Through NAT.
          end({
            ...client,
            connection_id: 77n,
            local_port: 4000,
            peer_address: '10.9.0.1',
            peer_port: 80,
            bytes_sent: 100,
          }),
          end({
            ...accepted,
            connection_id: 77n,
            local_address: '10.8.0.2',
            local_port: 8080,
            peer_address: '10.8.0.1',
            peer_port: 41_000,
          }),
          // One end without an id.
          end({
            ...client,
            connection_id: 78n,
            local_port: 4001,
            peer_address: '10.0.0.2',
            peer_port: 443,
            bytes_sent: 10,
          }),
          end({
            ...accepted,
            local_address: '10.0.0.2',
            local_port: 443,
            peer_address: '10.0.0.1',
            peer_port: 4001,
          }),
          // UDP has none at all.
          end({
            ...client,
            transport: 'udp',
            event: 'udp_flow',
            local_port: 4002,
            peer_address: '10.0.0.2',
            peer_port: 53,
            bytes_sent: 7,
          }),
          end({
            ...accepted,
            transport: 'udp',
            event: 'udp_flow',
            host_id: 23n,
            comm: 'named',
            local_address: '10.0.0.2',
            local_port: 53,
            peer_address: '10.0.0.1',
            peer_port: 4002,
          }),
          // The same process on two hosts, and a host with itself.
          end({
            ...client,
            host_id: 23n,
            connection_id: 79n,
            local_port: 4003,
            peer_address: '192.0.2.7',
            peer_port: 443,
            bytes_sent: 3,
          }),
          end({
            ...client,
            connection_id: 80n,
            local_address: '127.0.0.1',
            local_port: 4004,
            peer_address: '127.0.0.1',
            peer_port: 5432,
            bytes_sent: 2,
          }),
          end({
            ...accepted,
            host_id: 21n,
            comm: 'postgres',
            connection_id: 80n,
            local_address: '127.0.0.1',
            local_port: 5432,
            peer_address: '127.0.0.1',
            peer_port: 4004,
          }),
          // The same addresses on another host, where they are another connection.
          end({
            ...accepted,
            host_id: 22n,
            comm: 'redis',
            local_address: '127.0.0.1',
            local_port: 5432,
            peer_address: '127.0.0.1',
            peer_port: 4004,
            bytes_sent: 1,
          }),
        ],
        time: HOUR + 5n * HOUR_NS,
      },
    ]);
    const range = { from: HOUR, to: HOUR + HOUR_NS };
    const node = ({ kind, name, host }: MapEdge['from']) =>
      `${kind} ${name}${host === undefined ? '' : ` on ${host}`}`;
    const edgesOf = async (query: object) => {
      const { result } = await history.map({ range, by: 'process', ...query });
      assert.equal(result.count, result.edges.length);
      return result.edges.map(
        (edge) => `${node(edge.from)} → ${node(edge.to)}:${edge.port} ${edge.bytes_sent}`,
      );
    };
    assert.deepEqual(await edgesOf({}), [
      'group curl on h21 → group nginx on h22:80 100',
      'group curl on h21 → group nginx on h22:443 10',
      'group curl on h21 → group named on h23:53 7',
      'group curl on h23 → address 192.0.2.7:443 3',
      'group curl on h21 → group postgres on h21:5432 2',
      'address 127.0.0.1 → group redis on h22:5432 1',
    ]);
    assert.deepEqual((await edgesOf({ by: 'host' })).slice(0, 2), [
      'group h21 on h21 → group h22 on h22:80 100',
      'group h21 on h21 → group h22 on h22:443 10',
    ]);
    assert.deepEqual(await edgesOf(filtered('proc=nginx')), [
      'address 10.0.0.1 → group nginx on h22:443 900',
      'address 10.8.0.1 → group nginx on h22:8080 900',
    ]);
    const { result } = await history.connection({ range, key: { connectionId: 77n } });
    assert.deepEqual(result.ends.map(({ host_id }) => host_id).sort(), [21n, 22n]);
  });
});
