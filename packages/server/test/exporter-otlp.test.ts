/** Records and metrics over OTLP, to a receiver of the test's own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type ExporterConfigOf, exporterSchema } from '../src/config/exporters-schema.js';
import type { MetricPoints } from '../src/exporters/index.js';
import { openMetrics, openSink } from '../src/exporters/open-sink.js';
import { otlpSettings } from '../src/exporters/otlp/otlp-settings.js';
import { ownCertificate } from './support/certificate.js';
import { hostile, recordsOf } from './support/exporters.js';
import { OtlpReceiver } from './support/otlp-receiver.js';
import { partialSuccess, readLogs, readMetrics } from './support/otlp-wire.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-otlp-'));
after(() => rmSync(folder, { recursive: true }));
const never = new AbortController().signal;

function configOf(more: object = {}): ExporterConfigOf<'otlp'> {
  return exporterSchema.parse({ type: 'otlp', ...more }) as ExporterConfigOf<'otlp'>;
}

const at = (receiver: OtlpReceiver, more: object = {}) =>
  configOf({ endpoint: `http://127.0.0.1:${receiver.port}`, ...more });

const open = (config: ExporterConfigOf<'otlp'>, environment = {}) =>
  openSink(config, { environment, version: '1.2.3' });

describe('records over OTLP', () => {
  it('have the names of the semantic conventions, and are read by other code with every value', async () => {
    await using receiver = await OtlpReceiver.start();
    await using sink = await open(at(receiver, { attributes: { 'deployment.environment.name': 'test' } }));
    const losses = [{ time: 5n, since: 2n, place: 'ring', count: 7 }] as const;
    const [record, loss] = recordsOf(1, { ...hostile, service: 'https', peer_name: 'a.example' }, { losses });
    const { packets } = sink.encode([record!, loss!]);
    assert.deepEqual(await sink.send(packets[0]!, never), { kind: 'sent', refused: 0 });
    const [request] = receiver.requests;
    assert.equal(request!.path, '/v1/logs');
    const { 'content-type': type, 'content-encoding': encoding, 'user-agent': agent } = request!.headers;
    assert.deepEqual([type, encoding, agent], ['application/x-protobuf', 'gzip', 'weir/1.2.3']);
    const [log, lost] = readLogs(request!.body);
    assert.equal(log!.scope, 'weir');
    const { 'host.id': _, ...resource } = log!.resource;
    assert.deepEqual(resource, {
      ...{ 'service.name': 'weir', 'service.version': '1.2.3', 'host.name': hostname(), 'os.type': 'linux' },
      'deployment.environment.name': 'test',
    });
    assert.deepEqual([log!.timeNs, log!.severity, log!.event], [record!.timeNs, 9, 'weir.close']);
    assert.ok(log!.observedNs > log!.timeNs);
    assert.equal(log!.body, 'ev"]\\\\il\\u000a tcp 10.0.0.1:40000 -> 10.0.0.7:443 close local');
    assert.deepEqual(log!.attributes, {
      ...{ 'process.pid': 42, 'thread.id': 43, 'weir.process.comm': hostile.comm, 'process.user.id': 1000 },
      ...{ 'process.executable.path': hostile.executable, 'process.executable.name': 'name' },
      ...{ 'process.command_line': hostile.command_line, 'container.id': 'c0ffee', 'k8s.pod.name': 'web-1' },
      ...{ 'weir.systemd.unit': 'web.service', 'network.transport': 'tcp', 'network.type': 'ipv4' },
      ...{ 'network.local.address': '10.0.0.1', 'network.local.port': 40_000 },
      ...{ 'network.peer.address': '10.0.0.7', 'network.peer.port': 443, 'weir.peer.name': 'a.example' },
      ...{ 'client.address': '10.0.0.1', 'client.port': 40_000 },
      ...{ 'server.address': '10.0.0.7', 'server.port': 443, 'network.protocol.name': 'https' },
      ...{ 'weir.host': 'fedcba9876543210', 'weir.monotonic_ns': 1_000_000_000, 'weir.netns': 4_026_531_840 },
      ...{ 'weir.direction': 'outbound', 'weir.flow_id': '000000035a4e900.0' },
      ...{ 'weir.connection_id': '0000000000001234', 'weir.bytes_sent': 500 },
      ...{ 'weir.bytes_received': 2 ** 40, 'weir.closed_by': 'local' },
    });
    assert.deepEqual([lost!.event, lost!.severity, lost!.attributes['weir.count']], ['weir.lost', 13, 7]);
    assert.equal(lost!.attributes['weir.where'], 'ring');
  });

  it('are a message that protoc reads', async () => {
    await using receiver = await OtlpReceiver.start();
    await using sink = await open(at(receiver, { compression: 'none' }));
    await sink.send(sink.encode(recordsOf(3, hostile)).packets[0]!, never);
    const [request] = receiver.requests;
    assert.equal(request!.headers['content-encoding'], undefined);
    const text = execFileSync('protoc', ['--decode_raw'], { input: request!.body }).toString();
    assert.equal(text.match(/"weir\.close"/g)!.length, 3);
    assert.equal(text.match(/"network\.peer\.address"/g)!.length, 3);
  });

  it('have the role of each end of an accepted connection, and the errno of a failed one', async () => {
    await using receiver = await OtlpReceiver.start();
    await using sink = await open(at(receiver));
    const records = [
      ...recordsOf(1, { direction: 'inbound' }),
      ...recordsOf(1, { event: 'fail', direction: 'outbound', error: 'ECONNREFUSED' }),
    ];
    await sink.send(sink.encode(records).packets[0]!, never);
    const [accepted, failed] = readLogs(receiver.requests[0]!.body);
    assert.deepEqual(
      [accepted!.attributes['server.port'], accepted!.attributes['client.port']],
      [40_000, 443],
    );
    assert.deepEqual(
      [failed!.attributes['error.type'], failed!.event, failed!.severity],
      ['ECONNREFUSED', 'weir.fail', 13],
    );
  });

  it('are refused in part, sent later or refused, as the answer says', async () => {
    await using receiver = await OtlpReceiver.start();
    await using sink = await open(at(receiver));
    const [packet] = sink.encode(recordsOf(3)).packets;
    receiver.answers.push(
      (response) => response.end(partialSuccess(2, 'too old')),
      (response) => response.end('no protobuf at all'),
      (response) => response.writeHead(429, { 'retry-after': '7' }).end(),
      (response) => response.writeHead(503).end(),
      (response) => response.writeHead(400, { 'content-type': 'text/plain' }).end('bad\u001b[2J field'),
      (response) => response.writeHead(307, { location: '/' }).end(),
      (response) => response.destroy(),
    );
    const send = () => sink.send(packet!, never);
    assert.deepEqual(await send(), { kind: 'sent', refused: 2, message: 'too old' });
    assert.deepEqual(await send(), { kind: 'sent', refused: 0 });
    assert.deepEqual(await send(), { kind: 'retry', message: 'the receiver answered 429', afterMs: 7000 });
    assert.deepEqual(await send(), { kind: 'retry', message: 'the receiver answered 503' });
    assert.deepEqual(await send(), {
      kind: 'refused',
      message: 'the receiver answered 400: bad\\u001b[2J field',
    });
    assert.deepEqual(await send(), { kind: 'refused', message: 'the receiver answered 307' });
    assert.match(JSON.stringify(await send()), /"retry".*socket hang up/);
    assert.equal(receiver.requests[4]!.connection, 1, 'over one connection');
  });

  it('are sent later where there is no answer in time', async () => {
    await using receiver = await OtlpReceiver.start();
    await using sink = await open(at(receiver, { timeout: '100ms' }));
    receiver.answers.push(() => {});
    const result = await sink.send(sink.encode(recordsOf(1)).packets[0]!, never);
    assert.match(JSON.stringify(result), /"retry".*no answer within 0.1 s/);
  });

  it('go over TLS to a receiver with a certificate of the named authority, and to no other', async () => {
    const { cert, key, certificateFile } = ownCertificate(folder);
    await using receiver = await OtlpReceiver.start({ cert, key });
    const endpoint = `https://127.0.0.1:${receiver.port}`;
    await using sink = await open(configOf({ endpoint, tls: { ca: certificateFile } }));
    const [packet] = sink.encode(recordsOf(1)).packets;
    assert.equal((await sink.send(packet!, never)).kind, 'sent');
    await using other = await open(configOf({ endpoint }));
    assert.match(JSON.stringify(await other.send(packet!, never)), /"retry".*self-signed certificate/);
    await using variable = await open(configOf({ endpoint }), {
      OTEL_EXPORTER_OTLP_CERTIFICATE: certificateFile,
    });
    assert.equal((await variable.send(packet!, never)).kind, 'sent');
    assert.equal(receiver.requests.length, 2);
  });
});

describe('settings of OTLP', () => {
  const settings = (more: object, environment: Record<string, string>, signal: 'logs' | 'metrics' = 'logs') =>
    otlpSettings(configOf(more), environment, signal);

  it('come from the environment where the configuration does not say otherwise', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a.example:4318/otlp/',
      OTEL_EXPORTER_OTLP_HEADERS: 'X-Tenant=one%20two, authorization=a',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
      OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '700',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
    };
    const own = settings({}, environment);
    assert.equal(own.url.href, 'http://a.example:4318/otlp/v1/logs');
    assert.deepEqual(own.headers, { 'x-tenant': 'one two', authorization: 'a' });
    assert.deepEqual([own.timeoutMs, own.compresses], [2500, false]);
    assert.equal(settings({}, environment, 'metrics').timeoutMs, 700);
    writeFileSync(join(folder, 'token'), 'Bearer b\n');
    const headers = { Authorization: { file: join(folder, 'token') }, 'X-Key': { env: 'KEY' } };
    const more = { endpoint: 'https://b.example', headers, timeout: 3, compression: 'gzip' };
    const configured = settings(more, { ...environment, KEY: 'k' });
    assert.equal(configured.url.href, 'https://b.example/v1/logs');
    assert.deepEqual(configured.headers, { 'x-tenant': 'one two', authorization: 'Bearer b', 'x-key': 'k' });
    assert.deepEqual([configured.timeoutMs, configured.compresses], [3000, true]);
    assert.equal(settings({}, {}).url.href, 'http://localhost:4318/v1/logs');
    const whole = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://c.example/in' };
    assert.equal(settings({}, whole).url.href, 'http://c.example/in');
  });

  it('are refused with the name of what makes no sense', async () => {
    const refused = (environment: Record<string, string>, more: object = {}) =>
      open(configOf(more), environment).then(
        () => 'it was opened',
        (error: Error) => `${error}`,
      );
    const prefix = 'OptionError: exporter otlp: ';
    assert.equal(
      await refused({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }),
      `${prefix}OTEL_EXPORTER_OTLP_PROTOCOL: Weir speaks http/protobuf, not grpc`,
    );
    assert.match(
      await refused({ OTEL_EXPORTER_OTLP_ENDPOINT: 'a.example:4318' }),
      /no http:\/\/ or https:\/\/ URL/,
    );
    assert.match(await refused({ OTEL_EXPORTER_OTLP_TIMEOUT: '1s' }), /expected milliseconds/);
    assert.match(await refused({ OTEL_EXPORTER_OTLP_HEADERS: 'nothing' }), /expected name=value/);
    assert.match(await refused({ OTEL_RESOURCE_ATTRIBUTES: '=x' }), /OTEL_RESOURCE_ATTRIBUTES: expected/);
    assert.match(await refused({}, { headers: { a: { env: 'NONE' } } }), /headers: a: there is no value/);
    assert.match(await refused({}, { headers: { a: 'b\r\nc: d' } }), /headers: a: there is no value/);
    assert.match(await refused({}, { headers: { a: { file: '/nonexistent' } } }), /ENOENT/);
    assert.match(await refused({}, { tls: { ca: '/nonexistent' } }), /ENOENT/);
  });

  it('name the resource: the configuration, then the variables, then what is known', async () => {
    await using receiver = await OtlpReceiver.start();
    const environment = {
      OTEL_RESOURCE_ATTRIBUTES: 'team=net,host.name=h,service.name=x',
      OTEL_SERVICE_NAME: 'y',
    };
    await using sink = await open(at(receiver, { attributes: { team: 'web' } }), environment);
    await sink.send(sink.encode(recordsOf(1)).packets[0]!, never);
    const { resource } = readLogs(receiver.requests[0]!.body)[0]!;
    assert.deepEqual([resource.team, resource['host.name'], resource['service.name']], ['web', 'h', 'y']);
  });
});

describe('metrics over OTLP', () => {
  const points: MetricPoints = {
    ...{ sinceNs: 1_000_000_001n, atNs: 1_790_000_000_123_456_789n },
    metrics: [
      {
        ...{ name: 'weir.connections', description: 'Connections.', unit: '{connection}', kind: 'counter' },
        points: [
          { attributes: { 'error.type': 'ETIMEDOUT', port: 443 }, value: 3 },
          { attributes: {}, value: 2 ** 53 - 1 },
        ],
      },
      {
        name: 'weir.open',
        description: '',
        unit: '1',
        kind: 'gauge',
        points: [{ attributes: {}, value: -0.5 }],
      },
      {
        ...{ name: 'weir.handshake', description: '', unit: 's', kind: 'histogram' },
        points: [{ attributes: { side: 'client' }, bounds: [0.001, 0.1], counts: [1, 2, 3], sum: 4.5 }],
      },
    ],
  };

  it('are read by other code with every value', async () => {
    await using receiver = await OtlpReceiver.start();
    using sender = (await openMetrics(at(receiver), { environment: {}, version: '1' }))!.sender;
    assert.deepEqual(await sender.send(points, never), { kind: 'sent', refused: 0 });
    assert.equal(receiver.requests[0]!.path, '/v1/metrics');
    const { sinceNs, atNs } = points;
    assert.deepEqual(readMetrics(receiver.requests[0]!.body), [
      {
        ...{
          name: 'weir.connections',
          unit: '{connection}',
          kind: 'sum',
          isCumulative: true,
          isMonotonic: true,
        },
        points: [
          { sinceNs, atNs, attributes: { 'error.type': 'ETIMEDOUT', port: 443 }, value: 3 },
          { sinceNs, atNs, attributes: {}, value: 2 ** 53 - 1 },
        ],
      },
      {
        ...{ name: 'weir.open', unit: '1', kind: 'gauge', isCumulative: false, isMonotonic: false },
        points: [{ sinceNs, atNs, attributes: {}, value: -0.5 }],
      },
      {
        ...{ name: 'weir.handshake', unit: 's', kind: 'histogram', isCumulative: true, isMonotonic: false },
        points: [
          {
            ...{ sinceNs, atNs, attributes: { side: 'client' }, count: 6, sum: 4.5 },
            ...{ counts: [1, 2, 3], bounds: [0.001, 0.1] },
          },
        ],
      },
    ]);
  });

  it('are sent in several requests where there are many, each point once', async () => {
    await using receiver = await OtlpReceiver.start();
    using sender = (await openMetrics(at(receiver), { environment: {}, version: '1' }))!.sender;
    const [connections, open] = points.metrics;
    const many = {
      ...connections!,
      points: Array.from({ length: 4001 }, (_, value) => ({ attributes: {}, value })),
    };
    const metrics = [open!, many as (typeof points)['metrics'][number]];
    assert.deepEqual(await sender.send({ ...points, metrics }, never), { kind: 'sent', refused: 0 });
    const requests = receiver.requests.map(({ body }) => readMetrics(body));
    const sizes = requests.map((found) => found.map(({ name, points: each }) => `${name} ${each.length}`));
    assert.deepEqual(sizes, [
      ['weir.open 1', 'weir.connections 1999'],
      ['weir.connections 2000'],
      ['weir.connections 2'],
    ]);
    const values = requests.flat().filter(({ name }) => name === 'weir.connections');
    assert.deepEqual(
      values.flatMap((metric) => metric.points.map((point) => (point as { value: number }).value)),
      many.points.map(({ value }) => value),
    );
  });

  it('are sent in no request where there are none, and refused as the answer says', async () => {
    await using receiver = await OtlpReceiver.start();
    using sender = (await openMetrics(at(receiver), { environment: {}, version: '1' }))!.sender;
    assert.deepEqual(await sender.send({ ...points, metrics: [] }, never), { kind: 'sent', refused: 0 });
    assert.equal(receiver.requests.length, 0);
    receiver.answers.push(
      (response) => response.end(partialSuccess(1, 'no')),
      (response) => response.writeHead(502).end(),
    );
    assert.deepEqual(await sender.send(points, never), { kind: 'sent', refused: 1, message: 'no' });
    assert.deepEqual(await sender.send(points, never), {
      kind: 'retry',
      message: 'the receiver answered 502',
    });
  });
});
