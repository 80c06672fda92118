import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { HistoryError } from '@weir/history';
import { connectionSorts } from '@weir/history/query';
import { parseFilter } from '@weir/tracer/filter';
import { writePageCursor } from '../src/api/page-cursor.js';
import { problemOf, startApi } from './support/api.js';
import { endRow } from './support/batches.js';
import { answerOf, fakeHistory, measures } from './support/fake-history.js';

/** As much of a message as an answer has. */
const ORDERS = `order: expected newest, oldest, ${connectionSorts.join(', ')}`.slice(0, 300);

type Json = Record<string, unknown>;

/** The JSON of an answer that must be good. */
async function json(response: Response): Promise<Json> {
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal(response.headers.get('content-type'), 'application/json');
  return (await response.json()) as Json;
}

const coverage = {
  range: { from: '2026-09-21T14:13:20.000000000Z', to: '2026-09-21T14:14:20.000000000Z' },
  losses: [
    {
      since: '2026-09-21T14:13:20.000000000Z',
      time: '2026-09-21T14:14:19.999999999Z',
      count: 7,
      where: 'ring',
      host: '0000000000000001',
    },
  ],
  unrecorded: [{ from: '2026-09-21T14:13:20.000000000Z', to: '2026-09-21T14:13:21.000000000Z' }],
};

describe('GET /connections', () => {
  it('answers with records, and with the losses of the range', async () => {
    const row = endRow(1, { comm: 'curl', pid: 7, connection_id: 255n, peer_name: 'a.example' });
    const { history } = fakeHistory({ connections: async () => answerOf({ rows: [row], next: '1.2' }) });
    await using api = await startApi({ history });
    assert.deepEqual(await json(await api.get('/connections')), {
      ...coverage,
      connections: [
        {
          event: 'close',
          host: 'fedcba9876543210',
          time: '2026-09-21T14:13:20.001000000Z',
          monotonic_ns: 1_000_000_001,
          process: { pid: 7, comm: 'curl' },
          network: { transport: 'tcp', type: 'ipv4' },
          local: { address: '10.0.0.1', port: 40_001 },
          peer: { address: '10.0.1.7', port: 443, name: 'a.example' },
          flow_id: '000000035a4e901.1',
          connection_id: '00000000000000ff',
          bytes_sent: 501,
          bytes_received: 1_099_511_627_777,
          closed_by: 'local',
        },
      ],
      next: writePageCursor(
        { range: { from: 1790000000000000000n, to: 1790000060000000000n }, cursor: '1.2' },
        { order: 'newest' },
      ),
    });
  });

  it('passes on range, filter, order and limit', async () => {
    const { history, asked } = fakeHistory();
    await using api = await startApi({ history });
    const range = '2026-11-26T10:00:00Z..2026-11-26T11:00:00.5Z';
    await json(
      await api.get(
        `/connections?${new URLSearchParams({ range, filter: 'port=443', order: 'oldest', limit: '5' })}`,
      ),
    );
    const [[name, { signal: _, ...query }]] = asked as [[string, Json]];
    assert.equal(name, 'connections');
    assert.deepEqual(query, {
      range: { from: 1_795_687_200_000_000_000n, to: 1_795_690_800_500_000_000n },
      filter: parseFilter('port=443'),
      order: 'oldest',
      limit: 5,
    });
  });

  it('goes on by its cursor in the range of the first page', async () => {
    const { history, asked } = fakeHistory({});
    await using api = await startApi({ history });
    const page = { range: { from: 10n, to: 20n }, cursor: '1.2' };
    const cursor = writePageCursor(page, { filter: 'comm=a', order: 'newest' });
    await json(await api.get(`/connections?cursor=${cursor}&range=-1h&filter=comm%3Da`));
    assert.deepEqual(asked[0]![1].range, { from: 10n, to: 20n });
    assert.equal(asked[0]![1].cursor, '1.2');
    for (const cursor of ['x', '20_10_1', '1_2_', `1_2_${'3'.repeat(150)}`, '10_20_1.2'])
      assert.equal((await problemOf(await api.get(`/connections?cursor=${cursor}`))).kind, 'request', cursor);
    assert.equal(asked.length, 1);
  });

  it('refuses a cursor that is damaged, or of another filter or order', async () => {
    const { history, asked } = fakeHistory({});
    await using api = await startApi({ history });
    const page = { range: { from: 10n, to: 20n }, cursor: '1.2' };
    const cursor = writePageCursor(page, { filter: 'comm=a', order: 'newest' });
    for (const query of [
      `cursor=${cursor}`,
      `cursor=${cursor}&filter=comm%3Db`,
      `cursor=${cursor}&filter=comm%3Da&order=oldest`,
      `cursor=${cursor.replace('10_20', '10_21')}&filter=comm%3Da`,
      `cursor=${cursor.replace('1.2', '1.3')}&filter=comm%3Da`,
      `cursor=${cursor.slice(0, -1)}&filter=comm%3Da`,
    ])
      assert.equal((await problemOf(await api.get(`/connections?${query}`))).kind, 'request', query);
    assert.deepEqual(asked, []);
  });
});

