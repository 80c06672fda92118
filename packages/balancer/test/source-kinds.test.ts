/** Reals from files, Consul and Kubernetes, of servers that speak their forms. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseConfig } from '../src/config/index.js';
import { nextIndex, readHealthAnswer } from '../src/sources/consul-health.js';
import { questionFor } from '../src/sources/consul-source.js';
import { readSlices } from '../src/sources/endpoint-slices.js';
import { readFileSd } from '../src/sources/file-sd.js';
import type { FoundReal } from '../src/sources/found-real.js';
import { openSource } from '../src/sources/open-source.js';
import { readRealList } from '../src/sources/real-list.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-sources-'));
after(() => rmSync(folder, { recursive: true }));

/** Follows a source of a configuration; each report is a text of addresses, or of the error. */
function followed(from: string) {
  const { vips } = parseConfig(
    `interface: eth0\nvips:\n- {address: 198.51.100.1, port: 80, protocol: tcp, reals: {from: ${from}}}`,
  );
  const seen: string[] = [];
  let look = () => {};
  const report = (text: string) => {
    if (seen.at(-1) !== text) seen.push(text);
    look();
  };
  const text = ({ address, port, weight }: FoundReal) => `${address} ${port ?? '-'} ${weight ?? '-'}`;
  const source = openSource(vips[0]!, vips[0]!.source!, {
    answer: (reals) => {
      report(reals.map(text).join(', '));
      return reals.length > 0;
    },
    fails: ({ message }) => report(`failed: ${message}`),
    unchanged: () => {},
  });
  return {
    seen,
    [Symbol.dispose]: () => source[Symbol.dispose](),
    async reports(count: number): Promise<void> {
      while (seen.length < count) await new Promise<void>((resolve) => (look = resolve));
    },
    /** Waits for a report. */
    async report(pattern: RegExp): Promise<void> {
      while (!seen.some((each) => pattern.test(each))) await new Promise<void>((resolve) => (look = resolve));
    },
  };
}

/** A server of HTTP. */
async function serving(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

describe('reals from a file', () => {
  it('are lines with places and weights', () => {
    assert.deepEqual(
      readRealList('# servers\n10.0.0.1\n 10.0.0.2:8080 weight=3 # two\n\n2001:db8::1\n[2001:db8::2]:81\n'),
      [
        { address: '10.0.0.1' },
        { address: '10.0.0.2', port: 8080, weight: 3 },
        { address: '2001:db8::1' },
        { address: '2001:db8::2', port: 81 },
      ],
    );
    for (const bad of [
      'web.example',
      '10.0.0.1:',
      '10.0.0.1 3',
      '10.0.0.1 weight=1 weight=2',
      '[10.0.0.1]:1',
      '10.0.0',
    ])
      assert.throws(() => readRealList(`10.0.0.9\n${bad}`), /^Error: line 2: expected ADDRESS/, bad);
  });

  it("are groups in Prometheus' form, as JSON or YAML", () => {
    const json =
      '[{"targets": ["10.0.0.1:9100"], "labels": {"job": "web", "weir_weight": "2"}}, {"targets": []}]';
    assert.deepEqual(readFileSd(json), [{ address: '10.0.0.1', port: 9100, weight: 2 }]);
    assert.deepEqual(readFileSd('- targets:\n  - "[2001:db8::1]:80"\n'), [
      { address: '2001:db8::1', port: 80 },
    ]);
    assert.deepEqual(readFileSd(''), []);
    assert.throws(() => readFileSd('{"targets": []}'), /expected a list of groups/);
    assert.throws(() => readFileSd('[{"targets": ["web:80"]}]'), /group 1: target 1 is no address/);
    assert.throws(() => readFileSd('[{"targets": ["10.0.0.1'), /^Error: line 1 is neither JSON nor YAML$/);
    assert.throws(
      () => readFileSd('[{targets: [], labels: {weir_weight: -1}}]'),
      /weir_weight is no whole number/,
    );
    const bomb = `a: &a [x]\n${'b: [*a, *a, *a, *a, *a, *a, *a, *a]\n'.repeat(1)}`;
    assert.throws(() => readFileSd(bomb), /expected a list/);
  });

  it('follow it when it is replaced, is gone, and is back', async () => {
    const path = join(folder, 'reals');
    const [first, second] = [join(folder, 'one'), join(folder, 'two')];
    writeFileSync(first, '10.0.0.1\n');
    writeFileSync(second, '10.0.0.2:81\n');
    symlinkSync(first, path);
    using source = followed(`{file: {path: ${path}}}`);
    await source.report(/^10.0.0.1 - -$/);
    // As Kubernetes replaces files.
    symlinkSync(second, `${path}.new`);
    renameSync(`${path}.new`, path);
    await source.report(/^10.0.0.2 81 -$/);
    unlinkSync(path);
    await source.report(/^failed: no such file or directory$/);
    writeFileSync(path, '10.0.0.3 weight=5\n');
    await source.report(/^10.0.0.3 - 5$/);
    assert.equal(source.seen.length, 4);
  });

  it('are not read from what is no file', async () => {
    using source = followed(`{fileSd: {path: ${folder}}}`);
    await source.report(/^failed: it is no file$/);
  });
});

describe('reals from Consul', () => {
  const instance = (address: string, port: number, node = '10.9.9.9', passing = 1) => ({
    Node: { Node: 'n', Address: node },
    Service: { ID: 'web', Address: address, Port: port, Weights: { Passing: passing, Warning: 1 } },
    Checks: [],
  });

  it('have the address of the instance, else of its node', () => {
    assert.deepEqual(readHealthAnswer([instance('10.0.0.1', 80), instance('', 0, '10.0.0.2', 4), null]), [
      { address: '10.0.0.1', port: 80, weight: 1 },
      { address: '10.0.0.2', weight: 4 },
      { address: '' },
    ]);
    assert.throws(() => readHealthAnswer({}), /no list of instances/);
    assert.deepEqual(
      [nextIndex('7', 3), nextIndex('2', 3), nextIndex('x', 3), nextIndex(undefined, 0)],
      [7, 0, 0, 0],
    );
  });

  it('follow each change by a question that waits, with a token, and survive its end', async () => {
    const asked: string[] = [];
    const waiting: ServerResponse[] = [];
    let isDown = false;
    await using server = await serving((request, response) => {
      asked.push(`${request.headers.authorization} ${request.url}`);
      response.setHeader('x-consul-index', String(10 + asked.length));
      if (isDown) response.writeHead(500).end('no leader');
      else if (request.url!.includes('index=')) waiting.push(response);
      else response.end(JSON.stringify([instance('10.0.0.1', 80)]));
    });
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'secret\n');
    using source = followed(
      `{consul: {service: web, url: "${server.origin}", tag: v2, tokenFile: ${tokenFile}}}`,
    );
    await source.report(/^10.0.0.1 80 1$/);
    while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(asked, [
      'Bearer secret /v1/health/service/web?passing=1&tag=v2',
      'Bearer secret /v1/health/service/web?passing=1&tag=v2&index=11&wait=60s',
    ]);
    isDown = true;
    waiting.pop()!.end(JSON.stringify([instance('10.0.0.1', 80), instance('10.0.0.2', 80, '', 3)]));
    await source.report(/^10.0.0.1 80 1, 10.0.0.2 80 3$/);
    await source.report(/^failed: \/v1\/health\/service\/web is answered with status 500$/);
    isDown = false;
    await source.reports(4);
    assert.equal(source.seen[3], '10.0.0.1 80 1');
    // After a failure the whole state is asked for.
    assert.ok(
      asked.slice(2).some((each) => each.endsWith('passing=1&tag=v2')),
      asked.join('\n'),
    );
  });

  it('have a name that is a part of the path, and no more', () => {
    const config = { url: 'https://consul.example:8501/', service: 'a.b', datacenter: 'dc1' };
    assert.equal(
      questionFor(config, 0).href,
      'https://consul.example:8501/v1/health/service/a.b?passing=1&dc=dc1',
    );
  });
});

