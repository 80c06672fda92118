/** Metrics: names, values and escapes, by a reader of their format; and the server. */
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { describe, it } from 'node:test';
import type { Counters } from '../src/datapath/counters.js';
import { offsetsCounters } from '../src/generated/balancer.js';
import type { ServiceHealth } from '../src/health/checked-services.js';
import { type MetricsSource, metricsText } from '../src/metrics/metrics.js';
import { counterFamilies } from '../src/metrics/metrics-counters.js';
import { MetricsServer } from '../src/metrics/metrics-server.js';
import { labels as labelsOf, noLabels, renderMetrics } from '../src/metrics/metrics-text.js';
import { readMetrics } from './support/prometheus.js';

const service = { address: '2001:db8::1', port: 443, protocol: 'tcp' } as const;
const labels = { address: '2001:db8::1', port: '443', protocol: 'tcp' };
/** Counters with distinct values. */
const counters = Object.fromEntries(
  Object.keys(offsetsCounters).map((name, i) => [name, 2 ** 40 + i]),
) as unknown as Counters;
const health: ServiceHealth = {
  service,
  state: 'up',
  up: 1,
  reals: [
    {
      address: 'fd00::1',
      weight: 2,
      ringWeight: 2,
      health: {
        address: 'fd00::1',
        condition: 'up',
        reason: 'connected',
        since: new Date(),
        checked: new Date(),
        tookMs: 12.5,
        passed: 7,
        failed: 1,
      },
    },
    { address: 'fd00::2', weight: 1, ringWeight: 0, health: undefined },
  ],
};

function source(changed: Partial<MetricsSource> = {}): MetricsSource {
  return {
    counters: () => counters,
    services: () => [
      {
        service,
        spec: {
          reals: [
            { address: 'fd00::1', weight: 2 },
            { address: 'fd00::2', weight: 0 },
          ],
        },
        packets: 10,
        bytes: 1500,
      },
    ],
    reals: () => [{ address: 'fd00::1', packets: 5, bytes: 2 ** 53 }],
    health: () => [health],
    version: '1.2.3',
    ...changed,
  };
}

/** Requests a path; returns status, type and text of the answer. */
function ask({ address: { address, port } }: MetricsServer, path: string, method = 'GET') {
  return new Promise<[number, string, string]>((resolve, reject) => {
    get({ host: address, port, path, method, agent: false }, async (response) => {
      const chunks = await response.toArray();
      const type = response.headers['content-type'] ?? '';
      resolve([response.statusCode!, type, Buffer.concat(chunks).toString()]);
    }).on('error', reject);
  });
}

