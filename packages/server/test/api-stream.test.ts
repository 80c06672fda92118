import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newToken, tokenDigest } from '@weir/http/auth';
import { parseFilter } from '@weir/tracer/filter';
import { Authenticator } from '../src/auth/authenticator.js';
import { LiveHub } from '../src/stream/live-hub.js';
import { problemOf, type RunningApi, startApi } from './support/api.js';
import { at, batchOf, endRow } from './support/batches.js';
import { fakeHistory } from './support/fake-history.js';

interface Event {
  readonly event: string;
  readonly data: { readonly [name: string]: unknown };
  readonly id?: string;
}

/** A client that reads events as they come. */
async function openStream(api: RunningApi, query = '') {
  const abort = new AbortController();
  const response = await api.get(`/stream${query}`, { signal: abort.signal });
  assert.equal(response.status, 200, response.statusText);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    response,
    async next(): Promise<Event> {
      for (;;) {
        const end = text.indexOf('\n\n');
        const block = end < 0 ? undefined : text.slice(0, end);
        if (block !== undefined) {
          text = text.slice(end + 2);
          const match = /^event: (\w+)\ndata: (.*)(?:\nid: (.*))?$/.exec(block);
          if (match !== null) {
            const [, event = '', data = '', id] = match;
            return { event, data: JSON.parse(data), ...(id !== undefined && { id }) };
          }
        } else {
          const { value, done } = await reader.read();
          assert.ok(!done);
          text += value;
        }
      }
    },
    close: () => abort.abort(),
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    assert.ok(i < 500, 'it did not happen in time');
    await sleep(10);
  }
}

const batchTime = (number: number) =>
  new Date(Number(at(number) / 1_000_000n)).toISOString().replace('Z', '000000Z');

function ports(events: readonly Event[]): unknown[] {
  return events.map(({ data }) => (data.local as { port: number } | undefined)?.port);
}

