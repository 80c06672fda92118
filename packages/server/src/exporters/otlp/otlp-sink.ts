/** Records as logs of OTLP. */
import type { ExportedRecord } from '../exported-record.js';
import { chunksOf, type Encoded, type Packet, type SendResult, type Sink } from '../packet.js';
import type { OtlpEncoder } from './otlp-encoder.js';
import type { OtlpTransport } from './otlp-transport.js';

/** Sends records as logs. They wait as they are sent: compressed. */
export class OtlpLogSink implements Sink {
  readonly #encoder: OtlpEncoder;
  readonly #transport: OtlpTransport;

  constructor(encoder: OtlpEncoder, transport: OtlpTransport) {
    this.#encoder = encoder;
    this.#transport = transport;
  }

  encode(records: readonly ExportedRecord[]): Encoded {
    const observedNs = BigInt(Date.now()) * 1_000_000n;
    const packets = chunksOf(records).map((chunk): Packet => {
      const body = this.#transport.pack(this.#encoder.logs(chunk, observedNs));
      return { records: chunk.length, bytes: body.length, parts: [body] };
    });
    return { packets, unfit: 0 };
  }

  async send({ parts }: Packet, signal: AbortSignal): Promise<SendResult> {
    const posted = await this.#transport.post(parts[0]!, signal);
    if (posted.kind !== 'answer') return posted;
    return { kind: 'sent', ...this.#encoder.refusedLogs(posted.body) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#transport[Symbol.dispose]();
  }
}
