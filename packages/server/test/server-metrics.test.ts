/** Metrics of a server: who may have them, and what they say after it was started again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenRow } from '@weir/history/schema';
import { SCHEMA_VERSION } from '@weir/history/schema';
import { addToken, readTokens } from '../src/auth/server-tokens.js';
import { parseServeConfig } from '../src/config/index.js';
import { WeirServer } from '../src/index.js';
import { IngestClient, PROTOCOLS } from '../src/ingest/index.js';
import { HistoryFigures } from '../src/metrics/history-figures.js';
import { BatchEncoder } from '../src/wire/encode-batch.js';
import { problemOf, startApi } from './support/api.js';
import { at, endRow, epoch } from './support/batches.js';
import { fakeHistory } from './support/fake-history.js';
import { type MetricLine, metricLines, sumOf } from './support/metric-lines.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-metrics-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('/metrics', () => {
  const metrics = { text: async () => 'weir_collectors 1\n' };
  const { history } = fakeHistory();

  it('has a text in the format of Prometheus, which no cache keeps', async () => {
    await using api = await startApi({ history, metrics });
    const response = await fetch(`${api.origin}/metrics`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.equal(await response.text(), 'weir_collectors 1\n');
    const wrong = await fetch(`${api.origin}/metrics`, { method: 'POST' });
    assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET']);
    assert.equal((await fetch(`${api.origin}/metrics?x=1`)).status, 400);
    assert.equal((await fetch(`${api.origin}/api/v1/metrics`)).status, 404);
  });

  it('needs what the API needs: a token, the own name, no page of others', async () => {
    const path = join(folder, 'other-tokens.json');
    const token = addToken(path, { name: 'prometheus', role: 'read' });
    await using api = await startApi({ history, metrics, login: { tokens: readTokens(path) } });
    const ask = (headers: Record<string, string>) => fetch(`${api.origin}/metrics`, { headers });
    assert.equal((await problemOf(await ask({}))).kind, 'login');
    assert.equal((await problemOf(await ask({ authorization: 'Bearer wrong' }))).kind, 'login');
    const right = { authorization: `Bearer ${token}` };
    assert.equal((await ask(right)).status, 200);
    assert.equal((await problemOf(await ask({ ...right, origin: 'https://evil.example' }))).kind, 'origin');
    const port = Number(new URL(api.origin).port);
    const status = await new Promise((resolve, reject) => {
      const headers = { ...right, host: 'evil.example' };
      request({ port, path: '/metrics', headers }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    assert.equal(status, 421);
  });

  it('is no path of a server that counts nothing', async () => {
    await using api = await startApi({ history });
    assert.equal((await problemOf(await fetch(`${api.origin}/metrics`))).kind, 'unavailable');
  });
});

describe('figures of the history', () => {
  it('count losses since the first look, and none back when rows are removed', async () => {
    let rows: unknown[][] = [['ring', 2n, 10]];
    const session = { source: () => 'losses', query: async () => rows };
    const history = {
      status: async () => ({ segments: 1, freeBytes: 7 }),
      read: async (use: (session: unknown) => unknown) => use(session),
    };
    const figures = new HistoryFigures(history as never, assert.fail, 0);
    await figures.refresh();
    assert.deepEqual([...figures.lost], []);
    rows = [
      ['ring', 3n, 15],
      ['collector', 1n, 0],
    ];
    await figures.refresh();
    rows = [['ring', 1n, 2]];
    await figures.refresh();
    rows = [['ring', 2n, 4]];
    await figures.refresh();
    assert.deepEqual(
      [...figures.lost],
      [
        ['ring', { losses: 2, records: 7 }],
        ['collector', { losses: 1, records: 0 }],
      ],
    );
    assert.equal(figures.status?.freeBytes, 7);
  });
});

describe('a server that is started again', () => {
  const versions = { protocols: PROTOCOLS, version: '1.2.3', schema: SCHEMA_VERSION };
  const config = { ...parseServeConfig('listen: ["127.0.0.1:0"]'), folder };
  const socket = join(folder, 'ingest.sock');
  const problems: string[] = [];
  const onProblem = (message: string) => problems.push(message);
  const start = () => WeirServer.start({ config, version: '1.2.3', ingest: socket, onProblem });
  const textOf = async (server: WeirServer) => {
    const response = await fetch(`${server.urls[0]}/metrics`);
    const text = await response.text();
    assert.equal(response.status, 200, `${text} ${problems}`);
    return text;
  };
  const linesOf = async (server: WeirServer) => metricLines(await textOf(server));
  const clients: IngestClient[] = [];
  const connect = (run = epoch) => {
    clients.push(new IngestClient({ path: socket, versions, epoch: run, onProblem }));
    return clients.at(-1)!;
  };
  // A client tries again for as long as the process lives.
  after(() => Promise.all(clients.map((client) => client.close(0))));

  async function until(server: WeirServer, isSo: (lines: MetricLine[]) => boolean): Promise<MetricLine[]> {
    for (const deadline = Date.now() + 60_000; ; await sleep(300)) {
      const lines = await linesOf(server);
      if (isSo(lines)) return lines;
      assert.ok(Date.now() < deadline);
    }
  }

  it('counts from 0, and knows what was open', async () => {
    const { event: _, closed_by: __, interval_rows: ___, ...values } = endRow(1);
    const open: OpenRow = { ...values, time: at(1), direction: 'outbound', started: at(0) };
    {
      await using server = await start();
      const client = connect();
      const laidOut = new BatchEncoder();
      laidOut.add('opens', open);
      client.send({ time: at(1), monotonic_ns: 1e9, sweep: 'full', laidOut });
      client.send({
        time: at(2),
        monotonic_ns: 2e9,
        ends: [endRow(2, { direction: 'inbound', duration_us: 5 })],
      });
      const lines = await until(server, (some) => sumOf(some, 'weir_connections_closed_total') === 1);
      assert.equal(sumOf(lines, 'weir_connections_opened_total'), 2);
      assert.equal(sumOf(lines, 'weir_connections_open'), 1);
      assert.equal(sumOf(lines, 'weir_connections_open', { direction: 'outbound', peer: '10.0.1.7' }), 1);
      assert.equal(sumOf(lines, 'weir_stored_batches_total'), 2);
      assert.equal(sumOf(lines, 'weir_stored_records_total', { table: 'ends' }), 1);
      assert.equal(sumOf(lines, 'weir_build_info', { version: '1.2.3' }), 1);
      assert.equal(sumOf(lines, 'weir_history_complete_timestamp_seconds'), Number(at(2)) / 1e9);
      assert.equal(sumOf(lines, 'weir_collectors'), 1);
      const shown = lines.filter(({ name }) => /^weir_(connections|sent|received|tcp)/.test(name)).length;
      assert.equal(sumOf(lines, 'weir_metrics_series'), shown);
      assert.ok(sumOf(lines, 'weir_history_size_bytes') > 0);
      assert.ok(sumOf(lines, 'process_resident_memory_bytes') > 1e7);
      assert.ok(await client.close(10_000));
    }
    await using server = await start();
    const before = await linesOf(server);
    assert.deepEqual(
      ['weir_connections_opened_total', 'weir_connections_open'].map((name) => sumOf(before, name)),
      [0, 1],
    );
    const client = connect({ ...epoch, epoch: 'f'.repeat(32), started: at(2.5) });
    client.send({
      time: at(3),
      monotonic_ns: 3e9,
      ends: [endRow(1, { direction: 'outbound', duration_us: 5 })],
    });
    const lines = await until(server, (some) => sumOf(some, 'weir_connections_closed_total') === 1);
    assert.deepEqual(
      ['weir_connections_opened_total', 'weir_connections_open'].map((name) => sumOf(lines, name)),
      [0, 0],
    );
    assert.ok(await client.close(10_000));
    assert.deepEqual(problems, []);
  });
});