describe('the live stream', () => {
  it('sends connections and losses as they are stored', async () => {
    await using api = await startApi({ history: fakeHistory().history });
    const stream = await openStream(api);
    assert.equal(stream.response.headers.get('content-type'), 'text/event-stream');
    api.live.publish(
      batchOf(1, [endRow(1), endRow(2)], { losses: [{ time: at(1), place: 'map', count: 2 }] }),
    );
    const events = [await stream.next(), await stream.next(), await stream.next()];
    assert.deepEqual(ports(events.slice(0, 2)), [40_001, 40_002]);
    assert.equal(events[0]!.event, 'connection');
    assert.equal(events[0]!.data.event, 'close');
    assert.equal(events[0]!.id, '2026-09-21T14:13:21.000000000Z', 'up to there everything is stored');
    assert.deepEqual(events[2], {
      event: 'loss',
      id: '2026-09-21T14:13:21.000000000Z',
      data: { time: '2026-09-21T14:13:21.000000000Z', count: 2, where: 'map' },
    });
    stream.close();
    await until(() => api.live.clients === 0);
  });

  it('sends each client what its filter wants', async () => {
    await using api = await startApi({ history: fakeHistory().history });
    const stream = await openStream(api, `?filter=${encodeURIComponent('comm=curl and not port=40003')}`);
    const rows = [1, 2, 3, 4].map((i) => endRow(i, { comm: i === 2 ? 'nginx' : 'curl' }));
    api.live.publish(batchOf(1, rows));
    assert.deepEqual(ports([await stream.next(), await stream.next()]), [40_001, 40_004]);
    stream.close();
    assert.equal((await problemOf(await api.get('/stream?filter=%28'))).kind, 'filter');
  });

  it('takes as many clients as it may, and one more when one has gone', async () => {
    await using api = await startApi({ history: fakeHistory().history, limits: { streams: 2 } });
    const streams = [await openStream(api), await openStream(api)];
    const refused = await api.get('/stream');
    assert.equal(refused.headers.get('retry-after'), '10');
    assert.equal((await problemOf(refused)).kind, 'busy');
    streams[0]!.close();
    await until(() => api.live.clients === 1);
    (await openStream(api)).close();
    streams[1]!.close();
  });

  it('counts what a client that does not read has lost, and bounds what waits for it', async () => {
    await using api = await startApi({ history: fakeHistory().history });
    const port = api.server.addresses[0]!.port;
    const slow = connect({ port, host: '127.0.0.1' });
    slow.write('GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const fast = await openStream(api);
    await until(() => api.live.clients === 2);
    slow.pause();
    const before = process.memoryUsage().rss;
    let received = 0;
    for (let i = 0; i < 400; i++) {
      api.live.publish(
        batchOf(
          i + 1,
          Array.from({ length: 100 }, (_, j) => endRow(i * 100 + j)),
        ),
      );
      for (let j = 0; j < 100; j++) {
        await fast.next();
        received++;
      }
    }
    assert.equal(received, 40_000);
    assert.ok(api.live.dropped > 10_000, `${api.live.dropped}`);
    assert.ok(process.memoryUsage().rss - before < 150e6);
    slow.destroy();
    fast.close();
    await until(() => api.live.clients === 0);
  });

  it('knows the rows of this host by its name', async () => {
    const hub = new LiveHub();
    using own = hub.subscribe(parseFilter(`host=${hostname()} or host=nobody`));
    using others = hub.subscribe(parseFilter(`not host=${hostname()}`));
    const { signal } = new AbortController();
    for (const number of [1, 2]) hub.publish(batchOf(number, [endRow(number)]));
    assert.equal((await own.next(signal)).split('event: connection').length - 1, 2);
    await assert.rejects(others.next(AbortSignal.abort()));
  });

  it('reports the number that was lost behind what was not', async () => {
    const hub = new LiveHub();
    using subscription = hub.subscribe();
    for (let i = 0; i < 50; i++)
      hub.publish(
        batchOf(
          i + 1,
          Array.from({ length: 100 }, (_, j) => endRow(i * 100 + j)),
        ),
      );
    const { signal } = new AbortController();
    const parts: string[] = [];
    while (!parts.at(-1)?.includes('event: dropped')) parts.push(await subscription.next(signal));
    assert.ok(
      parts.every(({ length }) => length < 40_000),
      'a client has no large copy of its own of what waits for all',
    );
    const text = parts.join('');
    const sent = text.split('event: connection').length - 1;
    assert.ok(sent > 1000 && sent < 5000);
    assert.ok(text.endsWith(`event: dropped\ndata: {"count":${5000 - sent}}\n\n`));
    assert.equal(hub.dropped, 5000 - sent);
    hub.publish(batchOf(100, [endRow(1)]));
    assert.ok(!(await subscription.next(signal)).includes('dropped'));
  });

  it('reports a loss between what came before and behind it, also while a client reads', async () => {
    const hub = new LiveHub();
    using subscription = hub.subscribe();
    const { signal } = new AbortController();
    const rows = Array.from({ length: 5000 }, (_, i) => endRow(i));
    hub.publish(batchOf(1, rows));
    const parts = [await subscription.next(signal)];
    hub.publish(batchOf(2, [endRow(0, { comm: 'later' })]));
    while (!parts.at(-1)!.includes('later')) parts.push(await subscription.next(signal));
    const events = [...parts.join('').matchAll(/^event: (\w+)$/gm)].map(([, name]) => name);
    assert.deepEqual(events.slice(-3), ['connection', 'dropped', 'connection']);
    assert.equal(events.filter((name) => name === 'dropped').length, 1);
  });

  it('sends sums by the second, as a series counts them, to those who ask for them', async () => {
    await using api = await startApi({ history: fakeHistory().history });
    const filter = encodeURIComponent('not comm=curl');
    const all = await openStream(api, '?sums=second');
    const some = await openStream(api, `?sums=second&filter=${filter}`);
    const bytes = { bytes_sent: 10, bytes_received: 3 };
    const failure = { event: 'fail', error: 'ECONNREFUSED' } as const;
    const { bytes_sent: _, bytes_received: __, closed_by: ___, ...failed } = endRow(1500, failure);
    const { event: ____, interval_rows: _____, closed_by: ______, ...interval } = endRow(1700, bytes);
    api.live.publish(
      batchOf(
        2,
        [endRow(900, { ...bytes, comm: 'curl' }), endRow(1400, { ...bytes, interval_rows: 1 }), failed],
        {
          intervals: [{ ...interval, span_us: 60_000_000 }],
        },
      ),
    );
    const none = { segments_sent: 0, segments_received: 0, retransmits: 0 };
    const id = '2026-09-21T14:13:22.000000000Z';
    const second = { time: '2026-09-21T14:13:21.000000000Z', connections: 2, failures: 1, ...bytes, ...none };
    const first = { time: '2026-09-21T14:13:20.000000000Z', connections: 1, failures: 0, ...bytes, ...none };
    assert.deepEqual(await all.next(), { event: 'sums', data: [first, second], id });
    assert.deepEqual(await some.next(), { event: 'sums', data: [second], id });
    all.close();
    some.close();
    assert.equal((await problemOf(await api.get('/stream?sums=minute'))).kind, 'request');
  });

  it('begins with the time up to which everything was stored before', async () => {
    const hub = new LiveHub();
    hub.publish(batchOf(3, [endRow(1)]));
    const { signal } = new AbortController();
    using connections = hub.subscribe();
    using sums = hub.subscribeSums();
    const begin = `event: begin\ndata: {}\nid: ${batchTime(3)}\n\n`;
    assert.deepEqual([await connections.next(signal), await sums.next(signal)], [begin, begin]);
  });

  it('sends a slow client fewer sums, and loses none', async () => {
    const hub = new LiveHub();
    using subscription = hub.subscribeSums();
    for (let i = 0; i < 5000; i++) hub.publish(batchOf(i + 1, [endRow(i)]));
    const text = await subscription.next(new AbortController().signal);
    const events = [...text.matchAll(/^data: (.*)\nid: (.*)$/gm)];
    assert.ok(events.length <= 50, `${events.length}`);
    const seconds = events.flatMap(([, data]) => JSON.parse(data!) as { connections: number }[]);
    assert.equal(
      seconds.reduce((sum, { connections }) => sum + connections, 0),
      5000,
    );
    assert.equal(events.at(-1)![2], batchTime(5000));
  });

  it('ends for a client whose token is removed', async () => {
    const token = newToken();
    const stored = { name: 'a', role: 'read', sha256: tokenDigest(token), created: '' } as const;
    const authenticator = new Authenticator({ tokens: [stored], insecure: false });
    await using api = await startApi({ history: fakeHistory().history, authenticator });
    const response = await api.get('/stream', { headers: { authorization: `Bearer ${token}` } });
    const reader = response.body!.getReader();
    await reader.read();
    authenticator.update({ tokens: [], insecure: false });
    api.live.publish(batchOf(1, [endRow(1)]));
    assert.ok((await reader.read()).done, 'it gets no connection any more');
    await until(() => api.live.clients === 0);
  });

  it('serves 500 clients', async () => {
    await using api = await startApi({ history: fakeHistory().history, limits: { streams: 500 } });
    const port = api.server.addresses[0]!.port;
    const counts = new Array<number>(500).fill(0);
    const sockets = counts.map((_, i) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.write('GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      socket.on('data', (piece: Buffer) => {
        counts[i]! += piece.toString().split('event: connection').length - 1;
      });
      return socket;
    });
    await until(() => api.live.clients === 500);
    for (let i = 0; i < 5; i++) api.live.publish(batchOf(i + 1, [endRow(i)]));
    await until(() => counts.every((count) => count === 5));
    for (const socket of sockets) socket.destroy();
    await until(() => api.live.clients === 0);
    assert.equal(api.live.dropped, 0);
  });
});