describe('GET /connections/{id}', () => {
  it('finds a connection by either of its ids', async () => {
    const { history, asked } = fakeHistory();
    await using api = await startApi({ history });
    assert.equal((await api.get('/connections/00000000000000ff')).status, 404);
    assert.equal((await problemOf(await api.get('/connections/35a4e901.3'))).kind, 'missing');
    assert.deepEqual(
      asked.map(([name, { key }]) => [name, key]),
      [
        ['connection', { connectionId: 255n }],
        ['connection', { flow: { ns: 900_000_001n, cpu: 3 } }],
      ],
    );
    for (const id of ['ff', 'x.1', '1.x', '00000000000000fg', '1.123456'])
      assert.equal((await api.get(`/connections/${id}`)).status, 400, id);
  });
});

describe('figures', () => {
  it('of groups have keys, percentiles and a total', async () => {
    const group = {
      key: { process: 'curl', peer: null },
      ...measures,
      percentiles: { handshake_us: [1, 2], srtt_us: [null, null], duration_us: [3, 4] },
    };
    const { history } = fakeHistory({
      groups: async () => answerOf({ groups: [group], count: 5, total: measures }),
    });
    await using api = await startApi({ history });
    const answer = await json(await api.get('/groups?by=process,peer&percentiles=0.5,0.95'));
    assert.deepEqual(answer, { ...coverage, groups: [group], count: 5, total: measures });
  });

  it('of a series have the time of each step', async () => {
    const series = [{ key: {}, points: [{ time: 0n, ...measures }] }];
    const { history, asked } = fakeHistory();
    await using api = await startApi({
      history: {
        ...history,
        series: async (query) => {
          asked.push(['series', { ...query }]);
          return answerOf(series);
        },
      },
    });
    const answer = await json(await api.get('/series?step=10s'));
    assert.equal(asked[0]![1].step, 10_000_000_000n);
    assert.equal(answer.step_seconds, 10);
    assert.deepEqual(answer.series, [
      { key: {}, points: [{ time: '1970-01-01T00:00:00.000000000Z', ...measures }] },
    ]);
  });

  it('of a comparison have what was lost in both ranges', async () => {
    const { history, asked } = fakeHistory();
    await using api = await startApi({ history });
    const answer = await json(await api.get('/compare?range=-1h&against=-2h..-1h&by=process'));
    assert.deepEqual(Object.keys(answer.against as Json), ['range', 'losses', 'unrecorded']);
    const { range, against } = asked[0]![1] as { range: { from: bigint }; against: { to: bigint } };
    assert.ok(against.to - range.from < 1_000_000_000n);
    assert.equal((await problemOf(await api.get('/compare'))).detail, 'against is missing');
  });

  it('of a map are those of its nodes and edges', async () => {
    const nginx = { kind: 'group', name: 'nginx' } as const;
    const network = { kind: 'network', name: '10.0.0.0/24' } as const;
    const edges = [
      { from: network, to: nginx, port: 80, ...measures, last: 0n },
      { from: nginx, to: nginx, port: 8080, ...measures, last: 1n },
    ];
    const { history } = fakeHistory({ map: async () => answerOf({ edges, count: 3 }) });
    await using api = await startApi({ history });
    const answer = await json(await api.get('/map?networks=10.0.0.0/24'));
    const { retransmit_ratio: _, ...one } = measures;
    const twice = Object.fromEntries(Object.entries(one).map(([name, value]) => [name, 2 * value]));
    const [from, to] = ['["network","10.0.0.0/24"]', '["group","nginx"]'];
    assert.deepEqual(answer.nodes, [
      { id: from, ...network, ...one },
      { id: to, ...nginx, ...twice },
    ]);
    assert.deepEqual(answer.edges, [
      { from, to, port: 80, ...measures, last: '1970-01-01T00:00:00.000000000Z' },
      { from: to, to, port: 8080, ...measures, last: '1970-01-01T00:00:00.000000001Z' },
    ]);
    assert.equal(answer.count, 3);
  });
});