describe('metrics', () => {
  it('a histogram is written with the sum of its buckets so far', () => {
    const value = { buckets: [1, 0, 2], sum: 7.5 };
    const samples = [[noLabels, value] as const, [labelsOf({ a: '"' }), value] as const];
    const text = renderMetrics('x_', [
      { name: 's_seconds', help: 'Some.', type: 'histogram', bounds: [0.5, 2], samples },
    ]);
    const expected = [
      ...['# HELP x_s_seconds Some.', '# TYPE x_s_seconds histogram'],
      ...[
        'x_s_seconds_bucket{le="0.5"} 1',
        'x_s_seconds_bucket{le="2"} 1',
        'x_s_seconds_bucket{le="+Inf"} 3',
      ],
      ...['x_s_seconds_sum 7.5', 'x_s_seconds_count 3'],
      ...['x_s_seconds_bucket{a="\\"",le="0.5"} 1', 'x_s_seconds_bucket{a="\\"",le="2"} 1'],
      ...[
        'x_s_seconds_bucket{a="\\"",le="+Inf"} 3',
        'x_s_seconds_sum{a="\\""} 7.5',
        'x_s_seconds_count{a="\\""} 3',
      ],
    ];
    assert.deepEqual(text.split('\n'), [...expected, '']);
  });

  it('metrics have every counter of the program once', () => {
    const metrics = readMetrics(metricsText(source()));
    for (const { name, label, counters: rows } of counterFamilies()) {
      const { samples, type } = metrics.get(`weir_balancer_${name}`)!;
      assert.equal(type, 'counter');
      for (const { counter, value } of rows) {
        const wanted = label === undefined ? {} : { [label]: value };
        const sample = samples.find(({ labels }) => JSON.stringify(labels) === JSON.stringify(wanted));
        assert.equal(sample?.value, counters[counter], name);
      }
    }
  });

  it('metrics have traffic, weights and health by service and real', () => {
    const metrics = readMetrics(metricsText(source()));
    const samples = (name: string) => metrics.get(`weir_balancer_${name}`)!.samples;
    assert.deepEqual(samples('build_info'), [{ labels: { version: '1.2.3' }, value: 1 }]);
    assert.deepEqual(samples('service_bytes_total'), [{ labels, value: 1500 }]);
    assert.deepEqual(samples('real_bytes_total'), [{ labels: { real: 'fd00::1' }, value: 2 ** 53 }]);
    assert.deepEqual(
      samples('real_weight').map(({ labels, value }) => [labels.real, value]),
      [
        ['fd00::1', 2],
        ['fd00::2', 0],
      ],
    );
    assert.deepEqual(
      samples('real_condition').map(({ labels, value }) => `${labels.real} ${labels.condition} ${value}`),
      ['fd00::1 unknown 0', 'fd00::1 up 1', 'fd00::1 held 0', 'fd00::1 down 0'],
    );
    assert.deepEqual(
      samples('health_checks_total').map(({ labels, value }) => `${labels.result} ${value}`),
      ['passed 7', 'failed 1'],
    );
    assert.equal(samples('health_check_duration_seconds')[0]!.value, 0.0125);
    assert.deepEqual(samples('service_reals_up'), [{ labels, value: 1 }]);
  });

  it('reals on one address have metrics of their own, and weights of a ring that stays', () => {
    const ports = [8081, 8082].map((port) => ({ address: 'fd00::1', port, packets: port, bytes: 0 }));
    const spec = { reals: ports.map(({ address, port }) => ({ address, port, weight: 0 })) };
    const [real] = health.reals;
    const metrics = readMetrics(
      metricsText(
        source({
          reals: () => ports,
          services: () => [{ service, spec, packets: 0, bytes: 0, keptWeights: [5, 0] }],
          health: () => [{ ...health, reals: ports.map(({ port }) => ({ ...real!, port })) }],
        }),
      ),
    );
    for (const name of ['real_packets_total', 'real_weight', 'health_check_duration_seconds']) {
      assert.deepEqual(
        metrics.get(`weir_balancer_${name}`)!.samples.map(({ labels }) => labels.real),
        ['[fd00::1]:8081', '[fd00::1]:8082'],
        name,
      );
    }
    assert.deepEqual(
      metrics.get('weir_balancer_real_weight')!.samples.map(({ value }) => value),
      [5, 0],
    );
  });

  it('metrics have what drivers did not take, where the kernel counts that', () => {
    const unsent = { redirected: 7, transmitted: 2 };
    assert.deepEqual(
      readMetrics(metricsText(source({ unsent: () => unsent }))).get('weir_balancer_unsent_packets_total')!
        .samples,
      [
        { labels: { verdict: 'tx' }, value: 2 },
        { labels: { verdict: 'redirect' }, value: 7 },
      ],
    );
    assert.ok(!metricsText(source({ unsent: () => undefined })).includes('unsent_packets_total'));
  });

  it('labels of metrics are escaped', () => {
    const version = 'a"b\\n\\c\nd';
    const metrics = readMetrics(metricsText(source({ version })));
    assert.equal(metrics.get('weir_balancer_build_info')!.samples[0]!.labels.version, version);
  });

  it('metrics are served on loopback, at one path', async () => {
    await using server = await MetricsServer.listen(() => metricsText(source()), 0);
    assert.equal(server.address.address, '127.0.0.1');
    const [status, type, text] = await ask(server, '/metrics');
    assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
    assert.ok(readMetrics(text).size > 30);
    assert.equal((await ask(server, '/'))[0], 404);
    assert.equal((await ask(server, '/metrics', 'POST'))[0], 405);
  });

  it('metrics that cannot be read are answered with an error', async () => {
    const failing = () => {
      throw new Error('the map is gone');
    };
    await using server = await MetricsServer.listen(failing, 0);
    assert.deepEqual((await ask(server, '/metrics')).slice(0, 1), [500]);
  });
});
