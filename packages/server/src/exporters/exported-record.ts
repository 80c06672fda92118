/** Records as exporters send them: rows of a batch with what several exporters need made once. Pure. */
import { endRecord, lossRecord, type RowRecord } from '@weir/history/rows';
import type { Batch, EndRow, LossRow } from '@weir/history/schema';
import { escapeJson } from '@weir/tracer/escape';

/** A connection that ended, or a loss. */
export class ExportedRecord {
  /** The kind of record. */
  readonly event: string;
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** A connection; absent for a loss. */
  readonly connection: RowRecord | undefined;
  /** All fields. */
  readonly fields: Readonly<Record<string, unknown>>;
  #json: string | undefined;

  private constructor(row: EndRow | LossRow, connection: RowRecord | undefined) {
    this.event = 'event' in row ? row.event : 'lost';
    this.timeNs = row.time;
    this.connection = connection;
    this.fields = connection ?? { event: this.event, ...lossRecord(row as LossRow) };
  }

  /** The records of a batch. */
  static of(batch: Batch): ExportedRecord[] {
    const { ends = [], losses = [] } = batch;
    return [
      ...ends.map((row) => new ExportedRecord(row, endRecord(row))),
      ...losses.map((row) => new ExportedRecord(row, undefined)),
    ];
  }

  /** Whether something went wrong. */
  get isProblem(): boolean {
    return this.event === 'fail' || this.event === 'lost';
  }

  /** One line of JSON without its line break, safe on a terminal. */
  get json(): string {
    this.#json ??= escapeJson(JSON.stringify(this.fields));
    return this.#json;
  }

  /** A line for people. */
  get text(): string {
    const { connection } = this;
    if (connection === undefined) {
      const { count, where } = this.fields;
      return `${count ?? 'an unknown number of'} events were lost (${where})`;
    }
    const { process, local, peer, direction } = connection;
    const who = process?.comm === undefined ? '' : `${plain(String(process.comm))} `;
    const arrow = direction === 'inbound' ? '<-' : '->';
    const how = connection.error ?? connection.closed_by;
    const ends = `${endText(local)} ${arrow} ${endText(peer)}`;
    return `${who}${connection.network.transport} ${ends} ${this.event}${how === undefined ? '' : ` ${how}`}`;
  }
}

function endText({ address, port }: RowRecord['local']): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A value without what acts on a terminal or begins another line: such characters are `\u000a`, as in JSON. */
export function plain(value: string): string {
  return escapeJson(value).replaceAll('\n', '\\u000a');
}
