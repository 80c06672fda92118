/** Open connections as columns of numbers, and texts each once. Pure. */
import { FormatError } from '@weir/ebpf/errors';
import { CountedFigures, figureNames } from '../collector/figures.js';
import { type ConnectionIdentity, endsKey, type KnownConnection } from '../collector/open-connection.js';
import { StringTable } from '../wire/table-encoder.js';
import {
  type ColumnReader,
  type ColumnShape,
  type PackedColumn,
  type PackedValues,
  packColumn,
} from './number-columns.js';

/** Digits of the first half of a flow id: together, they are more than a number holds. */
const HIGH_DIGITS = 7;
const DIGITS = 15;
/** Digits of a connection id. */
const ID_DIGITS = 16;
const NONE = Number.NaN;
const directions = [undefined, 'outbound', 'inbound'] as const;
const accounts = [undefined, 'accept', 'listener'] as const;

const columnNames = [
  ...(['flowHigh', 'flowLow', 'flowCpu', 'netns', 'interfaceIndex', 'local', 'localPort'] as const),
  ...(['peer', 'peerPort', 'direction', 'startedNs', 'inode', 'cgroupId', 'pid', 'startTicks'] as const),
  ...(['comm', 'uid', 'handshakeUs', 'accounted', 'candidates', 'rows', 'isOlder', 'untilNs'] as const),
  ...(['foundNs', 'idHigh', 'idLow', ...figureNames] as const),
];

type Columns<Values> = Readonly<Record<(typeof columnNames)[number], Values>>;

/** Values of each column; NaN: none. */
type NewColumns = Columns<Float64Array>;

/** The number of columns. */
export const COLUMN_COUNT = columnNames.length;

/** Packed connections. */
export interface PackedConnections {
  readonly strings: readonly string[];
  readonly columns: readonly PackedColumn[];
}

/** Packs connections. Each value has a line of its own: got by functions in a loop, they would take ten times as long. */
export function packConnections(connections: readonly KnownConnection[]): PackedConnections {
  const texts = new StringTable();
  const columns = columnsOf(() => new Float64Array(connections.length).fill(NONE));
  for (let row = 0; row < connections.length; row++) {
    const known = connections[row]!;
    if (known.flowId !== undefined) setFlow(columns, row, known.flowId);
    if (known.identity !== undefined) setIdentity(columns, row, known.identity, texts);
    if (known.counted !== undefined) setSums(columns, row, known.counted.sums);
    if (known.connectionId !== undefined) setId(columns, row, known.connectionId);
    columns.handshakeUs[row] = known.handshakeUs ?? NONE;
    columns.accounted[row] = accounts.indexOf(known.accounted);
    columns.candidates[row] = known.candidates ?? NONE;
    columns.rows[row] = known.rows;
    columns.isOlder[row] = known.isOlder ? 1 : 0;
    columns.untilNs[row] = known.untilNs;
    columns.foundNs[row] = known.foundNs;
  }
  return { strings: texts.strings, columns: columnNames.map((name) => packColumn(columns[name])) };
}

function columnsOf<Values>(make: (index: number) => Values): Columns<Values> {
  return Object.fromEntries(columnNames.map((name, index) => [name, make(index)])) as Columns<Values>;
}

function setFlow(columns: NewColumns, row: number, flowId: string): void {
  columns.flowHigh[row] = hexadecimal(flowId, 0, HIGH_DIGITS);
  columns.flowLow[row] = hexadecimal(flowId, HIGH_DIGITS, DIGITS);
  columns.flowCpu[row] = Number(flowId.slice(DIGITS + 1));
}

function setId(columns: NewColumns, row: number, id: string): void {
  columns.idHigh[row] = hexadecimal(id, 0, ID_DIGITS / 2);
  columns.idLow[row] = hexadecimal(id, ID_DIGITS / 2, ID_DIGITS);
}

function setIdentity(
  columns: NewColumns,
  row: number,
  identity: ConnectionIdentity,
  texts: StringTable,
): void {
  const { local, peer, process } = identity;
  columns.netns[row] = identity.netns;
  columns.interfaceIndex[row] = identity.interface_index;
  columns.local[row] = texts.place(local.address);
  columns.localPort[row] = local.port;
  columns.peer[row] = texts.place(peer.address);
  columns.peerPort[row] = peer.port;
  columns.direction[row] = directions.indexOf(identity.direction);
  columns.startedNs[row] = identity.started_ns ?? NONE;
  columns.inode[row] = identity.inode;
  columns.cgroupId[row] = identity.cgroup_id ?? NONE;
  if (process === undefined) return;
  columns.pid[row] = process.pid;
  columns.startTicks[row] = process.start_ticks ?? NONE;
  if (process.comm !== undefined) columns.comm[row] = texts.place(process.comm);
  columns.uid[row] = process.uid ?? NONE;
}

