/** Batches of events as columns. */
import { EbpfError } from '@weir/ebpf';
import type { KernelRecord, OtherRecord } from '../records/record.js';
import type { WallClock } from '../stream/clock.js';
import { EventDecoder } from '../stream/decode.js';
import type { EventBlock } from '../stream/staging.js';
import type { RecordSink } from '../stream/waiting-records.js';
import { columnTable } from './column-table.js';
import type { ColumnName, ColumnTypes } from './column-types.js';
import { EventRows } from './event-rows.js';

/** Events of a batch at most: their bytes stay in a CPU's own cache while columns are read. */
const ROWS = 2048;

/** How columns are handed out. */
export interface ColumnsOptions {
  /** The next batch overwrites the arrays of this one: for those who keep none, it saves making them. Default: false. */
  readonly reuse?: boolean;
}

/** A record of a batch that is no event of the ring. */
export interface RecordBetween {
  /** The row that it comes before; the number of rows for one after the last. */
  readonly row: number;
  readonly record: OtherRecord;
}

/**
 * A batch of events, an array for each field. Arrays are made when they are first asked for, and stay valid unless
 * {@link ColumnsOptions.reuse} is set; they have to be asked for before the next batch is.
 */
export class EventColumns {
  /** Events, each a row; 0 in a batch that has other records only. */
  readonly length: number;
  /** UDP flows and losses, with their places among the rows. */
  readonly others: readonly RecordBetween[];
  readonly #clock: WallClock;
  readonly #decoder: EventDecoder;
  readonly #columns = new Map<ColumnName, ColumnTypes[ColumnName]>();
  #rows: EventRows | undefined;

  /** @internal */
  constructor(rows: EventRows, others: readonly RecordBetween[], clock: WallClock, decoder: EventDecoder) {
    this.length = rows.length;
    this.others = others;
    this.#rows = rows;
    this.#clock = clock;
    this.#decoder = decoder;
  }

  /** The values of all rows. @throws EbpfError once the next batch was asked for. */
  column<Name extends ColumnName>(name: Name): ColumnTypes[Name] {
    let column = this.#columns.get(name) as ColumnTypes[Name] | undefined;
    if (column === undefined) {
      column = columnTable[name](this.#current(), this.#clock);
      this.#columns.set(name, column);
    }
    return column;
  }

  /** The record of one row. @throws EbpfError once the next batch was asked for. */
  record(row: number): KernelRecord {
    const rows = this.#current();
    return this.#decoder.decode(rows.view, rows.offset(row));
  }

  /** Ends the batch: its rows can no longer be read. @internal */
  end(): void {
    this.#rows = undefined;
  }

  #current(): EventRows {
    if (this.#rows === undefined)
      throw new EbpfError('this batch of columns is over: the next was asked for');
    return this.#rows;
  }
}

/** Makes batches, one after the other in the same memory. */
export class ColumnReader implements RecordSink {
  readonly #clock: WallClock;
  readonly #decoder: EventDecoder;
  readonly #rows: EventRows;
  #others: RecordBetween[] = [];
  #batch: EventColumns | undefined;

  constructor(clock: WallClock, { reuse = false }: ColumnsOptions = {}) {
    this.#clock = clock;
    this.#rows = new EventRows(ROWS, reuse);
    this.#decoder = new EventDecoder(clock);
  }

  events(block: EventBlock, offset: number, count: number): void {
    this.#rows.push(block, offset, count);
  }

  keep(): void {
    this.#rows.keep();
  }

  record(record: OtherRecord): void {
    this.#others.push({ row: this.#rows.length, record });
  }

  /** The next batch, which ends the one before; undefined if nothing waits. */
  next(stream: { takeInto(sink: RecordSink, limit: number): number }): EventColumns | undefined {
    this.#batch?.end();
    this.#rows.clear();
    this.#others = [];
    if (stream.takeInto(this, ROWS) === 0) return undefined;
    this.#batch = new EventColumns(this.#rows, this.#others, this.#clock, this.#decoder);
    return this.#batch;
  }
}
