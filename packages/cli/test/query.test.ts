/** `weir query` over a history that the test makes. */
import assert from 'node:assert/strict';
import {
  createWriteStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { type EndRow, exportHistory } from '@weir/history';
import { timeText } from '@weir/history/rows';
import { folderQuestions } from '../src/query/folder-questions.js';
import {
  at,
  COUNT,
  END,
  ends,
  hostile,
  hour,
  makeHistory,
  SECOND,
  START,
  weirQuery as weir,
} from './support/query-history.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-query-'));
/** What the history has in its folder before it is asked. */
let kept: string[];

before(async () => {
  const store = await makeHistory(join(folder, 'server', 'history'));
  const exported = await exportHistory(store, { range: { from: START, to: END } });
  await pipeline(exported, createWriteStream(join(folder, 'hour.weir')));
  await store.close();
  kept = readdirSync(join(folder, 'server', 'history')).toSorted();
});
after(() => rmSync(folder, { recursive: true }));

/** Asks the folder of this test. */
async function ask(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await weir(...args, '--folder', folder);
  assert.equal(code, 0, stderr);
  return { stdout, stderr };
}

const objects = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
const sum = (rows: readonly EndRow[], name: 'bytes_sent' | 'retransmits') =>
  rows.reduce((total, row) => total + row[name]!, 0);

describe('SQL about a folder or an exported file', () => {
  for (const [name, path] of [
    ['folder', folder],
    ['exported file', join(folder, 'hour.weir')],
  ] as const)
    test(`ends when it takes too long: ${name}`, async () => {
      await using impatient = await folderQuestions(path, 100);
      const endless = impatient.sql({ sql: 'SELECT count(*) FROM range(10000000000) a, range(1000) b' });
      await assert.rejects(endless, /the question took longer than 100 ms: ask about less/);
      await using questions = await folderQuestions(path);
      assert.deepEqual((await questions.sql({ sql: 'SELECT 7 AS n' })).rows, [[7]]);
    });
});