describe('moments', () => {
  it('show what was open', async () => {
    const { event: _, closed_by: _closed, interval_rows: _rows, ...open } = endRow(1);
    const { history, asked } = fakeHistory({});
    const rows = [{ ...open, started: 0n, state: 'established' }];
    await using api = await startApi({
      history: {
        ...history,
        openAt: async (query) => {
          asked.push(['openAt', { ...query }]);
          return answerOf({ rows, count: 1 });
        },
      },
    });
    const answer = await json(await api.get('/open-at?at=2026-11-26T10:32:00Z'));
    assert.equal(asked[0]![1].at, 1_795_689_120_000_000_000n);
    assert.equal(answer.at, '2026-11-26T10:32:00.000000000Z');
    const [connection] = answer.connections as [Json];
    assert.equal(connection.started, '1970-01-01T00:00:00.000000000Z');
    assert.equal(connection.state, 'established');
    assert.equal(asked[0]![1].figures, 'look');
  });

  it('show the rates at a moment where they are asked for and known', async () => {
    const { event: _, closed_by: _closed, interval_rows: _rows, ...open } = endRow(1);
    const { history } = fakeHistory({});
    await using api = await startApi({
      history: {
        ...history,
        openAt: async ({ figures }) =>
          answerOf({ rows: figures === 'moment' ? [{ ...open, send_rate: 1.5 }] : [], count: 1 }),
      },
    });
    const answer = await json(await api.get('/open-at?at=-1m&figures=moment'));
    const [connection] = answer.connections as [Json];
    assert.deepEqual([connection.send_rate, connection.receive_rate], [1.5, undefined]);
  });

  it('know what was lost', async () => {
    const { history } = fakeHistory();
    await using api = await startApi({ history });
    assert.deepEqual(await json(await api.get('/losses?range=-1d')), coverage);
  });
});

describe('POST /sql', () => {
  const post = (body: string, type = 'application/json') => ({
    method: 'POST',
    body,
    headers: { 'content-type': type },
  });

  it('answers with columns and rows', async () => {
    const { history, asked } = fakeHistory();
    await using api = await startApi({ history });
    const answer = await json(await api.get('/sql', post('{"sql":"SELECT 1 AS n","limit":5}')));
    assert.deepEqual(answer, { columns: [{ name: 'n', type: 'INTEGER' }], rows: [[1]], truncated: false });
    assert.equal(asked[0]![1].sql, 'SELECT 1 AS n');
    assert.equal(asked[0]![1].limit, 5);
  });

  it('refuses what is no statement, no JSON, of another type, or too long', async () => {
    const { history } = fakeHistory({
      sql: async () => {
        throw new OptionError('sql: no');
      },
    });
    await using api = await startApi({ history });
    const kind = async (...init: Parameters<typeof post>) =>
      (await problemOf(await api.get('/sql', post(...init)))).kind;
    assert.equal(await kind('{"sql":"DROP TABLE ends"}'), 'statement');
    assert.equal(await kind('{"sql":'), 'request');
    assert.equal(await kind('{"sql":"x","__proto__":{"limit":1}}'), 'request');
    assert.equal(await kind('[]'), 'request');
    assert.equal(await kind('sql=x', 'text/plain'), 'media-type');
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const compressed = await api.get('/sql', { method: 'POST', headers, body: '{"sql":"x"}' });
    assert.match((await problemOf(compressed)).detail, /^the body must not be compressed/);
    const wrongId = await problemOf(await api.get('/connections/x'));
    assert.match(wrongId.detail, /^id: expected a flow_id such as 35a4e901\.1, or a connection_id of 16/);
    assert.equal(await kind(JSON.stringify({ sql: 'x'.repeat(100_001) })), 'request');
    assert.equal(await kind(JSON.stringify({ sql: 'x'.repeat(2_000_000) })), 'too-long');
  });
});

