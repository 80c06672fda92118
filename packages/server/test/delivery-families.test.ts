/** Metrics of what leaves a server by itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderMetrics } from '@weir/balancer/metrics-text';
import { deliveryFamilies } from '../src/metrics/delivery-families.js';

const lines = (figures: Parameters<typeof deliveryFamilies>[0]) =>
  renderMetrics('weir_', deliveryFamilies(figures))
    .split('\n')
    .filter((line) => !/^(?:#.*)?$/.test(line));

describe('metrics of what leaves a server by itself', () => {
  it('count the records of each exporter, and say which fails', () => {
    const counts = { sent: 10, waiting: 1, dropped: 2, refused: 3, repeated: 4 };
    const exporters = [
      { name: 'a', type: 'otlp', ...counts, problem: 'refused', metrics: { sent: 5, failed: 6, refused: 0 } },
      { name: 'b', type: 'file', ...counts, sent: 20 },
    ];
    assert.deepEqual(lines({ exporters }), [
      'weir_exporter_sent_records_total{exporter="a",type="otlp"} 10',
      'weir_exporter_sent_records_total{exporter="b",type="file"} 20',
      'weir_exporter_dropped_records_total{exporter="a",type="otlp"} 2',
      'weir_exporter_dropped_records_total{exporter="b",type="file"} 2',
      'weir_exporter_refused_records_total{exporter="a",type="otlp"} 3',
      'weir_exporter_refused_records_total{exporter="b",type="file"} 3',
      'weir_exporter_repeated_records_total{exporter="a",type="otlp"} 4',
      'weir_exporter_repeated_records_total{exporter="b",type="file"} 4',
      'weir_exporter_waiting_records{exporter="a",type="otlp"} 1',
      'weir_exporter_waiting_records{exporter="b",type="file"} 1',
      'weir_exporter_failing{exporter="a",type="otlp",signal="records"} 1',
      'weir_exporter_failing{exporter="b",type="file",signal="records"} 0',
      'weir_exporter_failing{exporter="a",type="otlp",signal="metrics"} 0',
      'weir_exporter_metric_requests_total{exporter="a",type="otlp",outcome="sent"} 5',
      'weir_exporter_metric_requests_total{exporter="a",type="otlp",outcome="failed"} 6',
    ]);
  });

  it('say what ClickHouse has, lacks and never got', () => {
    const shipping = {
      target: 'clickhouse://x',
      state: 'retrying',
      waiting: { segments: 3, rows: 30 },
      shipped: { segments: 1, rows: 12 },
      lostRows: 7,
      lastMs: 1_790_000_000_500,
      problem: 'refused',
    } as const;
    assert.deepEqual(lines({ exporters: [], shipping }), [
      'weir_shipping_shipped_records_total 12',
      'weir_shipping_lost_records_total 7',
      'weir_shipping_waiting_records 30',
      'weir_shipping_waiting_segments 3',
      'weir_shipping_failing 1',
      'weir_shipping_last_success_timestamp_seconds 1790000000.5',
    ]);
    const { lastMs: _, problem: __, ...before } = shipping;
    assert.ok(lines({ exporters: [], shipping: before }).includes('weir_shipping_failing 0'));
    assert.deepEqual(lines({ exporters: [] }), []);
  });
});
