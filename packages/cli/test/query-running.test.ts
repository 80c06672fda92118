/** `weir query` and a running server: it gives the answers that the folder gives. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addToken, removeToken, serverPlaces, WeirServer } from '@weir/server';
import { parseServeConfig } from '@weir/server/config';
import { servePaths } from '@weir/server/serve';
import { selfSigned } from './support/certificate.js';
import { at, END, hour, makeHistory, SECOND, START, weirQuery as weir } from './support/query-history.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-running-'));
const paths = servePaths(folder);
const tokens = serverPlaces(paths.server).tokens;
const first = `${at(START)}..${at(START + 1800n * SECOND)}`;
const second = `${at(START + 1800n * SECOND)}..${at(END)}`;
const selection = 'comm=curl,nginx (peer:10.0.0.0/24 or error=*) user=root,7';

const questions: readonly (readonly string[])[] = [
  [hour],
  [hour, '--limit', '7'],
  [hour, '--filter', 'comm=curl not peer:10.0.1.0/24'],
  [hour, '--filter', selection],
  [hour, '--by', 'process,peer'],
  [hour, '--by', 'process,peer,peer_port,local,local_port,uid,unit,container,host,error', '--limit', '20'],
  [hour, '--by', ''],
  [hour, '--series', '1m'],
  [hour, '--series', '90s', '--by', 'process,error', '--filter', 'duration>1ms'],
  ['--open-at', at(END)],
  ['--open-at', at(START + 1n)],
  ['--open-at', at(END), '--filter', 'comm=ssh state=established', '--limit', '1'],
  [second, '--compare', first],
  [second, '--compare', first, '--by', 'process'],
  ['1969-12-31T23:59:59.5Z..2026-01-01', '--by', 'peer'],
  ['2020-01-01..2020-01-02'],
  ['--sql', 'SELECT * FROM ends ORDER BY time'],
  ['--sql', "SELECT 1.5 AS a, 'x' AS a, [1, NULL] AS c, 'NaN'::DOUBLE AS d, 1::HUGEINT AS e, NULL AS f"],
  ['--sql', 'SELECT time, since, count, place FROM losses', '--limit', '1'],
  ['--sql', 'SELECT nothing FROM ends'],
  ['--sql', 'DROP TABLE ends'],
  ['--sql', "SELECT * FROM read_csv('/etc/passwd')"],
];
const forms = [[], ['--json'], ['--csv']];
const all = questions.flatMap((question) => forms.map((form) => [...question, ...form]));

const config = {
  ...parseServeConfig('{listen: ["127.0.0.1:0"], retention: {age: 1000d}}'),
  folder: paths.server,
};

function start(more: Partial<typeof config> = {}): Promise<WeirServer> {
  return WeirServer.start({
    config: { ...config, ...more },
    version: '1.2.3',
    ingest: paths.socket,
    localSocket: paths.api,
    onProblem: (message) => assert.fail(message),
  });
}

type Answer = Awaited<ReturnType<typeof weir>>;
const fromFolder: Answer[] = [];
const parquet = join(folder, 'folder.parquet');

before(async () => {
  const losses = [
    { host_id: 7n, time: START + 5n, since: START + 1n, count: 3, place: 'ring' },
    { host_id: 7n, time: START + 9n * SECOND, place: 'collector', detail: 'n\u001b' },
  ];
  await (await makeHistory(paths.history, losses)).close();
  mkdirSync(paths.run);
  for (const args of all) fromFolder.push(await weir(...args, '--folder', folder));
  assert.equal((await weir(hour, '--parquet', parquet, '--folder', folder)).code, 0);
});
after(() => rmSync(folder, { recursive: true }));

describe('weir query gives the answer of the folder, to the byte,', () => {
  test('by the local socket, and by a URL', async () => {
    await using server = await start();
    const ways = [
      ['--folder', folder],
      ['--url', server.urls[0]!],
    ];
    for (const way of ways)
      for (const [index, args] of all.entries())
        assert.deepEqual(await weir(...args, ...way), fromFolder[index], [...args, ...way].join(' '));
  });

  test('also where it comes in pages, and the server allows few rows', async () => {
    await using _server = await start({ limits: { ...config.limits, rows: 150 } });
    const whole = fromFolder[all.findIndex((args) => args.join(' ') === `${hour} --json`)];
    assert.deepEqual(await weir(hour, '--json', '--folder', folder), whole);
    const cut = await weir('--sql', 'SELECT 1 FROM range(200)', '--folder', folder);
    assert.match(cut.stderr, /^weir: only the first 150 rows /);
  });

  test('as Parquet, into a new file of its own', async () => {
    await using _server = await start();
    const file = join(folder, 'running.parquet');
    const { code, stderr } = await weir(hour, '--parquet', file, '--folder', folder);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^weir: 400 connections, .*\nweir: 3 events lost, /);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const compare = `SELECT count(*)::INT FROM (FROM '${file}' EXCEPT ALL FROM '${parquet}')`;
    assert.equal(await readValue(compare), 0);
    assert.equal(await readValue(`SELECT count(*)::INT FROM '${file}'`), 400);
    const before = readFileSync(file);
    const again = await weir(hour, '--parquet', file, '--folder', folder);
    assert.deepEqual([again.code, again.stderr], [2, `weir: ${file} exists, and is not overwritten\n`]);
    assert.deepEqual(readFileSync(file), before);
    const nowhere = await weir(hour, '--parquet', '/nonexistent/x', '--folder', folder);
    assert.match(nowhere.stderr, /^weir: \/nonexistent\/x cannot be made: there is no such folder\n$/);
    assert.equal(nowhere.code, 2);
    const within = await weir(hour, '--parquet', join(file, 'x'), '--folder', folder);
    assert.match(within.stderr, /x cannot be made: a part of its path is no folder\n$/);
    assert.equal(within.code, 2);
  });
});

async function readValue(sql: string): Promise<unknown> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const database = await (await DuckDBInstance.create(':memory:')).connect();
  const read = await database.runAndReadAll(sql);
  database.closeSync();
  return read.getRows()[0]![0];
}

/** It must be refused in one line. */
async function refused(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await weir(hour, ...args);
  assert.equal(stdout, '');
  assert.match(stderr, /^weir: [^\n]+\n$/);
  assert.equal(code, 2, stderr);
  return stderr;
}

