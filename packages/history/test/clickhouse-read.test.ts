/** ClickHouse answers what the history of a host answers about the same rows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFilter } from '@weir/tracer/filter';
import { clickhouseDialect } from '../src/clickhouse/index.js';
import type { Batch } from '../src/index.js';
import {
  type Condition,
  connectionSorts,
  filterSource,
  filterSql,
  groupFields,
  measureOrders,
  queryCompare,
  queryConnection,
  queryConnections,
  queryGroups,
  queryMap,
  queryOpenAt,
  querySeries,
} from '../src/query/index.js';
import type { EndRow, IntervalRow, OpenRow } from '../src/schema/index.js';
import { endColumns, intervalColumns } from '../src/schema/index.js';
import { withoutClickhouse } from './support/clickhouse-server.js';
import { plainEnd, plainInterval, plainOpen } from './support/plain-rows.js';
import { Random, randomRow } from './support/random-rows.js';
import { HOUR, HOUR_NS } from './support/store.js';
import { shipped, startReading } from './support/two-databases.js';

const HOURS = 4n;
const services = [{ name: 'https', port: 443, transport: 'tcp' }] as const;

/** Sums stay below 2^53, up to which they are exact. */
function figures(random: Random) {
  const names = ['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'];
  return Object.fromEntries(
    [...names, 'srtt_us', 'handshake_us', 'duration_us'].flatMap((name) =>
      random.below(4) === 0 ? [] : [[name, random.below(2 ** 31)]],
    ),
  );
}

function end(random: Random, time: bigint): EndRow {
  if (random.below(3) > 0) return plainEnd(random, { time, connection_id: random.wide() });
  const { handshake_us, duration_us, bytes_sent, bytes_received, ...others } = randomRow(random, endColumns, {
    time,
    interval_rows: random.below(2),
    host_id: 7n,
    connection_id: random.wide(),
    event: random.pick(['close', 'fail', 'udp_flow']),
  });
  const { segments_sent, segments_received, retransmits, srtt_us, ...row } = others;
  return { ...row, ...figures(random) };
}

function interval(random: Random, time: bigint): IntervalRow {
  if (random.below(3) > 0) return plainInterval(random, { time });
  const { bytes_sent, bytes_received, segments_sent, ...others } = randomRow(random, intervalColumns, {
    time,
    host_id: 7n,
    connection_id: random.wide(),
  });
  const { segments_received, retransmits, srtt_us, ...row } = others;
  const { handshake_us, duration_us, ...values } = figures(random);
  return { ...row, ...values };
}

const terms = [
  ...['proc=curl', 'proc:ng', 'unit=*', 'not unit=*', 'uid=1', 'event=fail', 'error=*', 'local=10.0.0.1'],
  ...['local=10.0.0.0/8', 'peer=10.0.0.2', 'port=443', 'service=https', 'type=ipv4', 'dir=in', 'nginx'],
  ...[
    'container=*',
    'closed_by=peer',
    'sent>5000',
    'addr=10.0.0.0/30',
    'netns=4026531840',
    'not event=close',
  ],
];

interface Where {
  readonly duck: { where?: Condition };
  readonly click: { where?: Condition };
}

function randomWhere(random: Random, table: 'ends' | 'opens' = 'ends'): Where {
  const count = random.below(4);
  if (count === 0) return { duck: {}, click: {} };
  const text = Array.from({ length: count }, () => random.pick(terms)).join(random.pick([' and ', ' or ']));
  const filter = parseFilter(random.below(4) === 0 ? `not (${text})` : text);
  const dialect = clickhouseDialect;
  return {
    duck: { where: filterSql(filter, filterSource(table), { services }) },
    click: { where: filterSql(filter, filterSource(table, dialect), { services, dialect }) },
  };
}

function randomRange(random: Random) {
  const moment = () =>
    HOUR +
    BigInt(random.below(Number(HOURS) + 2) - 1) * HOUR_NS +
    random.pick([0n, BigInt(random.below(60)) * 60_000_000_000n, random.wide() % HOUR_NS]);
  const [a, b] = [moment(), moment()];
  return a < b ? { from: a, to: b } : { from: b, to: a + 1n };
}