describe('reals from Kubernetes', () => {
  const endpoint = (address: string, conditions: object = { ready: true }) => ({
    addresses: [address],
    conditions,
  });
  const slice = (name: string, endpoints: object[], more: object = {}) => ({
    metadata: { name, namespace: 'shop', resourceVersion: '7' },
    addressType: 'IPv4',
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'admin', port: 9090, protocol: 'TCP' },
    ],
    endpoints,
    ...more,
  });

  it('are the ready endpoints of the VIP family, at a port', () => {
    const slices = [
      slice('a', [
        endpoint('10.1.0.1'),
        endpoint('10.1.0.2', { ready: false, serving: true, terminating: true }),
      ]),
      slice('b', [endpoint('10.1.0.3', {}), {}]),
      slice('c', [endpoint('2001:db8::1')], { addressType: 'IPv6' }),
      slice('d', [endpoint('10.1.0.4')], { ports: [] }),
      'nonsense',
    ];
    const four = { addressType: 'IPv4', portName: undefined } as const;
    assert.deepEqual(readSlices(slices, four), [
      { address: '10.1.0.1', port: 8080 },
      { address: '10.1.0.3', port: 8080 },
      { address: '10.1.0.4' },
    ]);
    assert.deepEqual(readSlices(slices, { ...four, portName: 'admin' }), [
      { address: '10.1.0.1', port: 9090 },
      { address: '10.1.0.3', port: 9090 },
    ]);
    assert.deepEqual(readSlices(slices, { ...four, addressType: 'IPv6' }), [
      { address: '2001:db8::1', port: 8080 },
    ]);
  });

  it('are listed and watched', async () => {
    const asked: string[] = [];
    let watch: ServerResponse | undefined;
    await using server = await serving((request, response) => {
      asked.push(decodeURIComponent(request.url!));
      if (!request.url!.includes('watch=1')) {
        const items = [slice('a', [endpoint('10.1.0.1')]), slice('b', [endpoint('10.1.0.2')])];
        response.end(JSON.stringify({ metadata: { resourceVersion: '7' }, items }));
      } else {
        watch = response;
        response.flushHeaders();
      }
    });
    using source = followed(`{kubernetes: {service: web, namespace: shop, server: "${server.origin}"}}`);
    await source.report(/^10.1.0.1 8080 -, 10.1.0.2 8080 -$/);
    while (watch === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(
      asked[0],
      '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?limit=500&labelSelector=kubernetes.io/service-name=web',
    );
    watch.write(`${JSON.stringify({ type: 'DELETED', object: slice('b', []) })}\n`);
    await source.report(/^10.1.0.1 8080 -$/);
    watch.write(`${JSON.stringify({ type: 'MODIFIED', object: slice('a', [endpoint('10.1.0.7')]) })}\n`);
    await source.report(/^10.1.0.7 8080 -$/);
  });

  it('cannot be had outside of a cluster', () => {
    assert.throws(() => followed('{kubernetes: {service: web}}'), /this is no pod of a cluster/);
  });
});
