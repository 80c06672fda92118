/** Batches of events as columns, made of records. */
import { addressBytes } from '@weir/ebpf/address';
import { encodeText } from '@weir/ebpf/byte-text';
import { type ColumnName, columnWords, type EventColumns, type TraceRecord } from '@weir/tracer';

type Fields = Readonly<Record<string, unknown>>;

const words = new Set<string>(Object.keys(columnWords));
const wide = new Set<string>(['flow_ns', 'connection_id', 'time_ns']);
const ofProcess = new Set<string>(['pid', 'tid', 'uid', 'comm']);

/** A batch as a tracer hands it out. Records that are no events of the ring are between the rows. */
export function columnsOf(records: readonly TraceRecord[]): EventColumns {
  const isEvent = ({ event }: TraceRecord) => event !== 'lost' && event !== 'udp_flow';
  const events = records.filter(isEvent);
  const others = records.flatMap((record, index) =>
    isEvent(record) ? [] : [{ row: records.slice(0, index).filter(isEvent).length, record }],
  );
  return {
    length: events.length,
    others,
    column: (name: ColumnName) => columnOf(name, events as unknown as readonly Fields[]),
    record: (row: number) => events[row],
  } as unknown as EventColumns;
}

function columnOf(name: ColumnName, events: readonly Fields[]): unknown {
  if (words.has(name)) {
    const known = columnWords[name as keyof typeof columnWords];
    return Uint8Array.from(events, (event) => known.indexOf(event[name] as string | undefined));
  }
  if (name === 'time_ns') return BigInt64Array.from(events, ({ time }) => nanoseconds(time as string));
  if (wide.has(name)) return BigUint64Array.from(events, (event) => wideOf(name, event));
  if (name === 'comm' || name === 'thread')
    return bytes16(events.map((event) => encodeText((fieldOf(name, event) as string | undefined) ?? '')));
  if (name === 'local_address' || name === 'peer_address')
    return bytes16(events.map((event) => mapped((endOf(name, event) as { address: string }).address)));
  if (name === 'cpu') return Uint32Array.from(events, ({ cpu }) => cpu as number);
  if (name === 'flow_cpu')
    return Uint32Array.from(events, ({ flow_id }) => Number(String(flow_id).split('.')[1]));
  return Float64Array.from(events, (event) => (fieldOf(name, event) as number | undefined) ?? Number.NaN);
}

function fieldOf(name: ColumnName, event: Fields): unknown {
  if (ofProcess.has(name)) return (event.process as Fields | undefined)?.[name];
  if (name === 'local_port' || name === 'peer_port') return (endOf(name, event) as { port: number }).port;
  return event[name];
}

function endOf(name: ColumnName, event: Fields): unknown {
  return name.startsWith('local') ? event.local : event.peer;
}

function wideOf(name: ColumnName, { flow_id, connection_id }: Fields): bigint {
  if (name === 'flow_ns') return BigInt(`0x${String(flow_id).split('.')[0]}`);
  return connection_id === undefined ? 0n : BigInt(`0x${connection_id}`);
}

function nanoseconds(time: string): bigint {
  return BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1_000_000n + BigInt(time.slice(20, -1));
}

function mapped(address: string): Uint8Array {
  const bytes = addressBytes(address);
  return bytes.length === 16 ? bytes : Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes);
}

function bytes16(values: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(16 * values.length);
  for (const [row, value] of values.entries()) all.set(value, 16 * row);
  return all;
}
