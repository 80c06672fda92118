/** Prometheus' metrics as OpenTelemetry has them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { labels, type Metric, noLabels, renderMetrics, withLabel } from '@weir/balancer/metrics-text';
import { OtlpPoints } from '../src/metrics/otlp-points.js';

const hostile = 'a"b\\c\nd=e,f="g" \u202e\u200b\\n';
const families: Metric[] = [
  {
    ...{ name: 'sent_bytes_total', help: 'Bytes.', type: 'counter' },
    samples: [
      [labels({ process: hostile, unit: '', port: 443 }), 7],
      [withLabel(labels({ process: '' }), 'error', hostile), 2 ** 53 - 1],
    ],
  },
  { ...{ name: 'history_free_bytes', help: 'Free.', type: 'gauge' }, samples: [[noLabels, 0.5]] },
  { ...{ name: 'collectors', help: 'Collectors.', type: 'gauge' }, samples: [[noLabels, 1]] },
  {
    ...{ name: 'tcp_rtt_seconds', help: 'RTT.', type: 'histogram', bounds: [0.001, 0.1] },
    samples: [[labels({ peer: 'private' }), { buckets: [1, 0, 2], sum: 3.5 }]],
  },
];

describe('metrics for OpenTelemetry', () => {
  it('have the names, units, values and attributes of the others', () => {
    const points = new OtlpPoints();
    const found = points.of('weir_', families);
    assert.deepEqual(
      found.map(({ name, unit, kind }) => [name, unit, kind]),
      [
        ['weir.sent', 'By', 'counter'],
        ['weir.history.free', 'By', 'gauge'],
        ['weir.collectors', '', 'gauge'],
        ['weir.tcp.rtt', 's', 'histogram'],
      ],
    );
    assert.deepEqual(found[0]!.points, [
      { attributes: { process: hostile, port: '443' }, value: 7 },
      { attributes: { error: hostile }, value: 2 ** 53 - 1 },
    ]);
    assert.deepEqual(found[3]!.points, [
      { attributes: { peer: 'private' }, bounds: [0.001, 0.1], counts: [1, 0, 2], sum: 3.5 },
    ]);
    assert.deepEqual(points.of('weir_', families), found, 'what is remembered is the same');
  });

  it('get their names in Prometheus again where these are sent to one', () => {
    const suffixes: Record<string, string> = { By: '_bytes', s: '_seconds', '': '' };
    const names = new OtlpPoints().of('weir_', families).map(({ name, unit, kind }) => {
      const total = kind === 'counter' ? '_total' : '';
      return `${name.replaceAll('.', '_')}${suffixes[unit]}${total}`;
    });
    const shown = [...renderMetrics('weir_', families).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    assert.deepEqual(names, shown);
  });
});
