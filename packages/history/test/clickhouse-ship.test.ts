/** What a history has is in ClickHouse once, whatever ends while it is shipped. */
import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createServer } from 'node:tls';
import { Shipper, type ShipperOptions, shipSource } from '../src/clickhouse/index.js';
import { parseTarget } from '../src/clickhouse/target.js';
import type { HistoryStore } from '../src/index.js';
import { rowColumns } from '../src/rows/row-reader.js';
import { type Columns, segmentTables, tables } from '../src/schema/index.js';
import { TestClickhouse, withoutClickhouse } from './support/clickhouse-server.js';
import { plainEnd } from './support/plain-rows.js';
import { Random, randomRows } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore, readTable, temporaryFolder } from './support/store.js';
import { threeHours } from './support/three-hours.js';

const days = 20_000;
/** The rows of tests are from the past, which would be dropped as they come. */
const layout = {
  database: 'weir',
  keptDays: { ends: days, intervals: days, opens: days, losses: days, minutes: days, hours: days },
};

function shipTo(
  context: TestContext,
  server: TestClickhouse,
  store: HistoryStore,
  options: Partial<ShipperOptions> = {},
): Shipper {
  const shipper = Shipper.start({
    source: shipSource(store, store.folder),
    target: server.target,
    access: {},
    layout,
    journal: join(store.folder, 'shipped'),
    say: () => {},
    lookMs: 50,
    spreadMs: 0,
    retryMs: 20,
    // Two inserts or more for a segment.
    rowsAtATime: 150,
    ...options,
  });
  context.after(() => shipper[Symbol.asyncDispose]());
  return shipper;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await wait(10)) if (await holds()) return;
  assert.fail(`not in 30 s: ${what}`);
}

async function allShipped(shipper: Shipper): Promise<void> {
  await until(
    'all is shipped',
    () => shipper.status.state === 'shipping' && shipper.status.waiting.segments === 0,
  );
}

/** Rows of a table, and the sums that were made of them. */
async function counts(server: TestClickhouse): Promise<Record<string, number>> {
  const [row] =
    await server.rows(`SELECT (SELECT count() FROM weir.ends), (SELECT count() FROM weir.intervals),
    (SELECT sum(ended) FROM weir.traffic_minutes), (SELECT sum(bytes_sent) FROM weir.traffic_minutes), (SELECT sum(ended) FROM weir.traffic_hours)`);
  const [ends, intervals, ended, bytes, hours] = row!.map(Number);
  return { ends: ends!, intervals: intervals!, ended: ended!, bytes: bytes!, hours: hours! };
}

/** What {@link counts} is for the two hours of three that are in segments. */
async function expectedCounts(store: HistoryStore): Promise<Record<string, number>> {
  const inSegments = ({ time }: { time: bigint }) => time < HOUR + 2n * HOUR_NS;
  const ends = (await readTable(store, 'ends')).filter(inSegments);
  const intervals = (await readTable(store, 'intervals')).filter(inSegments);
  const counted = [...ends.filter((end) => end.interval_rows === 0), ...intervals];
  const bytes = counted.reduce((sum, row) => sum + (row.bytes_sent ?? 0), 0);
  return { ends: ends.length, intervals: intervals.length, ended: ends.length, bytes, hours: ends.length };
}

/** Rows of a table as ClickHouse has them, in the form of the history's. */
async function rowsOf(server: TestClickhouse, table: keyof typeof tables, order: string): Promise<object[]> {
  const columns: Columns = tables[table];
  const names = rowColumns(columns);
  const list = names.map((name) =>
    columns[name]!.kind === 'time' ? `toUnixTimestamp64Nano(${name}) AS t_${name}` : `"${name}"`,
  );
  const rows = await server.rows(`SELECT ${list.join(', ')} FROM weir.${table} ORDER BY ${order}`);
  const read = (name: string, value: unknown) => {
    const { kind } = columns[name]!;
    if (kind === 'time' || kind === 'id') return BigInt(value as string);
    return kind === 'clock' || kind === 'count' ? Number(value) : value;
  };
  return rows.map((row) =>
    Object.fromEntries(
      names.flatMap((name, index) => (row[index] === null ? [] : [[name, read(name, row[index])]])),
    ),
  );
}

