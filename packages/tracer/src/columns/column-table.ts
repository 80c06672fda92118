/** How each column is read from events. */
import { EventFlag, offsetsProcess, offsetsTcpEvent, offsetsTuple, TcpEventKind } from '../generated/tcp.js';
import { type CloseReader, closeReaders, readCloseField } from '../records/close-readers.js';
import { readWide } from '../records/event-members.js';
import type { WallClock } from '../stream/clock.js';
import type { CloseColumns, ColumnName, ColumnTypes } from './column-types.js';
import type { EventRows } from './event-rows.js';
import { type NumberSource, numberColumn } from './number-column.js';

const at = offsetsTcpEvent;
const inTuple = (member: keyof typeof offsetsTuple): number => at.tuple + offsetsTuple[member];
const inProcess = (member: keyof typeof offsetsProcess): number => at.process + offsetsProcess[member];
const bit = (kind: TcpEventKind): number => 1 << kind;

const closes = bit(TcpEventKind.EVENT_CLOSE);
const ofSockets =
  bit(TcpEventKind.EVENT_CONNECT) | bit(TcpEventKind.EVENT_ACCEPT) | bit(TcpEventKind.EVENT_FAIL) | closes;
const all = ofSockets | bit(TcpEventKind.EVENT_FD_INSTALL);
const hasProcess = EventFlag.EVENT_HAS_PROCESS;
const hasDuration = EventFlag.EVENT_HAS_DURATION;

/** Reads one value for each event. */
type Read<Name extends ColumnName> = (rows: EventRows, clock: WallClock) => ColumnTypes[Name];

const number =
  (source: NumberSource) =>
  (rows: EventRows): Float64Array =>
    numberColumn(rows, source);

const word =
  (read: (view: DataView, offset: number) => number) =>
  (rows: EventRows): Uint8Array => {
    const values = new Uint8Array(rows.length);
    for (let row = 0; row < values.length; row++) values[row] = read(rows.view, rows.offset(row));
    return values;
  };

const kindOf = (view: DataView, offset: number): TcpEventKind =>
  view.getUint32(offset + at.event, true) as TcpEventKind;
const flagsOf = (view: DataView, offset: number): number => view.getUint32(offset + at.flags, true);

function readClose(reader: CloseReader): (rows: EventRows) => Float64Array | Uint8Array {
  const { mask, wide, nanoseconds, zeroIsUnknown } = reader;
  if (reader.field.unit === 'name') {
    return word((view, offset) =>
      kindOf(view, offset) === TcpEventKind.EVENT_CLOSE
        ? 1 + readCloseField(reader, view, offset, flagsOf(view, offset))
        : 0,
    );
  }
  return number({ at: reader.at, bits: wide ? 64 : 32, kinds: closes, mask, nanoseconds, zeroIsUnknown });
}

const closeColumns = Object.fromEntries(
  closeReaders.map((reader) => [reader.name, readClose(reader)]),
) as unknown as { readonly [Name in keyof CloseColumns]: Read<Name> };

/** How each column is read. */
export const columnTable: { readonly [Name in ColumnName]: Read<Name> } = {
  event: word(kindOf),
  time_ns: wallTimes,
  monotonic_ns: number({ at: at.timeNs, bits: 64, kinds: all }),
  cpu: (rows) => rows.uint32(at.cpu),
  pid: number({ at: inProcess('pid'), bits: 32, kinds: all, mask: hasProcess }),
  tid: number({ at: inProcess('tid'), bits: 32, kinds: all, mask: hasProcess }),
  uid: number({ at: inProcess('uid'), bits: 32, kinds: all, mask: hasProcess }),
  comm: (rows) => rows.bytes16(inProcess('comm')),
  thread: (rows) => rows.bytes16(inProcess('thread')),
  netns: number({ at: inTuple('netns'), bits: 32, kinds: all, zeroIsUnknown: true }),
  interface_index: number({
    ...{ at: inTuple('interface'), bits: 32, kinds: ofSockets, zeroIsUnknown: true },
  }),
  cgroup_id: number({
    ...{ at: inProcess('cgroupId'), bits: 64, kinds: all },
    ...{ mask: hasProcess, zeroIsUnknown: true },
  }),
  local_address: (rows) => rows.bytes16(inTuple('localAddress')),
  local_port: number({ at: inTuple('localPort'), bits: 16, kinds: ofSockets }),
  peer_address: (rows) => rows.bytes16(inTuple('peerAddress')),
  peer_port: number({ at: inTuple('peerPort'), bits: 16, kinds: ofSockets }),
  direction: word((view, offset) =>
    kindOf(view, offset) === TcpEventKind.EVENT_FD_INSTALL ? 0 : view.getUint32(offset + at.direction, true),
  ),
  flow_ns: (rows) => rows.uint64(at.flowNs),
  flow_cpu: (rows) => rows.uint32(at.flowCpu),
  handshake_us: number({
    ...{ at: at.durationNs, bits: 64, nanoseconds: true },
    ...{ kinds: bit(TcpEventKind.EVENT_CONNECT), mask: hasDuration },
  }),
  accounted: word((view, offset) => {
    if (kindOf(view, offset) !== TcpEventKind.EVENT_ACCEPT) return 0;
    return flagsOf(view, offset) & EventFlag.EVENT_BY_LISTENER ? 2 : 1;
  }),
  error: number({ at: at.error, bits: 32, kinds: bit(TcpEventKind.EVENT_FAIL), zeroIsUnknown: true }),
  fd: number({ at: at.fd, bits: 32, kinds: bit(TcpEventKind.EVENT_FD_INSTALL) }),
  ...closeColumns,
  // Failures have one too.
  duration_us: number({
    ...{ at: at.durationNs, bits: 64, nanoseconds: true },
    ...{ kinds: closes | bit(TcpEventKind.EVENT_FAIL), mask: hasDuration },
  }),
};

/** The names of all columns. */
export const columnNames = Object.keys(columnTable) as readonly ColumnName[];

/** Seconds times 10^9 needs more than the 53 bits of a number: it is multiplied in two halves. */
function wallTimes(rows: EventRows, clock: WallClock): BigInt64Array {
  const halves = new Uint32Array(2 * rows.length);
  for (let row = 0; row < rows.length; row++) {
    clock.locate(readWide(rows.view, rows.offset(row) + at.timeNs));
    const upper = Math.floor(clock.second / 2 ** 16);
    const high = upper * 1e9;
    const lower = (clock.second - upper * 2 ** 16) * 1e9 + clock.nanosecond;
    const carried = Math.floor(high / 2 ** 16);
    const low = (high - carried * 2 ** 16) * 2 ** 16 + lower;
    halves[2 * row] = low % 2 ** 32;
    halves[2 * row + 1] = carried + Math.floor(low / 2 ** 32);
  }
  return new BigInt64Array(halves.buffer);
}
