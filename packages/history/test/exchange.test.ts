import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  createWriteStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { FormatError, OptionError } from '@weir/ebpf/errors';
import { DamagedHistoryError, ExportedHistory, exportHistory, type HistoryReader } from '../src/index.js';
import { queryGroups, queryOpenAt, querySql } from '../src/query/index.js';
import { plainEnd, plainInterval, plainOpen } from './support/plain-rows.js';
import { Random } from './support/random-rows.js';
import { batchOf, HOUR, HOUR_NS, openStore, readTable, temporaryFolder } from './support/store.js';

const range = { from: HOUR + HOUR_NS / 2n, to: HOUR + (5n * HOUR_NS) / 2n };

async function threeHours(context: TestContext) {
  const store = await openStore(context);
  const random = new Random(71);
  for (let hour = 0n; hour < 3n; hour++) {
    const start = HOUR + hour * HOUR_NS;
    const time = () => start + (random.wide() % HOUR_NS);
    await store.append(
      batchOf(Number(hour) + 1, {
        time: start + HOUR_NS,
        sweep: 'full',
        ends: Array.from({ length: 200 }, () => plainEnd(random, { time: time(), flow_ns: random.wide() })),
        intervals: Array.from({ length: 50 }, () => plainInterval(random, { time: time() })),
        opens: Array.from({ length: 20 }, () =>
          plainOpen(random, { time: start + HOUR_NS, flow_ns: random.wide(), started: start }),
        ),
        losses: [{ time: start + HOUR_NS / 2n, count: Number(hour), place: 'ring' }],
      }),
    );
    await store.maintain();
  }
  return store;
}

async function exported(context: TestContext, reader: HistoryReader): Promise<string> {
  const path = join(await temporaryFolder(context), 'history.weir');
  await pipeline(await exportHistory(reader, { range }), createWriteStream(path));
  return path;
}

async function opened(context: TestContext, path: string): Promise<ExportedHistory> {
  const history = await ExportedHistory.open(path, { temporary: await temporaryFolder(context) });
  context.after(() => history.close());
  return history;
}

describe('an exported history', () => {
  test('answers as the one that it is from', async (context) => {
    const store = await threeHours(context);
    const history = await opened(context, await exported(context, store));
    assert.deepEqual(history.range, range);
    const ask = async (reader: HistoryReader) => [
      await queryGroups(reader, { range, by: ['process', 'peer'], percentiles: [0.5, 0.99] }),
      await queryOpenAt(reader, { at: range.from }),
      await queryOpenAt(reader, { at: HOUR + HOUR_NS }),
    ];
    assert.deepEqual(await ask(history), await ask(store));
    const beyond = await queryGroups(history, {
      range: { from: range.from, to: range.to + HOUR_NS },
      by: [],
    });
    assert.deepEqual(beyond.unrecorded, [{ from: range.to, to: range.to + HOUR_NS }]);
    const before = await queryGroups(history, {
      range: { from: range.from - HOUR_NS, to: range.to },
      by: [],
    });
    assert.deepEqual(before.unrecorded, [{ from: range.from - HOUR_NS, to: range.from }]);
    await assert.rejects(querySql(history, { sql: "SELECT * FROM read_text('/etc/passwd')" }), OptionError);
  });

  test('can be exported again, and leaves nothing behind', async (context) => {
    const store = await threeHours(context);
    const history = await opened(context, await exported(context, store));
    const again = await opened(context, await exported(context, history));
    assert.deepEqual(
      await readTable(again, 'ends', 'time, flow_ns'),
      await readTable(history, 'ends', 'time, flow_ns'),
    );
    assert.deepEqual(readdirSync(join(store.folder, 'tmp')), []);
  });

  test('is a tar of Parquet files', async (context) => {
    const path = await exported(context, await threeHours(context));
    const names = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(names, [
      'manifest.json',
      'ends.parquet',
      'intervals.parquet',
      'opens.parquet',
      'losses.parquet',
      'hosts.parquet',
      'batches.parquet',
    ]);
  });
});

function changeManifest(folder: string, what: RegExp, replacement: string): void {
  const path = join(folder, 'manifest.json');
  const text = readFileSync(path, 'utf8');
  assert.match(text, what);
  writeFileSync(path, text.replace(what, replacement));
}

/** Changes bytes of the header of the first file of a tar, whose checksum is right afterwards. */
function changeHeader(path: string, at: number, bytes: Buffer): void {
  const tar = readFileSync(path);
  bytes.copy(tar, at);
  tar.fill(' ', 148, 156);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  writeFileSync(path, tar);
}