function setSums(columns: NewColumns, row: number, sums: ArrayLike<number>): void {
  for (let index = 0; index < figureNames.length; index++) columns[figureNames[index]!][row] = sums[index]!;
}

/** As Number.parseInt() of a part has it, which would have to be a text of its own. */
function hexadecimal(text: string, from: number, to: number): number {
  let value = 0;
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index);
    value = value * 16 + (code < 0x3a ? code - 0x30 : code - 0x57);
  }
  return value;
}

/** Packed connections, of which each is read when it is asked for: most of what a file has is no longer so. */
export class OpenRows {
  readonly length: number;
  readonly #columns: Columns<PackedValues>;
  readonly #strings: readonly string[];

  /** @throws FormatError where something is missing */
  constructor(
    reader: ColumnReader,
    rows: number,
    shapes: readonly ColumnShape[],
    strings: readonly string[],
  ) {
    if (shapes.length !== COLUMN_COUNT) throw new FormatError(`${shapes.length} columns of connections`);
    this.length = rows;
    this.#columns = columnsOf((index) => reader.read(shapes[index]!, rows));
    this.#strings = strings;
  }

  /** By what a connection is found among others; undefined where it has neither flow id nor ends. */
  name(row: number): string | undefined {
    const flowId = this.#flowId(row);
    if (flowId !== undefined) return flowId;
    const identity = this.identity(row);
    return identity && endsKey('tcp', identity);
  }

  /** A connection with an identity that another row has. */
  connection(row: number, identity: ConnectionIdentity | undefined): KnownConnection {
    const columns = this.#columns;
    return {
      flowId: this.#flowId(row),
      identity,
      connectionId: this.#connectionId(row),
      handshakeUs: columns.handshakeUs.at(row),
      accounted: accounts[columns.accounted.at(row) ?? 0],
      candidates: columns.candidates.at(row),
      counted: this.#counted(row),
      rows: columns.rows.at(row) ?? 0,
      isOlder: columns.isOlder.at(row) === 1,
      untilNs: columns.untilNs.at(row) ?? 0,
      foundNs: columns.foundNs.at(row) ?? 0,
    };
  }

  hasIdentity(row: number): boolean {
    return this.#columns.netns.at(row) !== undefined;
  }

  /** The identity that a row has. */
  identity(row: number): ConnectionIdentity | undefined {
    const columns = this.#columns;
    const netns = columns.netns.at(row);
    if (netns === undefined) return undefined;
    return {
      netns,
      interface_index: columns.interfaceIndex.at(row) ?? 0,
      local: { address: this.#text(columns.local.at(row)), port: columns.localPort.at(row) ?? 0 },
      peer: { address: this.#text(columns.peer.at(row)), port: columns.peerPort.at(row) ?? 0 },
      direction: directions[columns.direction.at(row) ?? 0],
      started_ns: columns.startedNs.at(row),
      inode: columns.inode.at(row) ?? 0,
      cgroup_id: columns.cgroupId.at(row),
      process: this.#process(row),
    };
  }

  #process(row: number): ConnectionIdentity['process'] {
    const columns = this.#columns;
    const pid = columns.pid.at(row);
    if (pid === undefined) return undefined;
    const start_ticks = columns.startTicks.at(row);
    const comm = columns.comm.at(row);
    const uid = columns.uid.at(row);
    return {
      pid,
      ...(start_ticks !== undefined && { start_ticks }),
      ...(comm !== undefined && { comm: this.#text(comm) }),
      ...(uid !== undefined && { uid }),
    };
  }

  #counted(row: number): CountedFigures | undefined {
    const columns = this.#columns;
    const bytes_sent = columns.bytes_sent.at(row);
    if (bytes_sent === undefined) return undefined;
    return new CountedFigures({
      bytes_sent,
      bytes_received: columns.bytes_received.at(row),
      segments_sent: columns.segments_sent.at(row),
      segments_received: columns.segments_received.at(row),
      retransmits: columns.retransmits.at(row),
    });
  }

  #flowId(row: number): string | undefined {
    const columns = this.#columns;
    const high = columns.flowHigh.at(row);
    const low = columns.flowLow.at(row);
    if (high === undefined || low === undefined) return undefined;
    const digits = high.toString(16).padStart(HIGH_DIGITS, '0');
    return `${digits}${low.toString(16).padStart(DIGITS - HIGH_DIGITS, '0')}.${columns.flowCpu.at(row)}`;
  }

  #connectionId(row: number): string | undefined {
    const high = this.#columns.idHigh.at(row);
    const low = this.#columns.idLow.at(row);
    if (high === undefined || low === undefined) return undefined;
    return [high, low].map((half) => half.toString(16).padStart(ID_DIGITS / 2, '0')).join('');
  }

  #text(place: number | undefined): string {
    const text = this.#strings[place ?? -1];
    if (text === undefined) throw new FormatError('a text of a connection is missing');
    return text;
  }
}
