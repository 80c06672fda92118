/**
 * Keeps connections that end before the next refresh away from the table: where most are brief, making and removing their entries
 * costs more than all else. The beginning of a connection waits here until its end comes, or the refresh.
 */
import { Direction, EventFlag, offsetsTcpEvent, TcpEventKind } from '../generated/tcp.js';
import { readWide } from '../records/event-members.js';
import type { KernelRecord } from '../records/record.js';
import type { DecodeEvent } from '../stream/event-watcher.js';
import { Staging } from '../stream/staging.js';
import type { ConnectionTable } from './table.js';
import { Tuple } from './tuple.js';

const at = offsetsTcpEvent;
/** Words of an event that identify its connection: time and CPU of the first event. */
const FLOW_BYTES = [at.flowNs, at.flowNs + 4, at.flowCpu];
/** Beginnings that wait at most: with more, the table gets all. */
const LIMIT = 65_536;

export interface BriefConnectionsOptions {
  readonly table: Pick<ConnectionTable, 'isUnknown' | 'passed'>;
  /** Whether the interface distinguishes connections. */
  readonly byInterface: boolean;
  /** Receives what the table needs. */
  readonly onRecord: (record: KernelRecord) => void;
}

export class BriefConnections {
  readonly #options: BriefConnectionsOptions;
  readonly #tuple = new Tuple();
  readonly #events = new Staging();
  /** Places of beginnings in `#events`, by the time of the first event, in their order. */
  readonly #begun = new Map<number, number>();
  #decode: DecodeEvent | undefined;

  constructor(options: BriefConnectionsOptions) {
    this.#options = options;
  }

  /** @param offset Of the struct tcp_event in `view`. */
  event(view: DataView, offset: number, decode: DecodeEvent): void {
    const kind = view.getUint32(offset + at.event, true);
    if (kind === TcpEventKind.EVENT_FD_INSTALL) return;
    this.#decode = decode;
    if (kind === TcpEventKind.EVENT_CONNECT || kind === TcpEventKind.EVENT_ACCEPT) {
      if (this.#keep(view, offset)) return;
    } else if (kind === TcpEventKind.EVENT_CLOSE && this.#close(view, offset)) return;
    this.#options.onRecord(decode(view, offset));
  }

  /** Hands over all beginnings that wait: before the table is refreshed. */
  flush(): void {
    const begun = [...this.#begun.values()];
    this.#begun.clear();
    for (const place of begun) {
      this.#options.onRecord(this.#decode!(this.#events.block(place).view, this.#events.offset(place)));
      this.#events.release(place);
    }
  }

  /** @returns false where the table has to know of it at once. */
  #keep(view: DataView, offset: number): boolean {
    const key = keyOf(view, offset);
    if (this.#begun.has(key)) return false;
    const { table, byInterface } = this.#options;
    if (!table.isUnknown(this.#tuple.setFromEvent(view, offset + at.tuple, byInterface).words)) return false;
    if (this.#begun.size === LIMIT) this.flush();
    this.#begun.set(key, this.#events.putOne(view, offset));
    return true;
  }

  /** @returns false where the table has to know of it. */
  #close(view: DataView, offset: number): boolean {
    const key = keyOf(view, offset);
    const place = this.#begun.get(key);
    if (place === undefined) return false;
    const block = this.#events.block(place).view;
    const start = this.#events.offset(place);
    if (!isSameFlow(view, offset, block, start)) return false;
    this.#begun.delete(key);
    // Without a direction, the figures of its end mean something else.
    const isWhole = view.getUint32(offset + at.direction, true) !== Direction.DIRECTION_UNKNOWN;
    if (isWhole) this.#pass(view, offset, block.getUint32(start + at.event, true));
    else this.#options.onRecord(this.#decode!(block, start));
    this.#events.release(place);
    return isWhole;
  }

  #pass(view: DataView, offset: number, begunBy: number): void {
    const { table, byInterface } = this.#options;
    const flags = view.getUint32(offset + at.flags, true);
    const hasBytes = (flags & EventFlag.EVENT_HAS_BYTES) !== 0;
    const hasRetransmits = (flags & EventFlag.EVENT_HAS_RETRANSMITS) !== 0;
    table.passed({
      ends: this.#tuple.setFromEvent(view, offset + at.tuple, byInterface).words,
      isOutbound: begunBy === TcpEventKind.EVENT_CONNECT,
      sent: hasBytes ? readWide(view, offset + at.bytesSent) : 0,
      received: hasBytes ? readWide(view, offset + at.bytesReceived) : 0,
      retransmits: hasRetransmits ? view.getUint32(offset + at.retransmits, true) : 0,
    });
  }
}

/** Several connections may have it, as it has neither the CPU nor more than 53 bits. */
function keyOf(view: DataView, offset: number): number {
  return readWide(view, offset + at.flowNs);
}

function isSameFlow(a: DataView, atA: number, b: DataView, atB: number): boolean {
  return FLOW_BYTES.every((byte) => a.getUint32(atA + byte, true) === b.getUint32(atB + byte, true));
}