describe('a file that is no exported history', () => {
  /** The files of an exported history, which a test changes and packs. */
  async function unpacked(
    context: TestContext,
  ): Promise<{ folder: string; pack: (...names: string[]) => string }> {
    const path = await exported(context, await threeHours(context));
    const folder = mkdtempSync(join(await temporaryFolder(context), 'files-'));
    execFileSync('tar', ['-C', folder, '-xf', path]);
    const pack = (...names: string[]) => {
      execFileSync('tar', ['-C', folder, '-cf', path, ...(names.length > 0 ? names : readdirSync(folder))]);
      return path;
    };
    return { folder, pack };
  }

  const changes: readonly (readonly [string, RegExp, (folder: string) => void])[] = [
    ['has a file more', /"more" is not expected in it/, (folder) => writeFileSync(join(folder, 'more'), '')],
    [
      'has a symbolic link',
      /"ends.parquet" is no plain file/,
      (folder) => {
        execFileSync('rm', [join(folder, 'ends.parquet')]);
        symlinkSync('/etc/passwd', join(folder, 'ends.parquet'));
      },
    ],
    [
      'lacks a table',
      /is cut off: it has no ends.parquet/,
      (folder) => execFileSync('rm', [join(folder, 'ends.parquet')]),
    ],
    [
      'lacks its manifest',
      /it has no manifest.json/,
      (folder) => execFileSync('rm', [join(folder, 'manifest.json')]),
    ],
    [
      'has a manifest that is no JSON',
      /is no JSON/,
      (folder) => writeFileSync(join(folder, 'manifest.json'), '{'),
    ],
    [
      'has a manifest of null',
      /is not that of an exported history/,
      (folder) => writeFileSync(join(folder, 'manifest.json'), 'null'),
    ],
    [
      'has a manifest that is too long',
      /more than 65536 bytes/,
      (folder) => writeFileSync(join(folder, 'manifest.json'), ' '.repeat(70_000)),
    ],
    [
      'ends before it begins',
      /manifest.json has a range that ends before it begins/,
      (folder) => changeManifest(folder, /"to_ns": "\d+"/, '"to_ns": "-1"'),
    ],
    [
      'has a time that is none',
      /manifest.json lacks/,
      (folder) => changeManifest(folder, /"to_ns": "\d+"/, '"to_ns": "9999999999999999999"'),
    ],
    [
      'is of a later version',
      /version 99 of the schema: use a newer Weir/,
      (folder) => changeManifest(folder, /"schema": \d+/, '"schema": 99'),
    ],
    [
      'has a table that is no Parquet',
      /ends.parquet: its file is too short/,
      (folder) => writeFileSync(join(folder, 'ends.parquet'), 'x'),
    ],
    [
      'has one table in the place of another',
      /ends.parquet: its column duration_us is missing|ends.parquet: its column/,
      (folder) => writeFileSync(join(folder, 'ends.parquet'), readFileSync(join(folder, 'opens.parquet'))),
    ],
  ];
  for (const [how, message, change] of changes) {
    test(`is refused when it ${how}`, async (context) => {
      const { folder, pack } = await unpacked(context);
      change(folder);
      const temporary = await temporaryFolder(context);
      const path = pack();
      await assert.rejects(ExportedHistory.open(path, { temporary }), (error) => {
        assert.ok(error instanceof FormatError, String(error));
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(path), error.message);
        return true;
      });
      assert.deepEqual(readdirSync(temporary), []);
    });
  }

  test('is refused when it has too many bytes', async (context) => {
    const path = await exported(context, await threeHours(context));
    await assert.rejects(ExportedHistory.open(path, { mostBytes: 1000 }), /more than 1000 bytes/);
  });

  test('is refused when a size in it is no number, or compressed, or cut off, in plain words', async (context) => {
    const path = await exported(context, await threeHours(context));
    const bytes = readFileSync(path);
    const temporary = await temporaryFolder(context);
    const refused = async (says: RegExp) => {
      await assert.rejects(ExportedHistory.open(path, { temporary }), { name: 'FormatError', message: says });
      assert.deepEqual(readdirSync(temporary), []);
    };
    for (const size of ['zzzzzzzzzzz\0', '           x']) {
      writeFileSync(path, bytes);
      changeHeader(path, 124, Buffer.from(size));
      await refused(/"manifest.json" has no size$/);
    }
    writeFileSync(path, gzipSync(bytes));
    await refused(/it is no tar, or damaged, or compressed$/);
    writeFileSync(path, bytes.subarray(0, -3000));
    await refused(/is cut off/);
  });

  test('is damaged, whatever DuckDB says of a table', async (context) => {
    const { folder, pack } = await unpacked(context);
    const table = join(folder, 'ends.parquet');
    const bytes = readFileSync(table);
    const temporary = await temporaryFolder(context);
    let errors = 0;
    const count = (error: Error, says: RegExp) => {
      errors++;
      assert.match(error.message, says);
      assert.ok(!error.message.includes(temporary), error.message);
    };
    for (let place = 10; place < bytes.length - 5000; place += Math.ceil(bytes.length / 25)) {
      const damaged = Buffer.from(bytes);
      damaged.fill(0xff, place, place + 8);
      writeFileSync(table, damaged);
      const path = pack();
      const history = await ExportedHistory.open(path, { temporary }).catch((error: Error) => {
        assert.ok(error instanceof FormatError, error.stack);
        count(error, / is damaged: |ends\.parquet: its column \w+ has a value that no history has/);
      });
      for (const ask of [
        (reader: HistoryReader) => queryGroups(reader, { range, by: ['process'] }),
        (reader: HistoryReader) => querySql(reader, { sql: 'SELECT max(columns(*)) FROM ends' }),
      ])
        if (history)
          await ask(history).catch((error: Error) => {
            assert.ok(error instanceof DamagedHistoryError, error.stack);
            count(error, /^the exported history is damaged: /);
          });
      await history?.close();
    }
    assert.ok(errors > 0);
  });

  const evil = "chr(27) || '[31m' || chr(10) || '<script>' || chr(8238)";
  const values: readonly (readonly [string, string, RegExp])[] = [
    ['ends', `${evil} AS transport`, /ends\.parquet: its column transport has a value/],
    ['ends', `${evil} AS closed_by`, /column closed_by/],
    ['ends', "'toString' AS event", /column event/],
    ['ends', "'constructor' AS direction", /column direction/],
    ['intervals', `${evil} AS peer_address`, /intervals\.parquet: its column peer_address/],
    ['opens', 'NULL::VARCHAR AS local_address', /column local_address/],
    ['ends', 'CASE WHEN pid % 2 = 0 THEN time END AS time', /column time/],
    ['ends', 'NULL::UBIGINT AS host_id', /column host_id/],
    ['ends', "repeat('A', 100000) AS comm", /column comm/],
    ['losses', `${evil} AS place`, /losses\.parquet: its column place/],
    ['losses', 'NULL::VARCHAR AS place', /column place/],
  ];
  for (const [table, replaced, message] of values)
    test(`is refused when a row of ${table} has ${replaced}`, async (context) => {
      const { folder, pack } = await unpacked(context);
      const path = join(folder, `${table}.parquet`);
      const database = await DuckDBInstance.create();
      const connection = await database.connect();
      await connection.run(
        `COPY (SELECT * REPLACE (${replaced}) FROM read_parquet('${path}')) TO '${path}.new' (FORMAT parquet)`,
      );
      connection.closeSync();
      database.closeSync();
      renameSync(`${path}.new`, path);
      await assert.rejects(ExportedHistory.open(pack()), { name: 'FormatError', message });
    });

  test('is refused when it is not there, or no plain file', async (context) => {
    const folder = await temporaryFolder(context);
    await assert.rejects(ExportedHistory.open(join(folder, 'none')), OptionError);
    await assert.rejects(ExportedHistory.open(folder), /is no plain file/);
    await assert.rejects(ExportedHistory.open('/dev/zero'), /is no plain file/);
  });

  test('is refused, or answers with an error, with bytes changed at 60 random places', async (context) => {
    const path = await exported(context, await threeHours(context));
    const bytes = readFileSync(path);
    const random = new Random(81);
    const temporary = await temporaryFolder(context);
    for (let index = 0; index < 60; index++) {
      const damaged = Buffer.from(index % 3 === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes);
      if (index % 3 > 0)
        for (let place = 0; place < 20; place++) damaged[random.below(damaged.length)] = random.below(256);
      writeFileSync(path, damaged);
      try {
        const history = await ExportedHistory.open(path, { temporary });
        await queryGroups(history, { range, by: ['process'] }).catch(() => {});
        await history.close();
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
      }
    }
    assert.deepEqual(readdirSync(temporary), []);
  });
});