describe('weir query prints connections', () => {
  test('as text, the newest first, and says that nothing was lost', async () => {
    const { stdout, stderr } = await ask(hour);
    const lines = stdout.split('\n').slice(0, -1);
    const connections = lines.filter((line) => / (close|fail) /.test(line));
    assert.equal(connections.length, COUNT);
    assert.match(connections[0]!, /10\.0\.0\.1:40399 +→ /);
    assert.match(connections.at(-1)!, /10\.0\.0\.1:40000 +→ /);
    assert.match(lines[1]!, /^\d{4}-\d\d-\d\d$/);
    assert.match(stderr, /^weir: 400 connections, .*; none lost\n$/);
  });

  test('with hostile names escaped in every form', async () => {
    for (const form of [[], ['--json'], ['--csv'], ['--by', 'process'], ['--by', 'process', '--csv']]) {
      const { stdout } = await ask(hour, ...form);
      assert.ok(!stdout.includes('\u001b'), form.join(' '));
      assert.match(stdout, /x1b|u001b/, form.join(' '));
    }
    const { stdout } = await ask('--sql', 'SELECT comm FROM ends WHERE flow_ns = 4');
    assert.equal(stdout, 'comm\n\\x1b[2Jx,"\\n\n');
  });

  test('as JSON with the fields of records', async () => {
    const { stdout } = await ask(hour, '--json');
    const found = objects(stdout).reverse();
    assert.equal(found.length, COUNT);
    for (const [index, row] of ends.entries()) {
      assert.equal(found[index].event, row.event);
      assert.equal(found[index].time, timeText(row.time));
      assert.deepEqual(found[index].process, { pid: row.pid, comm: row.comm });
      assert.deepEqual(found[index].local, { address: '10.0.0.1', port: row.local_port });
      assert.equal(found[index].bytes_sent, row.bytes_sent);
      assert.equal(found[index].error, row.error);
    }
  });

  test('as CSV', async () => {
    const { stdout } = await ask(hour, '--csv', '--filter', 'error=*');
    const [header, ...lines] = stdout.split('\n').slice(0, -1);
    const names = header!.split(',');
    assert.equal(lines.length, ends.filter(({ error }) => error !== undefined).length);
    for (const line of lines) assert.equal(line.split(',')[names.indexOf('error')], 'ECONNREFUSED');
  });

  test('as Parquet, into a new file of its own', async () => {
    const file = join(folder, 'hour.parquet');
    const { stderr, stdout } = await ask(hour, '--parquet', file, '--filter', 'comm=curl');
    assert.equal(stdout, '');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const wanted = ends.filter(({ comm }) => comm === 'curl');
    assert.match(stderr, new RegExp(`^weir: ${wanted.length} connections, `));
    const database = await (await DuckDBInstance.create(':memory:')).connect();
    const read = await database.runAndReadAll(`SELECT count(*)::INT, sum(bytes_sent)::INT FROM '${file}'`);
    database.closeSync();
    assert.deepEqual(read.getRows(), [[wanted.length, sum(wanted, 'bytes_sent')]]);
    const before = readFileSync(file);
    const again = await weir(hour, '--parquet', file, '--folder', folder);
    assert.deepEqual([again.code, again.stderr], [2, `weir: ${file} exists, and is not overwritten\n`]);
    assert.deepEqual(readFileSync(file), before);
  });

  test('as many as are wanted, and says that there are more', async () => {
    const { stdout, stderr } = await ask(hour, '--json', '--limit', '7');
    assert.equal(objects(stdout).length, 7);
    assert.match(stderr, /^weir: the last 7 connections \(--limit shows more\), /);
  });

  test('of an exported file', async () => {
    const { code, stdout } = await weir(hour, '--json', '--folder', join(folder, 'hour.weir'));
    assert.equal(code, 0);
    assert.equal(stdout, (await ask(hour, '--json')).stdout);
  });

  test('and leaves no file behind', () => {
    assert.deepEqual(readdirSync(join(folder, 'server', 'history')).toSorted(), kept);
  });
});