describe('weir query says in one line, with status 2,', () => {
  test('that no server listens, or that it is another one', async () => {
    assert.match(await refused('--url', 'http://127.0.0.1:1'), /127\.0\.0\.1:1 .*nothing listens there/);
    assert.match(
      await refused('--url', 'http://nowhere.invalid'),
      /no host of that name|cannot be looked up/,
    );
    for (const answer of ['<html>', '{}', '[]', 'null']) {
      const other = createServer((_, response) => response.end(answer)).listen(0, '127.0.0.1');
      try {
        await once(other, 'listening');
        const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
        assert.match(await refused('--url', url), /does not answer as weir serve does/);
        assert.match(await refused('--url', url.replace('http', 'https')), /does not speak TLS/);
      } finally {
        other.close();
      }
    }
  });

  test('that an answer has what no history has, which a terminal could obey', async () => {
    const evil = '\x1b[31mEVIL\n';
    const record = {
      ...{ event: 'close', host: '0', time: at(START), monotonic_ns: 1, duration_us: 1, bytes_sent: 1 },
      network: { transport: 'tcp', type: 'ipv4' },
      local: { address: '10.0.0.1', port: 1 },
      peer: { address: '10.0.0.2', port: 2 },
      process: { pid: 1, comm: 'a' },
    };
    const group = { key: { process: 'a' }, connections: 1, failures: 0, bytes_sent: 1, bytes_received: 1 };
    let answer: object = {};
    const server = createServer(({ url }, response) => {
      const isStatus = url!.includes('/status');
      const body = isStatus ? { limits: { rows: 1000 } } : { losses: [], unrecorded: [], ...answer };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
    server.listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      answer = { connections: [record], count: 1 };
      assert.equal((await weir(hour, '--url', url)).code, 0);
      for (const changed of [
        { event: evil },
        { event: 'toString' },
        { direction: 'constructor' },
        { closed_by: evil },
        { network: { transport: evil, type: 'ipv4' } },
        { local: { address: evil, port: 1 } },
        { peer: { address: '10.0.0.1', port: evil } },
        { process: { pid: evil } },
        { process: null },
        { bytes_sent: evil },
        { duration_us: evil },
        { datagrams_sent: evil },
      ]) {
        answer = { connections: [{ ...record, ...changed }], count: 1 };
        const { code, stderr } = await weir(hour, '--url', url);
        assert.match(
          stderr,
          /^weir: [^\n]* gave an answer that makes no sense here[^\n]*\n$/,
          JSON.stringify(changed),
        );
        assert.equal(code, 1);
      }
      for (const changed of [{ connections: evil }, { bytes_sent: evil }, { key: evil }]) {
        answer = { groups: [{ ...group, ...changed }], total: group, count: 1 };
        const { stdout, stderr } = await weir(hour, '--by', 'process', '--url', url);
        assert.match(stderr, /makes no sense here/, JSON.stringify(changed));
        assert.equal(stdout, '');
      }
    } finally {
      server.close();
    }
  });

  test('that a URL or a file makes no sense', async () => {
    for (const url of ['db1', 'db1:9436', 'ftp://x', 'https://', 'http://a:b@c', 'http://x/?a'])
      assert.match(await refused('--url', url), /^weir: --url: /);
    const at = ['--url', 'http://127.0.0.1:1'];
    assert.match(await refused(...at, '--token', '/nonexistent'), /\/nonexistent: no such file/);
    writeFileSync(join(folder, 'empty'), '\n');
    assert.match(await refused(...at, '--token', join(folder, 'empty')), /holds no token/);
    assert.match(await refused(...at, '--cacert', '/nonexistent'), /\/nonexistent: no such file/);
    assert.match(await refused(...at, '--folder', folder), /cannot be used with/);
  });

  test('that a token is wanted, wrong, or does not allow this', async () => {
    await using server = await start();
    const url = ['--url', server.urls[0]!];
    writeFileSync(join(folder, 'token'), `${addToken(tokens, { name: 'reader', role: 'read' })}\n`);
    writeFileSync(join(folder, 'wrong'), `weir_${'x'.repeat(43)}\n`);
    await server.reload(config);
    try {
      assert.match(await refused(...url), /wants a token: --token FILE/);
      assert.match(await refused(...url, '--token', join(folder, 'wrong')), /refuses the token/);
      const token = [...url, '--token', join(folder, 'token')];
      assert.equal((await weir(hour, ...token)).code, 0);
      const { code, stderr } = await weir('--sql', 'SELECT 1', ...token);
      assert.match(stderr, /^weir: .*needs the role sql, and reader has read\n$/);
      assert.equal(code, 2);
      assert.equal((await weir(hour, '--folder', folder)).code, 0, 'the local socket wants none');
    } finally {
      removeToken(tokens, 'reader');
    }
  });

  test('that the certificate is nobody known, unless --cacert names it', async () => {
    const { certificate, key } = selfSigned(folder);
    await using server = await start({ tls: { certificate, key } });
    const [url] = server.urls;
    assert.match(url!, /^https:/);
    assert.match(await refused('--url', url!), /nobody known has signed its certificate: --cacert FILE/);
    assert.match(await refused('--url', url!.replace('https', 'http')), /HTTPS|https/);
    const known = await weir(hour, '--url', url!, '--cacert', certificate);
    assert.deepEqual(known, fromFolder[0]);
    const named = url!.replace('127.0.0.1', 'localhost');
    assert.match(await refused('--url', named, '--cacert', certificate), /certificate is for another name/);
  });
});