/** Percentiles lie between two values, and the databases round what they compute there. */
function rounded<T>(result: T): T {
  const round = (value: unknown): unknown => {
    if (typeof value === 'number') return Number(value.toPrecision(12));
    if (Array.isArray(value)) return value.map(round);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [
        name,
        name === 'percentiles' || Array.isArray(part) ? round(part) : part,
      ]),
    );
  };
  return Array.isArray(result) || !('groups' in (result as object)) ? result : (round(result) as T);
}

/** Each takes a second or two. */
const QUESTIONS = Number(process.env.WEIR_TEST_QUESTIONS ?? 4);

describe('a history in ClickHouse', { skip: withoutClickhouse() }, () => {
  it(`has the answers of the host's own history to ${QUESTIONS} random questions of each kind`, async (context) => {
    const start = Number(process.env.WEIR_TEST_START ?? Date.now() % 2 ** 32);
    context.diagnostic(`WEIR_TEST_START=${start}`);
    const random = new Random(start);
    const { server, history } = await startReading(context);
    const time = () => HOUR + (random.wide() % (HOURS * HOUR_NS));
    const ends = Array.from({ length: 500 }, () => end(random, time()));
    // Both ends of connections of one host, through NAT.
    for (let id = 1n; id < 40n; id++) {
      const at = time();
      const pair = { connection_id: id, comm: `c${id % 5n}`, interval_rows: 0, event: 'close' };
      ends.push(plainEnd(random, { ...pair, time: at, direction: 'outbound', peer_address: '192.0.2.1' }));
      ends.push(plainEnd(random, { ...pair, time: at + 5n, direction: 'inbound', comm: 'pair' }));
    }
    const intervals = Array.from({ length: 200 }, () => interval(random, time()));
    const losses = [{ time: HOUR + HOUR_NS, place: 'ring', count: 5, host_id: 7n }];
    const store = await shipped(context, server, [{ ends, intervals, losses, time: HOUR + 5n * HOUR_NS }]);
    const names = Object.keys(groupFields);
    const orders = Object.keys(measureOrders) as (keyof typeof measureOrders)[];
    for (let number = 0; number < QUESTIONS; number++) {
      const by = [...new Set(Array.from({ length: random.below(4) }, () => random.pick(names)))];
      const range = randomRange(random);
      const { duck, click } = randomWhere(random);
      const order = random.pick(orders);
      const shown = JSON.stringify({
        number,
        by,
        order,
        from: String(range.from),
        to: String(range.to),
        sql: duck.where?.sql,
      });
      const same = async <T>(
        what: string,
        a: Promise<{ result: T; losses: unknown }>,
        b: Promise<{ result: T; losses: unknown }>,
      ) => {
        const expected = await a;
        const found = await b.catch((error: Error) => {
          throw new Error(`${what} ${shown}`, { cause: error });
        });
        assert.deepEqual(rounded(found.result), rounded(expected.result), `${what} ${shown}`);
        assert.deepEqual(found.losses, expected.losses, `${what} ${shown}`);
      };
      const groups = {
        range,
        by,
        order,
        limit: 1 + random.below(300),
        percentiles: random.pick([[], [0.5, 0.95]]),
      };
      await same(
        'groups',
        queryGroups(store, { ...groups, ...duck }),
        history.groups({ ...groups, ...click }),
      );
      const step = random.pick([60n, 1800n, 3600n, 5400n, 7200n, 77n]) * 1_000_000_000n;
      const series = { range, by, order, step, limit: 1 + random.below(9) };
      await same(
        'series',
        querySeries(store, { ...series, ...duck }),
        history.series({ ...series, ...click }),
      );
      const compare = { range, by: by.length === 0 ? ['process'] : by, against: randomRange(random) };
      const [expected, found] = [
        await queryCompare(store, { ...compare, ...duck }),
        await history.compare({ ...compare, ...click }),
      ];
      for (const each of [expected, found])
        (each.result as { againstCoverage?: unknown }).againstCoverage = undefined;
      assert.deepEqual(found.result, expected.result, `compare ${shown}`);
      const map = {
        range,
        by: random.pick(names.filter((name) => name !== 'host')),
        order,
        networks: random.pick([[], ['10.0.0.0/30', '10.0.0.0/8', '::/0'], ['peer_group', '10.0.0.0/30']]),
      };
      await same('map', queryMap(store, { ...map, ...duck }), history.map({ ...map, ...click }));
      const sort = random.pick(['newest', 'oldest', ...connectionSorts] as const);
      let cursor: string | undefined;
      for (let page = 0; page < 3; page++) {
        const list = {
          range,
          order: sort,
          limit: 1 + random.below(40),
          ...(cursor !== undefined && { cursor }),
        };
        const [one, two] = [
          await queryConnections(store, { ...list, ...duck }),
          await history.connections({ ...list, ...click }),
        ];
        assert.deepEqual(two.result, one.result, `connections by ${sort} ${shown}`);
        cursor = one.result.next;
        if (cursor === undefined) break;
      }
      const { connection_id: connectionId, flow_ns: ns, flow_cpu: cpu } = random.pick(ends);
      const keys = [
        ...(connectionId === undefined ? [] : [{ connectionId }]),
        ...(ns === undefined || cpu === undefined ? [] : [{ flow: { ns, cpu } }]),
      ];
      for (const key of keys)
        await same('connection', queryConnection(store, { range, key }), history.connection({ range, key }));
    }
    const [host] = await history.hosts({});
    assert.equal(host, undefined);
  });

  it('knows what was open at any moment', async (context) => {
    const start = Number(process.env.WEIR_TEST_START ?? Date.now() % 2 ** 32);
    context.diagnostic(`WEIR_TEST_START=${start}`);
    const random = new Random(start);
    const { server, history } = await startReading(context);
    const store = await shipped(context, server, sweptHours(random));
    for (let number = 0; number < 8; number++) {
      const at = HOUR + 1n + (random.wide() % (3n * HOUR_NS));
      const { duck, click } = randomWhere(random, 'opens');
      const limit = random.pick([3, 10_000]);
      const expected = await queryOpenAt(store, { at, limit, ...duck });
      const found = await history.openAt({ at, limit, ...click });
      assert.deepEqual(found.result, expected.result, `at ${at} where ${duck.where?.sql}`);
    }
  });
});