describe('weir query answers about', () => {
  test('groups, with totals and percentiles', async () => {
    const { stdout } = await ask(hour, '--by', 'process,peer', '--json');
    const groups = objects(stdout);
    for (const { key, ...group } of groups) {
      const rows = ends.filter((row) => row.comm === key.process && row.peer_address === key.peer);
      assert.equal(group.connections, rows.length);
      assert.equal(group.failures, rows.filter(({ event }) => event === 'fail').length);
      assert.equal(group.bytes_sent, sum(rows, 'bytes_sent'));
      assert.equal(group.retransmits, sum(rows, 'retransmits'));
      assert.deepEqual(Object.keys(group.percentiles.handshake_us), ['p50', 'p95', 'p99']);
    }
    const text = await ask(hour, '--by', 'process,peer', '--limit', '2');
    assert.match(text.stdout, /^PROCESS +PEER +CONNS +FAILED +SENT +RECEIVED +RATE +RETRANS +HANDSHAKE p50/);
    assert.match(text.stderr, new RegExp(`^weir: 2 of ${groups.length} groups, 400 connections, `));
  });

  test('minutes', async () => {
    const { stdout } = await ask(hour, '--series', '1m', '--json');
    const points = objects(stdout);
    assert.equal(points.length, 60);
    assert.equal(points[0].time, timeText(START));
    assert.equal(
      points.reduce((total, point) => total + point.connections, 0),
      COUNT,
    );
    const csv = await ask(hour, '--series', '30m', '--by', 'process', '--csv');
    assert.match(csv.stdout, /^time,key\.process,connections,/);
  });

  test('what was open', async () => {
    const moment = at(END);
    const { stdout, stderr } = await ask(
      '--open-at',
      moment,
      '--json',
      '--filter',
      'comm=ssh state=established',
    );
    assert.deepEqual(
      objects(stdout).map(({ local }) => local.port),
      [1, 2],
    );
    assert.match(stderr, /^weir: 2 connections open, /);
    const text = await ask('--open-at', moment, '--filter', 'comm=ssh');
    assert.match(
      text.stdout,
      /^ +AGE .*\n1m30s +5 +ssh +10\.0\.0\.1:1 +10\.0\.0\.9:22 +established +1\.50 kB/,
    );
  });

  test('two ranges compared, and what was lost in each', async () => {
    const later = `${at(START + 1800n * SECOND)}..${at(END)}`;
    const early = `${at(START)}..${at(START + 1800n * SECOND)}`;
    const { stdout, stderr } = await ask(later, '--compare', early, '--by', 'process', '--json');
    const gone = objects(stdout).find(({ changes }) => changes.includes('gone'));
    assert.equal(gone.key.process, hostile);
    assert.equal(gone.now, undefined);
    assert.match(stderr, /differ, .*; none lost\nweir: compared with .*; none lost\n$/);
    assert.match((await ask(later, '--compare', early)).stdout, /^PROCESS +PEER +CHANGES/);
  });

  test('SQL that reads', async () => {
    const { stdout } = await ask(
      '--sql',
      'SELECT event, count(*) AS n FROM ends GROUP BY event ORDER BY 1',
      '--json',
    );
    const fails = ends.filter(({ event }) => event === 'fail').length;
    assert.deepEqual(objects(stdout), [
      { event: 'close', n: String(COUNT - fails) },
      { event: 'fail', n: String(fails) },
    ]);
    const cut = await ask('--sql', 'SELECT 1 AS a, 2 AS a FROM range(5)', '--csv', '--limit', '1');
    assert.deepEqual([cut.stdout, cut.stderr], ['a,a_2\n1,2\n', 'weir: only the first 1 row (--limit)\n']);
  });

  test('times in which nothing was recorded, and never says that none was lost there', async () => {
    const { stderr } = await ask(`${at(START - 600n * SECOND)}..${at(END)}`, '--by', 'peer');
    assert.match(stderr, /not recorded, no longer kept, or not in yet, .* \(10m00s\)\n$/);
    assert.ok(!stderr.includes('none lost'));
  });
});

