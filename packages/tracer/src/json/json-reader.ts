/** Batches of records as JSON lines. */
import { offsetsTcpEvent } from '../generated/tcp.js';
import type { EventName, OtherRecord } from '../records/record.js';
import type { WallClock } from '../stream/clock.js';
import { eventNames } from '../stream/decode.js';
import { EVENT_STRIDE, type EventBlock } from '../stream/staging.js';
import type { RecordSink } from '../stream/waiting-records.js';
import { ByteWriter } from './byte-writer.js';
import { EventJson } from './event-json.js';
import { jsonLine } from './record-json.js';

/** Lines of a batch at most: some 250 kB, so that a slow reader soon slows down the writer. */
const LINES = 512;
const FIRST_BYTES = 1 << 18;

/** Records as JSON lines in UTF-8, each with its line break. */
export interface JsonLines {
  /** In memory that is written again when the next batch is asked for. */
  readonly bytes: Uint8Array;
  /** Lines by kind of record. */
  readonly counts: Readonly<Record<EventName, number>>;
}

/** Makes batches, one after the other in the same memory. */
export class JsonReader implements RecordSink {
  readonly #events: EventJson;
  readonly #out = new ByteWriter(FIRST_BYTES);
  #counts = noLines();

  constructor(clock: WallClock) {
    this.#events = new EventJson(clock);
  }

  events({ view }: EventBlock, offset: number, count: number): void {
    const end = offset + count * EVENT_STRIDE;
    for (let at = offset; at < end; at += EVENT_STRIDE) {
      this.#counts[eventNames[view.getUint32(at + offsetsTcpEvent.event, true)]!]++;
      this.#events.write(this.#out, view, at);
    }
  }

  record(record: OtherRecord): void {
    this.#counts[record.event]++;
    this.#out.text(jsonLine(record));
  }

  /** The next batch; undefined if nothing waits. */
  next(stream: { takeInto(sink: RecordSink, limit: number): number }): JsonLines | undefined {
    this.#out.clear();
    this.#events.begin();
    this.#counts = noLines();
    if (stream.takeInto(this, LINES) === 0) return undefined;
    return { bytes: this.#out.written(), counts: this.#counts };
  }
}

function noLines(): Record<EventName, number> {
  return { connect: 0, accept: 0, close: 0, fail: 0, udp_flow: 0, fd_install: 0, lost: 0 };
}
