import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, type TestContext, test } from 'node:test';
import { parseFilter } from '@weir/tracer/filter';
import type { HistoryReader, HistoryStore } from '../src/index.js';
import {
  filterSource,
  filterSql,
  groupFields,
  queryCompare,
  queryConnections,
  queryGroups,
  queryMap,
  querySeries,
} from '../src/query/index.js';
import { type Rollup, rollupKeys, rollups } from '../src/rollup/rollup-tables.js';
import type { EndRow, IntervalRow } from '../src/schema/index.js';
import { endColumns, intervalColumns } from '../src/schema/index.js';
import { plainEnd, plainInterval } from './support/plain-rows.js';
import { Random, randomRow } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore } from './support/store.js';

const HOURS = 6n;
const QUESTIONS = 40;

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
  });
  const { segments_sent, segments_received, retransmits, srtt_us, ...row } = others;
  // Of two that have an id in common, a map shows either.
  return { ...row, ...figures(random), connection_id: random.wide() };
}

function interval(random: Random, time: bigint): IntervalRow {
  if (random.below(3) > 0) return plainInterval(random, { time });
  const { bytes_sent, bytes_received, segments_sent, ...others } = randomRow(random, intervalColumns, {
    time,
  });
  const { segments_received, retransmits, srtt_us, ...row } = others;
  const { handshake_us, duration_us, ...values } = figures(random);
  return { ...row, ...values, connection_id: random.wide() };
}

/** Hours in segments, one of them in two parts, and one in the file. */
async function manyHours(context: TestContext, random: Random) {
  const store = await openStore(context);
  const ends: EndRow[] = [];
  for (let number = 1; number <= Number(HOURS) + 2; number++) {
    const hour = number <= HOURS ? BigInt(number - 1) : BigInt(random.below(Number(HOURS)));
    const time = () => HOUR + hour * HOUR_NS + (random.wide() % HOUR_NS);
    const added = Array.from({ length: 150 }, () => end(random, time()));
    ends.push(...added);
    await store.append(
      batchOf(number, {
        ends: added,
        intervals: Array.from({ length: 50 }, () => interval(random, time())),
        time: HOUR + BigInt(number) * HOUR_NS,
      }),
    );
    await store.maintain();
  }
  return { store, ends };
}

/** The same history as if nothing were known of segments beside their rows. */
function rowsOnly(store: HistoryStore): HistoryReader {
  return {
    read: (question, options) =>
      store.read((session) => {
        session.summed = async () => [];
        session.having = async () => undefined;
        return question(session);
      }, options),
  };
}

/** The same history, which reads all columns and all segments, and looks at the time of each row. */
function allOf(store: HistoryStore): HistoryReader {
  return {
    read: (question, options) =>
      rowsOnly(store).read((session) => {
        const source = session.source.bind(session);
        session.source = (table, { range, isExact } = {}) => {
          const rows = source(table);
          if (range === undefined || isExact !== true) return rows;
          const times = `epoch_ns(time) >= ${range.from} AND epoch_ns(time) < ${range.to}`;
          return `(SELECT * FROM ${rows} WHERE ${times})`;
        };
        return question(session);
      }, options),
  };
}

/** The same history, which counts the segments that it did not read. @param allowed The sums that it may use. */
function counting(store: HistoryStore, allowed: readonly Rollup[] = rollups) {
  let skipped = 0;
  const reader: HistoryReader = {
    read: (question, options) =>
      store.read((session) => {
        const summed = session.summed.bind(session);
        const having = session.having.bind(session);
        session.summed = async (range, asked, fits) => {
          const found = await summed(
            range,
            asked.filter((each) => allowed.includes(each)),
            fits,
          );
          skipped += found.length;
          return found;
        };
        session.having = async (ids) => {
          const found = await having(ids);
          const ends = session.segments.filter(({ table }) => table === 'ends');
          skipped += ends.length - (found?.size ?? ends.length);
          return found;
        };
        return question(session);
      }, options),
  };
  return {
    reader,
    take: () => {
      const count = skipped;
      skipped = 0;
      return count;
    },
  };
}