describe('weir query refuses in one line, with status 2,', () => {
  const cases: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [['tomorow'], /range: "tomorow" is no time: write one such as -1h/],
    [['-1x'], /range: "-1x" is no time/],
    [['11:00..10:00..9:00'], /a range has two ends/],
    [['--open-at', 'noonish'], /--open-at: "noonish" is no time/],
    [['--compare', '1..2'], /--compare: "1" is no time/],
    [['--filter', 'com:curl'], /--filter: .*did you mean comm.*\(column 1\)/],
    [['--filter', 'comm=curl (pid=1'], /--filter: .*\(column \d+\)/],
    [['--filter', 'state=established'], /--filter: .*connections that ended do not have it/],
    [['--by', 'process,per'], /--by: "per" is no field to group by; did you mean peer\? \(column 9\)/],
    [['--by', 'peer,peer'], /--by: peer is there twice \(column 6\)/],
    [['--series', '1ms'], /--series: expected at least a second/],
    [['--series', 'x'], /--series: /],
    [['--limit', '0'], /--limit/],
    [['--series', '1m', '--open-at', '10:00'], /--series and --open-at are different questions/],
    [['-1h', '--open-at', '10:00'], /leave out the range/],
    [['-1h', '--sql', 'SELECT 1'], /leave out the range/],
    [['--sql', ' '], /--sql: expected a statement/],
    [['--sql', 'SELECT 1', '--by', 'peer'], /cannot be used with/],
    [['--json', '--csv'], /cannot be used with/],
    [['--parquet', '/nonexistent/x', '--by', 'peer'], /cannot be used with/],
    [['--parquet', '/nonexistent/x'], /\/nonexistent\/x cannot be made: there is no such folder/],
    [['--parquet', '/dev/full'], /: \/dev\/full exists, and is not overwritten/],
    [['--parquet', '/dev/full/x'], /: \/dev\/full\/x cannot be made: a part of its path is no folder/],
    [['--parquet', `/tmp/${'x'.repeat(300)}`], /: \/tmp\/x{300} cannot be made: its name is too long/],
    [['--parquet', ''], /: expected the name of a file/],
    [['--by', 'process,'], /--by: expected a field between commas, such as process,peer \(column 9\)/],
    [['--by', ',peer'], /--by: expected a field between commas, such as process,peer \(column 1\)/],
    [['--sql', 'DROP TABLE ends'], /sql: /],
    [['--sql', "COPY ends TO '/tmp/x'"], /sql: /],
    [['--sql', "SELECT * FROM read_csv('/etc/passwd')"], /sql: /],
    [['--sql', 'SELECT 1; SELECT 2'], /sql: expected one statement/],
    [['one', 'two'], /too many arguments/],
  ];
  for (const [args, says] of cases) {
    test(args.join(' '), async () => {
      const { code, stdout, stderr } = await weir(...args, '--folder', folder);
      assert.equal(stderr.split('\n').length, 2, stderr);
      assert.match(stderr, says);
      assert.deepEqual([code, stdout.replace(/^TIME .*\n/, '')], [2, '']);
    });
  }

  test('a folder that has no history', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'weir-empty-'));
    try {
      const { code, stderr } = await weir('--folder', empty);
      assert.match(
        stderr,
        /^weir: \S+ has no history: weir serve keeps one there, or --folder names another\n$/,
      );
      assert.equal(code, 2);
    } finally {
      rmSync(empty, { recursive: true });
    }
  });

  test('a folder that does not exist', async () => {
    const { code, stderr } = await weir('--folder', '/nonexistent');
    assert.deepEqual(
      [code, stderr],
      [2, 'weir: /nonexistent does not exist: weir serve keeps a history there\n'],
    );
  });

  test('a file that is no exported history, with status 2', async () => {
    const file = join(folder, 'no.weir');
    writeFileSync(file, 'no tar at all');
    const { code, stderr } = await weir('--folder', file);
    assert.match(stderr, /^weir: .*no exported history.*\n$/);
    assert.equal(code, 2);
  });
});

test('weir query about an exported file that is damaged says so, without the place to which it was unpacked', async () => {
  const file = join(folder, 'damaged.weir');
  const bytes = readFileSync(join(folder, 'hour.weir'));
  const name = bytes.indexOf('ends.parquet');
  // Data pages of the table: its beginning and its footer stay as they are.
  bytes.fill(0x5a, name + 512 + 200, name + 512 + 2200);
  writeFileSync(file, bytes);
  const { code, stderr } = await weir(hour, '--by', 'process,peer,local_port', '--folder', file);
  assert.equal(code, 2);
  assert.match(stderr, /^weir: .*damaged\.weir is damaged: .*ends\.parquet.*\n$/);
  assert.doesNotMatch(stderr, /weir-export-/);
});

test('weir query names what has the history open', async () => {
  const path = join(folder, 'busy');
  const child = await import('node:child_process');
  const source = `import { HistoryStore } from '@weir/history';
    await HistoryStore.open({ folder: ${JSON.stringify(join(path, 'history'))}, minimumFreeBytes: 0 });
    console.log('open'); process.stdin.resume();`;
  const other = child.spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: new URL('..', import.meta.url),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => other.stdout.once('data', resolve));
    const { code, stderr } = await weir('--folder', path);
    assert.equal(code, 1);
    assert.match(stderr, /^weir: .*busy: weir serve has this history open; .*\n$/);
  } finally {
    other.kill('SIGKILL');
  }
});
