/** JSON lines in files. */
import type { ExportedRecord } from '../exported-record.js';
import type { Encoded, Packet, SendResult, Sink } from '../packet.js';
import { jsonLines } from './json-lines.js';
import { RotatedFile, type RotationLimits } from './rotated-file.js';

/** Writes records to a file that is rotated. */
export class FileSink implements Sink {
  readonly #file: RotatedFile;

  constructor(path: string, limits: RotationLimits) {
    this.#file = new RotatedFile(path, limits);
  }

  encode(records: readonly ExportedRecord[]): Encoded {
    return jsonLines(records);
  }

  async send({ parts }: Packet): Promise<SendResult> {
    await this.#file.append(parts[0]!);
    return { kind: 'sent' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }
}
