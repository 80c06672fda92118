/** The server process as a whole. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SCHEMA_VERSION } from '@weir/history/schema';
import { newToken } from '@weir/http/auth';
import { viewOf } from '../src/collector/collector-view.js';
import { parseServeConfig, type ServeConfig } from '../src/config/index.js';
import { addToken, serverPlaces, WeirServer } from '../src/index.js';
import { IngestClient, PROTOCOLS } from '../src/ingest/index.js';
import { at, endRow, epoch } from './support/batches.js';

let folder = '';
let problems: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-server-'));
  problems = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function configOf(more: Partial<ServeConfig> = {}): ServeConfig {
  return { ...parseServeConfig('listen: ["127.0.0.1:0"]'), folder, ...more };
}

function start(config = configOf(), more = {}) {
  const onProblem = (message: string) => problems.push(message);
  return WeirServer.start({
    config,
    version: '1.2.3',
    ingest: join(folder, 'ingest.sock'),
    onProblem,
    ...more,
  });
}

async function statusOf(server: WeirServer, path: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`http://127.0.0.1:${server.addresses[0]!.port}/api/v1${path}`, { headers });
  await response.arrayBuffer();
  return response.status;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await sleep(20))
    assert.ok(Date.now() < deadline, what);
}

function local(path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: join(folder, 'api.sock'), path: `/api/v1${path}` };
    request(options, (response) => resolve(json(response)))
      .on('error', reject)
      .end();
  });
}

describe('a server', () => {
  it('stores what a collector sends, and still has it when it is started again', async () => {
    const onProblem = (message: string) => problems.push(message);
    const versions = { protocols: PROTOCOLS, version: '1.2.3', schema: SCHEMA_VERSION };
    {
      await using server = await start();
      assert.equal(await statusOf(server, '/ready'), 503);
      const client = new IngestClient({ path: join(folder, 'ingest.sock'), versions, epoch, onProblem });
      client.send({ time: at(1), monotonic_ns: 2e9, ends: [endRow(1), endRow(2)], goodbye: true });
      assert.ok(await client.close(10_000));
    }
    await using _server = await start(configOf(), { localSocket: join(folder, 'api.sock') });
    const { connections } = (await local('/connections?range=2026-09-21T14:13:00Z..%2B1h')) as {
      connections: object[];
    };
    assert.equal(connections.length, 2);
    assert.deepEqual(problems, []);
  });

  it('says how it is configured, how much it has, and what a collector cannot see', async () => {
    const onProblem = (message: string) => problems.push(message);
    const versions = { protocols: PROTOCOLS, version: '1.2.4', schema: SCHEMA_VERSION };
    await using server = await start(configOf(), { localSocket: join(folder, 'api.sock') });
    const before = (await local('/server')) as { collectors: object[] };
    assert.deepEqual(before.collectors, []);
    const hook = { purpose: 'process that accepts', candidates: [], consequence: 'some are late' };
    const unused = { purpose: 'file descriptors of watched processes', candidates: [], chosen: 'fentry' };
    const partial = { what: 'other namespaces are not seen', advice: 'run it elsewhere' };
    const plan = [{ ...hook, chosen: 'kretprobe:x', partial }, { ...hook, purpose: 'more' }, unused];
    const view = viewOf(plan, 'no /proc');
    const path = join(folder, 'ingest.sock');
    const client = new IngestClient({ path, versions, epoch, view, onProblem });
    client.send({ time: at(1), monotonic_ns: 2e9, ends: [endRow(1)] });
    await until('a batch is stored', async () => 'watermark' in ((await local('/status')) as object));
    const { collectors, retention, history, listen } = (await local('/server')) as {
      collectors: object[];
      retention: object;
      history: { database_bytes: number; free_bytes: number };
      listen: string[];
    };
    assert.deepEqual(collectors, [
      {
        version: '1.2.4',
        hooks: [
          {
            purpose: 'process that accepts',
            hook: 'kretprobe:x',
            blind: ['some are late', 'other namespaces are not seen'],
          },
          { purpose: 'more', blind: ['some are late'] },
        ],
        problems: ['no /proc'],
      },
    ]);
    assert.deepEqual(retention, { seconds: 30 * 86_400, bytes: 1e10 });
    assert.ok(history.database_bytes > 0 && history.free_bytes > 0);
    assert.deepEqual(listen, server.urls);
    assert.ok(await client.close(10_000));
    assert.deepEqual(problems, []);
  });

  it('answers though the ClickHouse that it ships to is away, and says so once', async () => {
    const { store } = parseServeConfig('store: {url: "clickhouse://weir@127.0.0.1:1/weir"}');
    await using _server = await start(configOf({ store: store! }), { localSocket: join(folder, 'api.sock') });
    const shipping = async () => ((await local('/status')) as { shipping: Record<string, unknown> }).shipping;
    await until('it has been tried', async () => (await shipping()).state === 'retrying');
    const { problem, ...others } = await shipping();
    assert.match(String(problem), /ECONNREFUSED/);
    assert.deepEqual(others, {
      target: 'clickhouse://127.0.0.1:1/weir',
      state: 'retrying',
      waiting_segments: 0,
      waiting_rows: 0,
      shipped_rows: 0,
      lost_rows: 0,
    });
    assert.equal(problems.length, 1);
    assert.match(
      problems[0]!,
      /^ClickHouse at clickhouse:\/\/127\.0\.0\.1:1\/weir: .*; rows wait, and it is tried again$/,
    );
  });

  it('has published its addresses before a collector can connect, and withdraws them at its end', async () => {
    const socket = join(folder, 'ingest.sock');
    const published: string[] = [];
    const publish = (urls: readonly string[]) => {
      assert.ok(!existsSync(socket));
      published.push(...urls);
      return { [Symbol.dispose]: () => void published.splice(0) };
    };
    {
      await using server = await start(configOf(), { publish });
      assert.ok(existsSync(socket));
      assert.deepEqual(published, server.urls);
    }
    assert.deepEqual(published, []);
  });

  it('is not reached from elsewhere without a token and TLS', async () => {
    const config = configOf({ listen: [{ host: '0.0.0.0', port: 0 }] });
    await assert.rejects(
      start(config),
      /^OptionError: 0\.0\.0\.0:0 is reached from elsewhere, which needs a token/,
    );
    await using server = await start({ ...config, insecure: true });
    assert.equal(await statusOf(server, '/losses'), 200);
  });

  it('leaves nothing behind where it cannot listen', async () => {
    await using first = await start();
    const { port } = first.addresses[0]!;
    const other = mkdtempSync(join(tmpdir(), 'weir-server-'));
    try {
      const config = configOf({ folder: other, listen: [{ host: '127.0.0.1', port }] });
      const ingest = join(other, 'ingest.sock');
      await assert.rejects(start(config, { ingest }), { code: 'EADDRINUSE' });
      await using _again = await start({ ...config, listen: [{ host: '127.0.0.1', port: 0 }] }, { ingest });
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  it('knows of a new token after a reload, and names what only a restart changes', async () => {
    await using server = await start();
    assert.equal(await statusOf(server, '/losses'), 200);
    const token = addToken(serverPlaces(folder).tokens, { name: 'a', role: 'read' });
    const left = await server.reload(
      configOf({ names: ['x.example'], limits: { ...configOf().limits, rows: 5 } }),
    );
    assert.deepEqual(left, ['limits']);
    assert.equal(await statusOf(server, '/losses'), 401);
    assert.equal(await statusOf(server, '/losses', token), 200);
    writeFileSync(serverPlaces(folder).tokens, 'damaged');
    await server.reload(configOf());
    assert.equal(await statusOf(server, '/losses', token), 200);
    assert.match(problems.join('\n'), /the earlier tokens stay valid: .*no file of tokens/);
    const tls = { certificate: '/nonexistent/a', key: '/nonexistent/b' };
    await assert.rejects(server.reload(configOf({ tls })), /^OptionError: tls: ENOENT/);
  });

  it('knows of tokens in files of the configuration, and of their changes', async () => {
    const file = join(folder, 'prometheus');
    const [first, second] = [newToken(), newToken()];
    writeFileSync(file, `${first}\n`);
    const tokens = [{ name: 'prometheus', role: 'read', file }] as const;
    await using server = await start(configOf({ tokens: [...tokens] }));
    assert.equal(await statusOf(server, '/losses'), 401);
    assert.equal(await statusOf(server, '/losses', first), 200);
    writeFileSync(file, 'no token');
    await until('the damaged file is reported', async () =>
      problems.some((line) => /earlier tokens stay valid: tokens: prometheus: .*has no token/.test(line)),
    );
    assert.equal(await statusOf(server, '/losses', first), 200);
    writeFileSync(file, second);
    // Each refusal counts against the address: so the one that is still valid is asked.
    const isOver = async () => (await statusOf(server, '/losses', first)) === 401;
    await until('the earlier token is not valid any more', isOver);
    assert.equal(await statusOf(server, '/losses', second), 200);
    rmSync(file);
    symlinkSync(file, file);
    await until('a link to itself is reported', async () => problems.some((line) => /ELOOP/.test(line)));
    assert.equal(await statusOf(server, '/losses', second), 200);
    rmSync(file);
    const next = configOf({ tokens: [...tokens], names: ['x.example'] });
    await assert.rejects(server.reload(next), /^OptionError: tokens: prometheus: ENOENT/);
    execFileSync('mkfifo', [file]);
    await assert.rejects(server.reload(next), /^OptionError: tokens: prometheus: .*expected a file$/);
    await server.reload(configOf());
    assert.equal(await statusOf(server, '/losses'), 200);
  });

  it('sends what it has stored to its exporters, also what comes last, and says so in its status', async () => {
    const path = join(folder, 'connections.ndjson');
    const { exporters } = parseServeConfig(JSON.stringify({ exporters: [{ type: 'file', path }] }));
    const onProblem = (message: string) => problems.push(message);
    const versions = { protocols: PROTOCOLS, version: '1.2.3', schema: SCHEMA_VERSION };
    await using server = await start(configOf({ exporters }), { localSocket: join(folder, 'api.sock') });
    const client = new IngestClient({ path: join(folder, 'ingest.sock'), versions, epoch, onProblem });
    client.send({ time: at(1), monotonic_ns: 2e9, ends: [endRow(1), endRow(2)] });
    const counts = { waiting: 0, dropped: 0, refused: 0, repeated: 0 };
    const wanted = JSON.stringify([{ name: 'file', type: 'file', sent: 2, ...counts }]);
    await until('the records are sent', async () => {
      const { exporters: now } = (await local('/status')) as { exporters: unknown };
      return JSON.stringify(now) === wanted;
    });
    client.send({ time: at(2), monotonic_ns: 3e9, ends: [endRow(3)], goodbye: true });
    assert.ok(await client.close(10_000));
    const journald = parseServeConfig('exporters: [{type: journald, socket: /nonexistent}]');
    await assert.rejects(
      server.reload(configOf({ exporters: journald.exporters })),
      /^OptionError: exporter journald: /,
    );
    assert.deepEqual(await server.reload(configOf()), []);
    await server[Symbol.asyncDispose]();
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).bytes_sent),
      [501, 502, 503],
    );
  });

  it('knows for how long no collector was there', async () => {
    await using server = await start();
    assert.ok(server.idleMs >= 0 && server.idleMs < 60_000);
  });
});
