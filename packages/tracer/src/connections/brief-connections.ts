/**
 * Keeps connections that end before the next refresh away from the table: where most are brief, making and removing their entries
 * costs more than all else. The beginning of a connection waits here until its end comes, or the refresh.
 */
import { Direction, EventFlag, offsetsTcpEvent, TcpEventKind } from '../generated/tcp.js';
import { readWide } from '../records/event-members.js';
import type { KernelRecord } from '../records/record.js';
import type { DecodeEvent } from '../stream/event-watcher.js';
import { Staging } from '../stream/staging.js';
import { finishHash, mixWord } from './hash.js';
import { NumberIndex } from './number-index.js';
import type { ConnectionTable } from './table.js';
import type { PassedConnection } from './totals.js';
import { Tuple } from './tuple.js';

const at = offsetsTcpEvent;
/** Beginnings that wait at most: with more, the table gets all. */
const LIMIT = 65_536;

export interface BriefConnectionsOptions {
  readonly table: Pick<ConnectionTable, 'isUnknown' | 'passed'>;
  /** Whether the interface distinguishes connections. */
  readonly byInterface: boolean;
  /** Whether a close is reported while the kernel has the socket: a refresh may then find it. */
  readonly promptClose: boolean;
  /** Receives what the table needs. */
  readonly onRecord: (record: KernelRecord) => void;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

export class BriefConnections {
  readonly #options: BriefConnectionsOptions;
  readonly #tuple = new Tuple();
  readonly #events = new Staging();
  /** Places of beginnings in `#events`. */
  readonly #begun = new NumberIndex();
  /** Filled anew for each connection. */
  readonly #brief: Mutable<PassedConnection> = {
    ends: undefined,
    isOutbound: false,
    sent: 0,
    received: 0,
    retransmits: 0,
  };
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

  /** Hands over all beginnings that wait, in their order: before the table is refreshed. */
  flush(): void {
    if (this.#begun.size === 0) return;
    const timeOf = (place: number) =>
      readWide(this.#events.block(place).view, this.#events.offset(place) + at.timeNs);
    const begun = [...this.#begun].map((place) => ({ place, ns: timeOf(place) })).sort((a, b) => a.ns - b.ns);
    this.#begun.clear();
    for (const { place } of begun) {
      this.#options.onRecord(this.#decode!(this.#events.block(place).view, this.#events.offset(place)));
      this.#events.release(place);
    }
  }

  /** @returns false where the table has to know of it at once. */
  #keep(view: DataView, offset: number): boolean {
    const hash = hashFlow(view, offset);
    if (this.#find(view, offset, hash) >= 0) return false;
    const { table, byInterface } = this.#options;
    if (!table.isUnknown(this.#tuple.setFromEvent(view, offset + at.tuple, byInterface).words)) return false;
    if (this.#begun.size === LIMIT) this.flush();
    this.#begun.add(hash, this.#events.putOne(view, offset));
    return true;
  }

  /** The place of the beginning of an event's connection, or -1. */
  #find(view: DataView, offset: number, hash: number): number {
    const begun = this.#begun;
    const events = this.#events;
    for (let place = begun.first(hash); place >= 0; place = begun.next())
      if (isSameFlow(view, offset, events.block(place).view, events.offset(place))) return place;
    return -1;
  }

  /** @returns false where the table has to know of it. */
  #close(view: DataView, offset: number): boolean {
    const hash = hashFlow(view, offset);
    const place = this.#find(view, offset, hash);
    if (place < 0) return false;
    const block = this.#events.block(place).view;
    const start = this.#events.offset(place);
    this.#begun.remove(hash, place);
    // Without a direction, the figures of its end mean something else.
    const isWhole = view.getUint32(offset + at.direction, true) !== Direction.DIRECTION_UNKNOWN;
    if (isWhole) this.#pass(view, offset, block.getUint32(start + at.event, true));
    else this.#options.onRecord(this.#decode!(block, start));
    this.#events.release(place);
    return isWhole;
  }

  #pass(view: DataView, offset: number, begunBy: number): void {
    const { table, byInterface, promptClose } = this.#options;
    const flags = view.getUint32(offset + at.flags, true);
    const hasBytes = (flags & EventFlag.EVENT_HAS_BYTES) !== 0;
    const hasRetransmits = (flags & EventFlag.EVENT_HAS_RETRANSMITS) !== 0;
    const brief = this.#brief;
    if (promptClose) brief.ends = this.#tuple.setFromEvent(view, offset + at.tuple, byInterface).words;
    brief.isOutbound = begunBy === TcpEventKind.EVENT_CONNECT;
    brief.sent = hasBytes ? readWide(view, offset + at.bytesSent) : 0;
    brief.received = hasBytes ? readWide(view, offset + at.bytesReceived) : 0;
    brief.retransmits = hasRetransmits ? view.getUint32(offset + at.retransmits, true) : 0;
    table.passed(brief);
  }
}

function hashFlow(view: DataView, offset: number): number {
  const low = mixWord(view.getUint32(offset + at.flowCpu, true), view.getUint32(offset + at.flowNs, true));
  return finishHash(mixWord(low, view.getUint32(offset + at.flowNs + 4, true)));
}

function isSameFlow(a: DataView, atA: number, b: DataView, atB: number): boolean {
  return (
    a.getUint32(atA + at.flowNs, true) === b.getUint32(atB + at.flowNs, true) &&
    a.getUint32(atA + at.flowNs + 4, true) === b.getUint32(atB + at.flowNs + 4, true) &&
    a.getUint32(atA + at.flowCpu, true) === b.getUint32(atB + at.flowCpu, true)
  );
}