const MINUTE = 60_000_000_000n;

/** Connections that come and go for three hours, and what sweeps each five minutes found: every hour all, else what is new. Some wait to be accepted. */
function sweptHours(random: Random): Partial<Batch>[] {
  const connections = Array.from({ length: 80 }, (_, number) => {
    const started = number === 0 ? HOUR - 5n * HOUR_NS : HOUR + (random.wide() % (3n * HOUR_NS));
    const length =
      number === 0 ? 20n * HOUR_NS : random.wide() % random.pick([MINUTE, HOUR_NS, 3n * HOUR_NS]);
    const { event, time, interval_rows, duration_us, handshake_us, ...row } = plainEnd(random, {});
    const ended = started + (length / 1000n + 1n) * 1000n;
    const accepted = number % 4 === 1 && ended > started + 7n * MINUTE ? started + 7n * MINUTE : started;
    return { row, started, accepted, ended };
  });
  return Array.from({ length: 36 + 1 }, (_, number) => {
    const time = HOUR + BigInt(number) * 5n * MINUTE;
    const before = time - 5n * MINUTE;
    const isFull = number % 12 === 0;
    const isListed = ({ started, ended }: (typeof connections)[number]) =>
      started <= time && ended > time && (isFull || started > before);
    const opens: OpenRow[] = connections.filter(isListed).map(({ row, accepted }) => {
      const { flow_ns, flow_cpu, started, ...waiting } = plainOpen(random, {
        ...row,
        time,
        started: accepted,
      });
      return { ...waiting, ...(accepted <= time && { flow_ns, flow_cpu, started }) } as OpenRow;
    });
    const ends: EndRow[] = connections
      .filter(({ ended }) => ended > before && ended <= time)
      .map(({ row, accepted, ended }) =>
        plainEnd(random, {
          ...row,
          time: ended,
          event: 'close',
          duration_us: Number((ended - accepted) / 1000n),
          interval_rows: 0,
        }),
      );
    return { opens, ends, time, sweep: isFull ? 'full' : 'changes' };
  });
}
