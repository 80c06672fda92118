/** The API of a balancer, with handlers that need none. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError } from '@weir/config';
import { addTokenTo } from '@weir/http/auth';
import { auditText } from '../src/api/audit-text.js';
import { apiRoutes, BalancerApi } from '../src/api/index.js';
import { parseConfig } from '../src/config/index.js';
import { controlCommands, lineCommands } from '../src/control/control-commands.js';
import {
  type BalancerRole,
  balancerRoles,
  EventFeed,
  type Handlers,
  RemoteClient,
  RequestError,
} from '../src/control/index.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-api-'));
const tokens = join(folder, 'tokens');
after(() => rmSync(folder, { recursive: true }));
const secrets = Object.fromEntries(
  balancerRoles.map((role) => [role, addTokenTo(tokens, balancerRoles, { name: role, role })]),
) as Record<BalancerRole, string>;

interface Started extends AsyncDisposable {
  readonly url: string;
  readonly events: EventFeed;
  readonly lines: readonly string[];
  readonly calls: readonly unknown[];
  readonly api: BalancerApi;
  client(role: BalancerRole): RemoteClient;
}

async function start(some: Partial<Handlers> = {}, isReady = () => true): Promise<Started> {
  const [lines, calls, events]: [string[], unknown[], EventFeed] = [[], [], new EventFeed()];
  const answer =
    (name: string, value: unknown) =>
    async (body: unknown): Promise<never> => {
      calls.push([name, body]);
      return value as never;
    };
  const handlers: Handlers = {
    status: answer('status', { vips: [{ name: 'web', reals: [{ name: 'a' }] }] }),
    apply: answer('apply', { changes: ['x'] }),
    drain: answer('drain', { vip: 'web', real: 'a' }),
    lookup: answer('lookup', { verdict: 'pass', reason: 'not-a-vip' }),
    deleteFlow: answer('deleteFlow', { removed: 2 }),
    stop: answer('stop', {}),
    async *flows(body) {
      calls.push(['flows', body]);
      yield [{ progress: { walked: 1, places: 2 } }];
      yield [{ end: { walked: 2, places: 2, flows: 0 } }];
    },
    async *purge(body) {
      calls.push(['purge', body]);
      yield [{ end: { walked: 2, places: 2, flows: 7 } }];
    },
    async *capture() {
      yield Buffer.from('pcapng');
      return { packets: 1, lost: 2 };
    },
    ...some,
  };
  const config = { listen: [{ host: '127.0.0.1', port: 0 }], tokens, names: [] };
  const log = (line: string) => lines.push(line);
  const api = await BalancerApi.listen(config, { handlers, events, version: '1', log, isReady });
  const [url] = api.urls as [string];
  return {
    ...{ url, events, lines, calls, api },
    client: (role) => new RemoteClient({ url, token: secrets[role] }),
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function get(started: Started, path: string, init: RequestInit = {}, role: BalancerRole = 'apply') {
  const headers = { authorization: `Bearer ${secrets[role]}`, ...init.headers };
  return fetch(`${started.url}/api/v1${path}`, { ...init, headers });
}

describe('the API of a balancer', () => {
  it('every command of the socket is a path, with its role and what it asks for and answers in the document', async () => {
    await using started = await start();
    const response = await fetch(`${started.url}/api/v1/openapi.json`);
    const { paths } = (await response.json()) as {
      paths: Record<
        string,
        Record<string, { 'x-weir-role': string; responses: object; requestBody?: object }>
      >;
    };
    for (const [name, { role, method }] of Object.entries(controlCommands)) {
      const operation = paths[`/api/v1/${name}`]?.[method];
      assert.equal(operation?.['x-weir-role'], role, name);
      assert.equal(operation.requestBody !== undefined, method === 'post', name);
    }
    for (const [name, { role, method }] of Object.entries(lineCommands))
      assert.equal(paths[`/api/v1/${name}`]?.[method]?.['x-weir-role'], role, name);
    const { events } = started;
    const all = apiRoutes({ handlers: {} as Handlers, events, version: '1', isReady: () => true });
    assert.deepEqual(
      all.map(({ path }) => `/api/v1${path}`).filter((path) => paths[path] === undefined),
      ['/api/v1/openapi.json'],
    );
  });

  it('a remote client has the bodies of the socket arrive as they are', async () => {
    await using started = await start();
    const client = started.client('apply');
    const flow = {
      ...{ source: '192.0.2.1', sourcePort: 5, protocol: 'udp' },
      ...{ destination: '::1', destinationPort: 0 },
    } as const;
    const sent = [
      ['status', { overMs: 1000 }],
      ['lookup', flow],
      ['drain', { vip: 'web', real: 'a', drained: false, force: true }],
      ['apply', { file: '/x/y.yaml', text: 'vips: [] # ü\n' }],
      ['stop', { detach: true }],
      ['stop', { detach: false }],
      ['deleteFlow', flow],
    ] as const;
    for (const [name, body] of sent) await client.call(name, body as never);
    assert.deepEqual(started.calls, sent);
    const pieces: Uint8Array[] = [];
    const end = await client.capture(
      { reasons: ['ring', 'empty-slot'], every: 2 },
      new AbortController().signal,
      async (piece) => {
        pieces.push(piece);
      },
    );
    assert.deepEqual([Buffer.concat(pieces).toString(), end], ['pcapng', { packets: 1, lost: 2 }]);
  });

  it('requests about flows are answered in lines, and the role drain purges reals only', async () => {
    await using started = await start();
    const asked = { action: 'list', source: '10.0.0.0/8', olderMs: 5 } as const;
    const lines = await collected(started.client('read').lines('flows', asked));
    assert.deepEqual(lines.at(-1), { end: { walked: 2, places: 2, flows: 0 } });
    assert.equal(lines.length, 2);
    const purge = (role: BalancerRole, body: { vip: string; real?: string }) =>
      collected(started.client(role).lines('purge', body));
    await assert.rejects(purge('read', { vip: 'web', real: 'a' }), /needs the role drain/);
    await assert.rejects(
      purge('drain', { vip: 'web' }),
      new RequestError(
        'the role drain purges the flows of a real: name one; a whole VIP is for those who may do everything',
      ),
    );
    assert.deepEqual(await purge('drain', { vip: 'web', real: 'a' }), [
      { end: { walked: 2, places: 2, flows: 7 } },
    ]);
    assert.equal((await purge('apply', { vip: 'web' })).length, 1);
    assert.deepEqual(started.calls, [
      ['flows', asked],
      ['purge', { vip: 'web', real: 'a' }],
      ['purge', { vip: 'web' }],
    ]);
  });

  it('a failed action is not the fault of the request, as over the socket', async () => {
    await using started = await start({
      drain: () => Promise.reject(new RequestError('there is no VIP x')),
      apply: () => Promise.reject(new Error('the table is full')),
      lookup: () => Promise.reject(new ConfigError('f', [{ line: 1, column: 2, message: 'no' }])),
    });
    const client = started.client('apply');
    const drained = client.call('drain', { vip: 'x', real: 'a', drained: true });
    await assert.rejects(drained, new RequestError('there is no VIP x'));
    await assert.rejects(client.call('apply', { file: '', text: '' }), new Error('the table is full'));
    assert.equal(
      (await get(started, '/apply', { method: 'POST', body: 'x', headers: { 'content-type': 'text/yaml' } }))
        .status,
      500,
    );
    const query = 'source=192.0.2.1&sourcePort=1&destination=192.0.2.2&destinationPort=1';
    assert.equal((await get(started, `/lookup?${query}`)).status, 400);
    assert.ok(
      started.lines.some((line) =>
        /^api: apply at 127\.0\.0\.1 asks: POST \/api\/v1\/apply: 500: the table is full$/.test(line),
      ),
      started.lines.join('\n'),
    );
  });

  it('who asks for changes is among the messages, and who only reads is not', async () => {
    await using started = await start();
    await started.client('read').call('status', { overMs: 0 });
    await started.client('drain').call('drain', { vip: 'web', real: 'a', drained: true });
    await assert.rejects(
      started.client('read').call('stop', { detach: true }),
      /needs the role apply, and read has read/,
    );
    await assert.rejects(
      new RemoteClient({ url: started.url }).call('status', { overMs: 0 }),
      /wants a token/,
    );
    await assert.rejects(
      new RemoteClient({ url: started.url, token: 'x' }).call('status', { overMs: 0 }),
      /refuses the token/,
    );
    assert.deepEqual(started.lines, [
      'api: drain at 127.0.0.1 asks: POST /api/v1/drain: 200',
      'api: read at 127.0.0.1 is refused: POST /api/v1/stop: 403: role',
      'api: 127.0.0.1 has a wrong token: GET /api/v1/status: 401',
    ]);
  });

  it('probes are answered without a token, and say where a device is gone', async () => {
    let isReady = true;
    await using started = await start({}, () => isReady);
    assert.equal((await fetch(`${started.url}/api/v1/ready`)).status, 200);
    await using gone = await start({}, () => false);
    const response = await fetch(`${gone.url}/api/v1/ready`);
    assert.deepEqual([response.status, await response.json()], [503, { ready: false }]);
    isReady = false;
    // It is asked once a second.
    while ((await fetch(`${started.url}/api/v1/ready`)).status === 200)
      await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(started.calls, []);
  });

  it('a client of events that does not read loses some, and is sent how many', async () => {
    await using started = await start();
    const response = await get(started, '/events');
    const reader = response.body!.getReader();
    await reader.read();
    // More than the buffers of both sides hold, while the client has no turn.
    for (let i = 0; i < 10_000; i++) started.events.add('message', { text: 'x'.repeat(1000), i });
    let text = '';
    const decoder = new TextDecoder();
    let isLast = false;
    while (!isLast) {
      started.events.add('message', { text: 'last' });
      const { value } = await reader.read();
      text += decoder.decode(value);
      isLast = text.includes('"text":"last"');
    }
    const dropped = /event: dropped\ndata: \{"time":"[^"]+","events":(\d+)\}/.exec(text);
    assert.ok(Number(dropped?.[1]) > 1000, dropped?.[0]);
    await reader.cancel();
    while (started.events.watchers > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  it('the 17th client of events and the 33rd request at a time are refused', async () => {
    let go = () => {};
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    await using started = await start({ status: () => wait.then(() => ({}) as never) });
    const abort = new AbortController();
    const streams = await Promise.all(
      Array.from({ length: 16 }, () => get(started, '/events', { signal: abort.signal })),
    );
    assert.ok(streams.every(({ status }) => status === 200));
    const more = await get(started, '/events');
    assert.deepEqual([more.status, more.headers.get('retry-after')], [503, '10']);
    abort.abort();
    await using other = await start({ status: () => wait.then(() => ({}) as never) });
    const asked = Array.from({ length: 33 }, () => get(other, '/status'));
    const { status } = await Promise.race(asked);
    go();
    const statuses = (await Promise.all(asked)).map((each) => each.status);
    assert.deepEqual([status, statuses.filter((each) => each === 503).length], [503, 1]);
  });

  it('ends answers that go on when it ends', async () => {
    const started = await start();
    const response = await get(started, '/events');
    const text = response.text();
    await started.api[Symbol.asyncDispose]();
    assert.match(await text, /^: \n\n/);
    await assert.rejects(started.client('read').call('status', { overMs: 0 }), /nothing listens there/);
  });

  it('does not begin with a file of tokens that others may read or that is none', async () => {
    const options = {
      handlers: {} as Handlers,
      events: new EventFeed(),
      version: '1',
      log: () => {},
      isReady: () => true,
    };
    const bad = join(folder, 'bad');
    const listen = [{ host: '127.0.0.1', port: 0 }];
    writeFileSync(bad, readFileSync(tokens));
    chmodSync(bad, 0o644);
    await assert.rejects(
      BalancerApi.listen({ listen, tokens: bad, names: [] }, options),
      /can be read by others/,
    );
    chmodSync(bad, 0o600);
    writeFileSync(bad, readFileSync(tokens, 'utf8').replace('"role": "drain"', '"role": "admin"'));
    await assert.rejects(
      BalancerApi.listen({ listen, tokens: bad, names: [] }, options),
      /no file of tokens/,
    );
    const tls = { certificate: bad, key: bad };
    await assert.rejects(BalancerApi.listen({ listen, tokens, names: [], tls }, options), /no certificate/);
  });
});

describe('the client of an API', () => {
  it('sends no token in plain text to another host, and to nothing that is no API', () => {
    const refused = (url: string, says: RegExp) =>
      assert.throws(() => new RemoteClient({ url, token: 'x' }), { name: 'OptionError', message: says });
    refused('http://192.0.2.1:9437', /would send the token readably/);
    refused('http://edge.example', /would send the token readably/);
    for (const url of [
      'edge:9437',
      'ftp://edge',
      'https://u:p@edge',
      'https://edge/path',
      'https://edge?x',
      '',
    ])
      refused(url, /no URL of an API/);
    for (const url of ['https://edge:9437', 'http://127.0.0.1:1', 'http://[::1]:1', 'http://localhost:1'])
      assert.ok(new RemoteClient({ url }), url);
  });
});

describe('the key api of a configuration', () => {
  const file = (api: string) => `interface: b0\napi: ${api}\nvips: []\n`;

  it('listens on loopback by default, where it needs no TLS', () => {
    assert.deepEqual(parseConfig(file('{}')).api, {
      listen: [{ host: '127.0.0.1', port: 9437 }],
      ...{ tokens: '/etc/weir/balance.tokens', names: [] },
    });
    assert.ok(parseConfig(file('{listen: ["[::1]:1", "127.1.2.3:1"]}')).api);
    assert.equal(parseConfig('interface: b0\nvips: []\n').api, undefined);
  });

  it('other addresses need TLS', () => {
    for (const host of ['192.0.2.1', '0.0.0.0', '[::]', '[2001:db8::1]'])
      assert.throws(
        () => parseConfig(file(`{listen: ["127.0.0.1:1", "${host}:1"]}`), 'f'),
        /f:2:\d+: .* is reached from elsewhere, which needs tls/,
      );
    const tls = '{listen: ["0.0.0.0:1"], tls: {certificate: /c, key: /k}}';
    assert.deepEqual(parseConfig(file(tls)).api?.tls, { certificate: '/c', key: '/k' });
  });
});

it('entries of the audit log are lines for the operator', () => {
  const entry = {
    event: 'refused',
    kind: 'host',
    address: '192.0.2.1',
    status: 421,
    detail: 'x',
    count: 3,
  } as const;
  assert.equal(auditText(entry), '192.0.2.1 is refused: 421: host: x: 3 times');
  assert.equal(auditText({ event: 'login_failed' }), 'somebody has a wrong token');
});