describe('shipping to ClickHouse', { skip: withoutClickhouse() }, () => {
  it('brings every value of every column as it is', async (context) => {
    const server = await TestClickhouse.start(context);
    const store = await openStore(context);
    const random = new Random(5);
    const fixed = (index: number) => ({
      flow_ns: BigInt(index),
      time: HOUR + BigInt(index) * 7_000_000_001n,
    });
    const batch = batchOf(1, {
      ends: randomRows(random, tables.ends, 200, fixed),
      intervals: randomRows(random, tables.intervals, 100, fixed),
      opens: randomRows(random, tables.opens, 100, fixed),
      hosts: randomRows(random, tables.hosts, 3, (index) => ({
        time: HOUR + BigInt(index),
        host_id: BigInt(index),
      })),
      losses: randomRows(random, tables.losses, 50, (index) => ({ time: HOUR + BigInt(index) })),
      time: HOUR + 3n * HOUR_NS,
    });
    await store.append(batch);
    await store.maintain();
    await allShipped(shipTo(context, server, store));
    for (const table of segmentTables)
      assert.deepEqual(await rowsOf(server, table, 'flow_ns'), await readTable(store, table, 'flow_ns'));
    for (const table of ['losses', 'hosts'] as const)
      assert.deepEqual(await rowsOf(server, table, 'time'), await readTable(store, table, 'time'));
    const [same] = await server.rows(
      `SELECT countIf(toIPv6(peer_address) = peer_ip AND toIPv6(local_address) = local_ip), uniqExact(shipment) FROM weir.ends`,
    );
    assert.deepEqual(same, ['200', '2']);
  });

  it('has all rows once, and their sums, after every way in which an insert can end', async (context) => {
    const server = await TestClickhouse.start(context);
    const { store } = await threeHours(context);
    const expected = await expectedCounts(store);
    const messages: string[] = [];
    let shipper = shipTo(context, server, store, { say: (message) => messages.push(message) });
    await allShipped(shipper);
    assert.deepEqual(await counts(server), expected);
    assert.match(messages[0]!, /^made the tables in ClickHouse at clickhouse:\/\/127\.0\.0\.1:\d+\/weir$/);
    const [settings] = server.asked
      .filter(({ sql }) => sql.endsWith('FORMAT Parquet'))
      .map((each) => Object.fromEntries(each.settings));
    assert.match(settings!.insert_deduplication_token!, /^[0-9a-f]{64}$/);

    // The journal is lost: ClickHouse knows the tokens.
    await shipper[Symbol.asyncDispose]();
    rmSync(join(store.folder, 'shipped'));
    shipper = shipTo(context, server, store);
    await allShipped(shipper);
    assert.deepEqual(await counts(server), expected);

    // ClickHouse has forgotten the tokens of a try days ago: it is asked for the rows.
    await shipper[Symbol.asyncDispose]();
    const journal = join(store.folder, 'shipped');
    const since = Date.now() - 5 * 86_400_000;
    writeFileSync(
      journal,
      readFileSync(journal, 'utf8').replace(/\{"shipped":"(.*)"\}/g, `{"trying":"$1","since":${since}}`),
    );
    for (const table of ['ends', 'intervals', 'traffic_minutes', 'traffic_hours']) {
      await using connection = server.connect();
      await connection.execute(
        `ALTER TABLE weir.${table} MODIFY SETTING non_replicated_deduplication_window = 0`,
      );
    }
    shipper = shipTo(context, server, store);
    await allShipped(shipper);
    assert.deepEqual(await counts(server), expected);

    for (const mischief of [
      { hangUp: true },
      {
        error: { code: 243, text: 'Cannot reserve 1.00 MiB, not enough space (NOT_ENOUGH_SPACE)', times: 3 },
      },
      { die: 'before' },
      { die: 'between' },
      { die: 'after' },
    ] as const) {
      await shipper[Symbol.asyncDispose]();
      rmSync(join(store.folder, 'shipped'));
      await using connection = server.connect();
      await connection.execute('DROP DATABASE weir SYNC');
      await server.behave(mischief);
      messages.length = 0;
      shipper = shipTo(context, server, store, { say: (message) => messages.push(message) });
      if ('die' in mischief) {
        await server.ended();
        await until('it is said', () => shipper.status.state === 'retrying');
        await server.start();
      } else {
        await until('it is said', () =>
          messages.some((message) => /rows wait, and it is tried again$/.test(message)),
        );
        if ('hangUp' in mischief) await server.behave({});
      }
      await allShipped(shipper);
      assert.deepEqual(await counts(server), expected, JSON.stringify(mischief));
      assert.ok(
        messages.some((message) => message.endsWith('works again')),
        messages.join('\n'),
      );
    }
  });

  it('goes on where a killed process ended', async (context) => {
    const folder = await temporaryFolder(context);
    const server = await TestClickhouse.start(context);
    const { store } = await threeHours(context);
    const expected = await expectedCounts(store);
    await store.close();
    const journal = join(folder, 'shipped');
    const program = new URL('support/ship-child.js', import.meta.url);
    for (let inserts = 1; inserts <= 2; inserts++) {
      const before = server.asked.length;
      const child = fork(program, [store.folder, server.address, journal], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const asked = () =>
        server.asked.slice(before).filter(({ sql }) => /INSERT INTO "weir"."(ends|intervals)"/.test(sql));
      await until('an insert has begun', () => asked().length >= inserts);
      child.kill('SIGKILL');
      await once(child, 'exit');
      // Its last line may be half of one.
      if (inserts === 2) appendFileSync(journal, '{"shipp');
    }
    const again = await openStore(context, { folder: store.folder });
    await allShipped(shipTo(context, server, again, { journal }));
    assert.deepEqual(await counts(server), expected);
    // And once more, with nothing to do.
    const after = server.asked.length;
    await allShipped(shipTo(context, server, again, { journal }));
    assert.ok(
      !server.asked.slice(after).some(({ sql }) => /INSERT INTO "weir"."(ends|intervals)"/.test(sql)),
    );
  });

  it('counts as lost what retention removes before it was shipped, and nothing else', async (context) => {
    const server = await TestClickhouse.start(context);
    const store = await openStore(context, { retention: { ageNs: 2n * HOUR_NS } });
    const random = new Random(3);
    let batches = 0;
    const append = async (hour: bigint, rows: number) => {
      const ends = Array.from({ length: rows }, (_, index) =>
        plainEnd(random, { time: HOUR + hour * HOUR_NS + BigInt(index) * 1_000_000_000n }),
      );
      await store.append(batchOf(++batches, { ends, time: HOUR + (hour + 1n) * HOUR_NS + 120_000_000_000n }));
      await store.maintain();
    };
    const messages: string[] = [];
    const say = (message: string) => messages.push(message);
    let shipper = shipTo(context, server, store, { say });
    await append(0n, 40);
    await until('the first hour is shipped', () => shipper.status.shipped.rows === 40);
    await server.stop();
    await append(1n, 30);
    await until('the second hour waits', () => shipper.status.waiting.rows === 30);
    // The next process knows of it, too.
    await shipper[Symbol.asyncDispose]();
    shipper = shipTo(context, server, store, { say });
    await append(2n, 5);
    await append(4n, 6);
    await until('it is lost', () => shipper.status.lostRows === 30);
    assert.ok(
      messages.includes(`30 rows were removed before ClickHouse had them: ends-2025-11-24T16Z-1.parquet`),
      messages.join('\n'),
    );
    await shipper[Symbol.asyncDispose]();
    shipper = shipTo(context, server, store, { say });
    await server.start();
    await allShipped(shipper);
    const found = await server.rows(
      `SELECT count, toUnixTimestamp64Nano(since), toUnixTimestamp64Nano(time), place, detail FROM weir.losses FINAL`,
    );
    assert.deepEqual(found, [
      [
        '30',
        String(HOUR + HOUR_NS),
        String(HOUR + HOUR_NS + 29_000_000_000n),
        'history',
        'the segment ends-2025-11-24T16Z-1.parquet was removed before it was shipped',
      ],
    ]);
    assert.deepEqual(await server.rows('SELECT count() FROM weir.ends'), [['51']]);
  });

  it('trusts a server by its certificate', async (context) => {
    const folder = await temporaryFolder(context);
    const server = await TestClickhouse.start(context);
    const { store } = await threeHours(context);
    const [key, certificate] = [join(folder, 'server.key'), join(folder, 'server.pem')];
    const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', certificate], {
      stdio: 'pipe',
    });
    const options = { key: readFileSync(key), cert: readFileSync(certificate) };
    const { port } = new URL(server.target.url);
    const front = createServer(options, (socket) => {
      const back = connect(Number(port), '127.0.0.1');
      pipeline(socket, back, socket, () => {});
    }).listen(0, '127.0.0.1');
    context.after(() => front.close());
    await once(front, 'listening');
    const target = parseTarget(`clickhouses://127.0.0.1:${(front.address() as AddressInfo).port}/weir`);
    const journal = join(folder, 'shipped');
    const stranger = shipTo(context, server, store, { target, journal });
    await until('it is not trusted', () => /self.signed/.test(stranger.status.problem ?? ''));
    await stranger[Symbol.asyncDispose]();
    assert.deepEqual(server.asked, []);
    await allShipped(shipTo(context, server, store, { target, journal, access: { caFile: certificate } }));
    assert.deepEqual(await counts(server), await expectedCounts(store));
  });

  it('logs in with the password of a file, which no message and no address has', async (context) => {
    const folder = await temporaryFolder(context);
    const server = await TestClickhouse.start(context);
    const { store } = await threeHours(context);
    const passwordFile = join(folder, 'password');
    appendFileSync(passwordFile, 'wrong-secret\n');
    await server.behave({ login: 'weir:right-secret' });
    const messages: string[] = [];
    const target = { ...server.target, user: 'weir' };
    const shipper = shipTo(context, server, store, {
      say: (message) => messages.push(message),
      target,
      access: { passwordFile },
    });
    await until('it is refused', () => shipper.status.problem?.startsWith('error 516') === true);
    await rm(passwordFile);
    await until('the file is missing', () => shipper.status.problem?.startsWith('ENOENT') === true);
    appendFileSync(passwordFile, 'right-secret\n');
    await allShipped(shipper);
    const said = [...messages, JSON.stringify(shipper.status), ...server.asked.map(({ sql }) => sql)].join(
      '\n',
    );
    assert.doesNotMatch(said, /secret/);
    assert.doesNotMatch(readFileSync(join(store.folder, 'shipped'), 'utf8'), /secret/);
  });
});