/** Whether these sums have what a field to group by needs. */
function isOf(rollup: Rollup, name: string): boolean {
  const keys = rollupKeys(rollup);
  const every: readonly string[] = rollups.flatMap(rollupKeys);
  const words = groupFields[name]!.rollup?.match(/\w+/g)?.filter((word) => every.includes(word));
  return words?.every((word) => keys.includes(word)) ?? false;
}

const terms = [
  ...['proc=curl', 'proc:ng', 'unit=*', 'not unit=*', 'uid=1', 'event=fail', 'error=*', 'local=10.0.0.1'],
  ...['local=10.0.0.0/8', 'peer=10.0.0.2', 'port=443', 'service=https', 'type=ipv4', 'dir=in', 'nginx'],
  ...['dir=out', 'peer_group=*', 'country=DE', 'not country=*', 'peer_name=*', 'transport=tcp'],
  ...['container=*', 'closed_by=peer', 'sent>5000', 'addr=10.0.0.0/30', 'netns=4026531840'],
];

const conditionOf = (text: string) => filterSql(parseFilter(text), filterSource('ends'), { services: [] });

function randomWhere(random: Random, chosen: readonly string[] = terms) {
  const count = random.below(4);
  if (count === 0) return {};
  const text = Array.from({ length: count }, () => random.pick(chosen)).join(random.pick([' and ', ' or ']));
  return { where: conditionOf(random.below(4) === 0 ? `not (${text})` : text) };
}

/** Filters by columns that these sums have. */
function termsOf(rollup: Rollup): string[] {
  const keys = [...rollupKeys(rollup), 'type'];
  return terms.filter((text) => conditionOf(text).columns?.every((name) => keys.includes(name)) ?? false);
}

function randomRange(random: Random) {
  const moment = () =>
    HOUR +
    BigInt(random.below(Number(HOURS) + 2) - 1) * HOUR_NS +
    (random.below(2) === 0 ? 0n : random.wide() % HOUR_NS);
  const [a, b] = [moment(), moment()];
  return a < b ? { from: a, to: b } : { from: b, to: a + 1n };
}

