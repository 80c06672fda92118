/** How each column is read from events. */
import { EventFlag, offsetsProcess, offsetsTcpEvent, offsetsTuple, TcpEventKind } from '../generated/tcp.js';
import { type CloseReader, closeReaders } from '../records/close-readers.js';
import type { WallClock } from '../stream/clock.js';
import type { CloseColumns, ColumnName, ColumnTypes } from './column-types.js';
import type { EventRows } from './event-rows.js';
import { type NumberSource, numberColumn } from './number-column.js';
import { wallTimes } from './wall-times.js';
import { type WordSource, wordColumn } from './word-column.js';

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
  (source: WordSource) =>
  (rows: EventRows): Uint8Array =>
    wordColumn(rows, source);

function readClose(reader: CloseReader): (rows: EventRows) => Float64Array | Uint8Array {
  const { at, mask, wide, nanoseconds, zeroIsUnknown } = reader;
  if (reader.field.unit === 'name') return word({ at, kinds: closes, mask, plus: 1 });
  return number({ at, bits: wide ? 64 : 32, kinds: closes, mask, nanoseconds, zeroIsUnknown });
}

const closeColumns = Object.fromEntries(
  closeReaders.map((reader) => [reader.name, readClose(reader)]),
) as unknown as { readonly [Name in keyof CloseColumns]: Read<Name> };

/** How each column is read. */
export const columnTable: { readonly [Name in ColumnName]: Read<Name> } = {
  event: word({ at: at.event, kinds: all, plus: 0 }),
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
  direction: word({ at: at.direction, kinds: ofSockets, plus: 0 }),
  flow_ns: (rows) => rows.uint64(at.flowNs),
  flow_cpu: (rows) => rows.uint32(at.flowCpu),
  connection_id: (rows) => rows.uint64(at.connectionId),
  handshake_us: number({
    ...{ at: at.durationNs, bits: 64, nanoseconds: true },
    ...{ kinds: bit(TcpEventKind.EVENT_CONNECT), mask: hasDuration },
  }),
  accounted: accountedWords,
  candidates: severalHolders,
  error: number({ at: at.error, bits: 32, kinds: bit(TcpEventKind.EVENT_FAIL), zeroIsUnknown: true }),
  fd: number({ at: at.fd, bits: 32, kinds: bit(TcpEventKind.EVENT_FD_INSTALL) }),
  ...closeColumns,
  // Failures have one too.
  duration_us: number({
    ...{ at: at.durationNs, bits: 64, nanoseconds: true },
    ...{ kinds: closes | bit(TcpEventKind.EVENT_FAIL), mask: hasDuration },
  }),
};

const holders = number({
  ...{ at: at.fd, bits: 32 },
  ...{ kinds: bit(TcpEventKind.EVENT_ACCEPT), mask: EventFlag.EVENT_BY_LISTENER },
});

/** One holder is no candidate: the process of the record is that. */
function severalHolders(rows: EventRows): Float64Array {
  const counts = holders(rows);
  for (let row = 0; row < counts.length; row++) if (counts[row]! <= 1) counts[row] = Number.NaN;
  return counts;
}

/** The names of all columns. */
export const columnNames = Object.keys(columnTable) as readonly ColumnName[];

function accountedWords(rows: EventRows): Uint8Array {
  const accepts = { at: -1, kinds: bit(TcpEventKind.EVENT_ACCEPT), plus: 1 } as const;
  const values = wordColumn(rows, accepts);
  const byListener = wordColumn(rows, { ...accepts, mask: EventFlag.EVENT_BY_LISTENER });
  for (let row = 0; row < values.length; row++) values[row]! += byListener[row]!;
  return values;
}
