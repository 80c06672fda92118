/** Metrics over OTLP. Whoever counts calls it now and then; it keeps nothing, as the next points say all that these do. */
import type { SendResult } from '../packet.js';
import { countPoints, type MetricPoints, metricData } from './metric-points.js';
import type { OtlpEncoder } from './otlp-encoder.js';
import type { OtlpTransport } from './otlp-transport.js';

/** Sends metrics. */
export class OtlpMetricSender implements Disposable {
  readonly #encoder: OtlpEncoder;
  readonly #transport: OtlpTransport;

  constructor(encoder: OtlpEncoder, transport: OtlpTransport) {
    this.#encoder = encoder;
    this.#transport = transport;
  }

  /** Sends points once; never throws. After `retry`, newer ones are sent rather than these. */
  async send(points: MetricPoints, signal: AbortSignal): Promise<SendResult> {
    if (countPoints(points) === 0) return { kind: 'sent' };
    const request = this.#encoder.metrics(metricData(points));
    const posted = await this.#transport.post(this.#transport.pack(request), signal);
    if (posted.kind !== 'answer') return posted;
    return { kind: 'sent', ...this.#encoder.refusedPoints(posted.body) };
  }

  /** Closes its connection. */
  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}
