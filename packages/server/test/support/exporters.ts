/** Records and sinks to test exporters with. */
import type { Batch, EndRow } from '@weir/history/schema';
import { ExportedRecord } from '../../src/exporters/exported-record.js';
import type { Packet, SendResult, Sink } from '../../src/exporters/packet.js';
import { batchOf, endRow } from './batches.js';

/** Records of connections. */
export function recordsOf(count: number, more: Partial<EndRow> = {}, batch: Partial<Batch> = {}) {
  const rows = Array.from({ length: count }, (_, index) => endRow(index, more));
  return ExportedRecord.of(batchOf(1, rows, batch));
}

/** A connection with all that is known of processes, with names that a hostile process may choose. */
export const hostile: Partial<EndRow> = {
  direction: 'outbound',
  connection_id: 0x1234n,
  netns: 4_026_531_840,
  pid: 42,
  tid: 43,
  comm: 'ev"]\\\\il\n',
  uid: 1000,
  executable: '/opt/\u202e\u001b[2J/name',
  command_line: 'a\nMESSAGE=forged\n<0>1 - - -',
  container_id: 'c0ffee',
  pod_name: 'web-1',
  unit: 'web.service',
};

/** A sink whose answers a test gives; it has one record a packet. */
export class FakeSink implements Sink {
  readonly answers: SendResult[] = [];
  readonly sent: Packet[] = [];
  readonly times: number[] = [];
  onReturned?: (packets: readonly Packet[]) => void;
  isClosed = false;
  /** The answer where a test has given none. */
  otherwise: SendResult = { kind: 'sent' };

  encode(records: readonly ExportedRecord[]) {
    const packets = records.map(({ json }) => {
      const part = Buffer.from(json);
      return { records: 1, bytes: part.length, parts: [part] };
    });
    return { packets, unfit: 0 };
  }

  async send(packet: Packet, _signal?: AbortSignal): Promise<SendResult> {
    this.times.push(performance.now());
    const answer = this.answers.shift() ?? this.otherwise;
    if (answer.kind === 'sent') this.sent.push(packet);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
  }
}