describe('a request that makes no sense', () => {
  for (const [path, detail] of [
    ['/connections?limit=0', 'limit: expected a number from 1 to 10000'],
    ['/connections?limit=1e3', 'limit: expected a number from 1 to 10000'],
    ['/connections?limt=1', 'limt is not known here; did you mean limit?'],
    [`/connections?filter=${'x'.repeat(20_000)}`, 'filter: expected 16384 characters or less'],
    ['/connections?limit=5&limit=6', 'limit: it is there twice'],
    ['/connections?colour=red', 'colour is not known here'],
    ['/losses?filter=port%3D1', 'filter is not known here'],
    ['/health?x=1', 'x: it is not known here'],
    ['/connections?__proto__=1', '__proto__ is not known here'],
    ['/connections?order=best', ORDERS],
    ['/groups?percentiles=2', /^percentiles: expected up to 8 numbers/],
    [`/groups?by=${'a,'.repeat(100)}`, /^by: at most \d+ fields/],
    ['/series?step=soon', 'step: expected a time such as 10s, 1m or 1h'],
    ['/connections?range=never', /never/],
    ['/connections?range=-1h&zone=Mars%2FBase', 'zone: expected a time zone such as Europe/Berlin'],
    ['/open-at?at=%00', /^"\\u0000" is no time/],
  ] as const)
    it(`is refused: ${path}`, async () => {
      const { history } = fakeHistory();
      await using api = await startApi({ history });
      const response = await api.get(path);
      assert.equal(response.status, 400);
      const problem = await problemOf(response);
      if (typeof detail === 'string') assert.equal(problem.detail, detail);
      else assert.match(problem.detail, detail);
    });

  it('names the column of a filter, and what may have been meant', async () => {
    const { history } = fakeHistory();
    await using api = await startApi({ history });
    const response = await api.get(`/connections?filter=${encodeURIComponent('port=1 and proces=nginx')}`);
    const problem = await problemOf(response);
    assert.equal(problem.kind, 'filter');
    assert.equal(problem.column, 12);
    assert.match(problem.suggestion ?? '', /^process/);
  });

  it('with a filter of 10 MB is refused in words, and the next one is answered', async () => {
    const { history } = fakeHistory();
    await using api = await startApi({ history });
    const filter = 'port=1 or '.repeat(1_000_000);
    const response = await api
      .get(`/connections?filter=${encodeURIComponent(filter)}`)
      .catch(() => undefined);
    if (response !== undefined) assert.equal((await problemOf(response)).kind, 'header-too-long');
    const long = await api.get(`/connections?filter=${'x'.repeat(20_000)}`);
    assert.equal((await problemOf(long)).kind, 'request');
    assert.equal((await api.get('/health')).status, 200);
  });

  it('has another path or method', async () => {
    const { history } = fakeHistory();
    await using api = await startApi({ history });
    assert.equal((await problemOf(await api.get('/nothing'))).kind, 'missing');
    const response = await api.get('/connections', { method: 'DELETE' });
    assert.equal(response.headers.get('allow'), 'GET');
    assert.equal((await problemOf(response)).kind, 'method');
    assert.equal((await problemOf(await fetch(`${api.origin}/`))).kind, 'missing');
  });
});

describe('what goes wrong inside', () => {
  it('is reported to the log and not to those who ask', async () => {
    const errors: unknown[] = [];
    const { history } = fakeHistory({
      losses: async () => {
        throw new Error('secret at /var/lib/weir');
      },
      hosts: async () => {
        throw new HistoryError('the disk is read-only');
      },
    });
    await using api = await startApi({ history, onError: (error) => errors.push(error) });
    const internal = await problemOf(await api.get('/losses'));
    assert.equal(internal.kind, 'internal');
    assert.ok(!JSON.stringify(internal).includes('secret'));
    assert.equal((await problemOf(await api.get('/hosts'))).kind, 'history');
    assert.equal(errors.length, 2);
  });
});

describe('the server about itself', () => {
  it('is healthy, ready, and says what it is', async () => {
    const { history } = fakeHistory();
    await using api = await startApi({ history });
    assert.deepEqual(await json(await api.get('/health')), { status: 'ok' });
    assert.deepEqual(await json(await api.get('/ready')), { status: 'ready' });
    assert.deepEqual(await json(await api.get('/status')), {
      version: '1.2.3',
      watermark: '2026-09-21T14:14:20.000000000Z',
      read_only: false,
      collectors: 1,
      balancer: false,
      limits: { rows: 10_000 },
      you: { name: 'anonymous', role: 'sql' },
    });
  });

  it('is not ready without a collector, or with a disk that can only be read', async () => {
    const { history } = fakeHistory();
    await using alone = await startApi({ history, collectors: 0 });
    assert.equal((await alone.get('/ready')).status, 503);
    await using readOnly = await startApi({ history: fakeHistory({ readOnly: true }).history });
    assert.equal(
      (await problemOf(await readOnly.get('/ready'))).detail,
      'the disk of the history can only be read',
    );
  });

  it('serves files of a page beside the API, where there is one', async () => {
    const { history } = fakeHistory();
    const page = (path: string) => (path === '/' ? new Response('hello') : undefined);
    await using api = await startApi({ history, page });
    const response = await fetch(`${api.origin}/`);
    assert.equal(await response.text(), 'hello');
    assert.match(response.headers.get('content-security-policy')!, /script-src 'self'/);
    assert.equal((await fetch(`${api.origin}/x`)).status, 404);
  });
});
