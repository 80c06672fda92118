/** A stream of events without a kernel. */
import { PerCpuMap } from '@weir/ebpf';
import { monotonicNs, possibleCpus } from '@weir/ebpf/sys';
import {
  Direction,
  EventFlag,
  offsetsStatistics,
  offsetsTcpEvent,
  offsetsTuple,
  sizeofStatistics,
  sizeofTcpEvent,
  TcpEventKind,
} from '../../src/generated/tcp.js';
import type { TraceRecord } from '../../src/records/record.js';
import type { EventRing, ReadToMark } from '../../src/stream/event-ring.js';
import { EventStream } from '../../src/stream/event-stream.js';
import type { EventWatcher } from '../../src/stream/event-watcher.js';
import { FollowedClock } from '../../src/stream/followed-clock.js';
import { type LossCounters, Losses } from '../../src/stream/losses.js';
import type { RecordSource } from '../../src/stream/record-source.js';

/** The bytes of one event, which pass for a close over IPv4. */
export function closeEvent(timeNs: bigint): DataView {
  const view = new DataView(new ArrayBuffer(sizeofTcpEvent));
  const at = offsetsTcpEvent;
  view.setBigUint64(at.timeNs, timeNs, true);
  view.setBigUint64(at.flowNs, timeNs, true);
  for (const address of [offsetsTuple.localAddress, offsetsTuple.peerAddress]) {
    view.setUint16(at.tuple + address + 10, 0xffff);
    view.setUint32(at.tuple + address + 12, 0x7f000001);
  }
  view.setUint32(at.tuple + offsetsTuple.netns, 1, true);
  view.setUint32(at.event, TcpEventKind.EVENT_CLOSE, true);
  view.setUint32(at.direction, Direction.DIRECTION_OUTBOUND, true);
  view.setUint32(at.flags, EventFlag.EVENT_HAS_BYTES, true);
  return view;
}

/** Watches all as records. */
export function watchRecords(onRecord: (record: TraceRecord) => void = () => undefined): EventWatcher {
  return {
    event: (view, offset, decode) => onRecord(decode(view, offset)),
    record: onRecord,
  };
}

/** A ring that tests fill, and the stream that reads it. */
export class FakeRing implements EventRing {
  readonly delayNs = 0n;
  readonly memory = undefined;
  #events: DataView[] = [];
  produced = 0;

  add(event: DataView): void {
    this.#events.push(event);
    this.produced++;
  }

  /** Adds closes of this moment. */
  addCloses(count: number): void {
    const event = closeEvent(monotonicNs());
    for (let index = 0; index < count; index++) this.add(event);
  }

  mark(): ReadToMark {
    const events = this.#events;
    let read = 0;
    this.#events = [];
    return (onEvents, limit) => {
      for (const end = Math.min(events.length, read + limit); read < end; read++)
        onEvents(events[read]!, 0, 1, sizeofTcpEvent);
      return read === events.length;
    };
  }

  release(): void {}

  isCrowded(): boolean {
    return false;
  }

  reportedLost(): number {
    return 0;
  }

  async wait(): Promise<boolean> {
    return this.#events.length > 0;
  }

  [Symbol.dispose](): void {}
}

export function fakeStream(
  ring: EventRing & { readonly produced: number },
  clock = new FollowedClock(),
  sources: readonly RecordSource[] = [],
): { stream: EventStream; losses: Losses } {
  const statistics: PerCpuMap = Object.create(PerCpuMap.prototype, {
    lookupValues: {
      value: () =>
        possibleCpus().map((cpu) => {
          const bytes = new Uint8Array(sizeofStatistics);
          const at = offsetsStatistics.produced + 8 * TcpEventKind.EVENT_CLOSE;
          new DataView(bytes.buffer).setBigUint64(at, BigInt(cpu === 0 ? ring.produced : 0), true);
          return bytes;
        }),
    },
  });
  const collection = { map: () => statistics, programs: new Map() } as unknown as LossCounters['collection'];
  const programs = { collection, fds: { missedRuns: 0 } };
  const losses = new Losses(programs, undefined, clock.wall, ring, Number(monotonicNs()));
  return { stream: new EventStream(ring, clock, losses, sources), losses };
}
