/** What the server uses of exporters. */
export type { ExporterStatus } from './exporter.js';
export { ExporterSet } from './exporter-set.js';
export { loadExporters, openMetrics } from './open-sink.js';
export type { HistogramPoint, Metric, MetricPoint, MetricPoints } from './otlp/metric-points.js';
export type { OtlpMetricSender } from './otlp/otlp-metrics.js';
