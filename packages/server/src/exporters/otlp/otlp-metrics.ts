/** Metrics over OTLP. Whoever counts calls it now and then; it keeps nothing, as the next points say all that these do. */
import type { SendResult } from '../packet.js';
import { type MetricPoints, metricData, splitPoints } from './metric-points.js';
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

  /** Sends points once; never throws. What does not succeed ends it: newer points are sent rather than these. */
  async send(points: MetricPoints, signal: AbortSignal): Promise<SendResult> {
    let refused = 0;
    let message: string | undefined;
    for (const part of splitPoints(points)) {
      const request = this.#encoder.metrics(metricData(part));
      const posted = await this.#transport.post(this.#transport.pack(request), signal);
      if (posted.kind !== 'answer') return posted;
      const answer = this.#encoder.refusedPoints(posted.body);
      refused += answer.refused;
      message ??= answer.message;
    }
    return { kind: 'sent', refused, ...(message !== undefined && { message }) };
  }

  /** Closes its connection. */
  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}