describe('sums of segments', () => {
  test(`give ${QUESTIONS} random questions the answers that rows give`, async (context) => {
    const start = Number(process.env.WEIR_TEST_START ?? Date.now() % 2 ** 32);
    context.diagnostic(`WEIR_TEST_START=${start}`);
    const random = new Random(start);
    const { store } = await manyHours(context, random);
    const raw = rowsOnly(store);
    const names = Object.keys(groupFields);
    const helped = new Map(rollups.map((rollup) => [rollup, 0]));
    for (let number = 0; number < QUESTIONS; number++) {
      const rollup = rollups[number % rollups.length]!;
      // All sums together, or these alone.
      const { reader, take } = counting(store, random.below(3) === 0 ? rollups : [rollup]);
      const choice = random.below(5) === 0 ? names : names.filter((name) => isOf(rollup, name));
      const by = [...new Set(Array.from({ length: random.below(4) }, () => random.pick(choice)))];
      const chosen = random.below(3) === 0 ? terms : termsOf(rollup);
      const query = { range: randomRange(random), by, ...randomWhere(random, chosen) };
      const step = random.pick([60n, 1800n, 3600n, 5400n, 7200n, 86_400n]) * 1_000_000_000n;
      const ask: ((asked: HistoryReader) => Promise<unknown>)[] = [
        (asked) => queryGroups(asked, { ...query, limit: 10_000 }),
        (asked) => querySeries(asked, { ...query, step }),
      ];
      if (by.length > 0)
        ask.push((asked) => queryCompare(asked, { ...query, against: randomRange(new Random(number + 1)) }));
      for (const each of ask) {
        assert.deepEqual(await each(reader), await each(raw), JSON.stringify({ number, by }));
        if (take() > 0) helped.set(rollup, helped.get(rollup)! + 1);
      }
    }
    for (const [{ table }, count] of helped)
      assert.ok(count > QUESTIONS / 4 / rollups.length, `${table}: ${count} questions`);
  });

  test('are those of all rows, where a question reads only the columns and the segments that it needs', async (context) => {
    const start = Number(process.env.WEIR_TEST_START ?? Date.now() % 2 ** 32);
    context.diagnostic(`WEIR_TEST_START=${start}`);
    const random = new Random(start);
    const { store } = await manyHours(context, random);
    const [raw, whole] = [rowsOnly(store), allOf(store)];
    const names = Object.keys(groupFields);
    for (let first = 0; first < names.length; first += 2) {
      const by = names.slice(first, first + 2);
      const query = { range: randomRange(random), ...randomWhere(random) };
      const groups = { ...query, by, limit: 10_000, percentiles: [0.5, 0.99] };
      const isSame = async (ask: (asked: HistoryReader) => Promise<unknown>) =>
        assert.deepEqual(await ask(raw), await ask(whole), JSON.stringify(by));
      await isSame((asked) => queryGroups(asked, groups));
      if (first % 6 === 0) await isSame((asked) => queryMap(asked, { ...query, by: by[0]!, limit: 10_000 }));
    }
  });

  test('are made of segments that have none, and are gone with their segment', async (context) => {
    const { store } = await manyHours(context, new Random(5));
    const { folder } = store;
    const query = { range: { from: HOUR, to: HOUR + HOURS * HOUR_NS }, by: ['process'] };
    const { result: expected } = await queryGroups(rowsOnly(store), query);
    await store.close();
    await rm(`${folder}/hot.duckdb`);
    const again = await openStore(context, { folder });
    const sums = () =>
      again.read((session) =>
        session.query(`SELECT count(DISTINCT id), count(DISTINCT summary), count(*) > 0 FROM recent.summaries
          FULL JOIN recent.rollups ON id = summary`),
      );
    assert.deepEqual(await sums(), [[0n, 0n, false]]);
    await again.append(batchOf(99, { epoch: 'f'.repeat(32), time: HOUR + (HOURS + 3n) * HOUR_NS }));
    await again.maintain();
    const [[summaries, rollups]] = (await sums()) as [[bigint, bigint, boolean]];
    assert.ok(summaries > 10n && summaries === rollups);
    const { reader, take } = counting(again);
    const { result } = await queryGroups(reader, query);
    assert.ok(take() > 10);
    assert.ok(result.total.connections > 0 && result.total.connections <= expected.total.connections);
    assert.deepEqual(result, (await queryGroups(rowsOnly(again), query)).result);
    await again.close();
    const empty = await openStore(context, { folder, retention: { bytes: 1 } });
    await empty.append(batchOf(100, { epoch: 'f'.repeat(32), time: HOUR + (HOURS + 3n) * HOUR_NS + 1n }));
    await empty.maintain();
    const left = await empty.read((session) =>
      session.query('SELECT (SELECT count(*) FROM recent.summaries), (SELECT count(*) FROM recent.rollups)'),
    );
    assert.deepEqual(left, [[0n, 0n]]);
  });
});

describe('a connection that is looked for by its id', () => {
  test('is found, and most segments are not read', async (context) => {
    const random = new Random(Number(process.env.WEIR_TEST_START ?? Date.now() % 2 ** 32));
    const { store, ends } = await manyHours(context, random);
    const { reader, take } = counting(store);
    const range = { from: HOUR, to: HOUR + HOURS * HOUR_NS };
    let skipped = 0;
    for (let number = 0; number < 30; number++) {
      const row = random.pick(ends);
      const flow = row.flow_ns?.toString(16).padStart(15, '0').slice(0, 15);
      const texts = [
        ...(row.connection_id === undefined
          ? []
          : [`connection_id=${row.connection_id.toString(16).padStart(16, '0')}`]),
        ...(flow === undefined || row.flow_cpu === undefined ? [] : [`flow_id=${flow}.${row.flow_cpu}`]),
      ];
      for (const text of texts) {
        const where = filterSql(parseFilter(text), filterSource('ends'));
        assert.ok(where.ids?.length === 1, text);
        const found = await queryConnections(reader, { range, where });
        assert.ok(
          found.result.rows.some(({ time }) => time === row.time),
          text,
        );
        skipped += take();
        assert.deepEqual(found, await queryConnections(rowsOnly(store), { range, where }));
      }
    }
    assert.ok(skipped > 100, `${skipped} segments`);
  });
});
