/** Connections as text and CSV. */
import type { RowRecord } from '@weir/history/rows';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import { unescapeName } from '@weir/tracer/escape';
import type { Paint } from '../text/colour.js';
import { formatLocal, formatPeer } from '../text/endpoint.js';
import { TextFormatter } from '../text/lines.js';
import { formatBytes, formatDuration } from '../text/units.js';
import { type Column, nameText } from './forms.js';
import { localDay } from './times.js';

const processPaths = [
  ...['pid', 'tid', 'comm', 'uid', 'executable', 'command_line', 'container_id', 'container_runtime'],
  ...['container_name', 'pod_uid', 'pod_name', 'pod_namespace', 'unit'],
].map((name) => `process.${name}`);

const connectionPaths = [
  ...['host', 'time', 'monotonic_ns', ...processPaths, 'thread', 'netns', 'cgroup_id', 'network.transport'],
  ...['network.type', 'local.address', 'local.port', 'peer.address', 'peer.port', 'peer.name', 'service'],
  ...['direction', 'interface', 'interface_index', 'flow_id', 'connection_id'],
];
const figurePaths = [
  ...['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'datagrams_sent'],
  ...['datagrams_received', 'retransmits', 'srtt_us'],
];

/** The columns of CSV. */
export const endPaths = [
  ...['event', ...connectionPaths, 'cpu', 'duration_us', 'handshake_us', 'error', ...figurePaths],
  ...['closed_by', 'closing_us', 'idle_us', 'subflows', 'accounted', 'candidates', 'filter'],
];
/** The columns of CSV for what was open. */
export const openPaths = [...connectionPaths, 'started', 'state', ...figurePaths];

const numbers = new Set(['pid', 'tid', 'uid']);

/** As the tracer has it: names as they are, not as JSON shows them. */
function traced(record: RowRecord): EnrichedRecord {
  const { process, peer, interface: device } = record;
  const names = Object.entries(process ?? {}).map(([name, value]) => [
    name,
    numbers.has(name) ? value : unescapeName(String(value)),
  ]);
  return {
    ...record,
    ...(process !== undefined && { process: Object.fromEntries(names) }),
    ...(device !== undefined && { interface: unescapeName(device) }),
    peer: peer.name === undefined ? peer : { ...peer, name: unescapeName(peer.name) },
  } as unknown as EnrichedRecord;
}

/** Lines as those of `weir trace`; where another day begins, a line says so. */
export class ConnectionText {
  readonly #text: TextFormatter;
  readonly #paint: Paint;
  #day: string | undefined;

  constructor(width: number | undefined, paint: Paint) {
    this.#text = new TextFormatter({ width, paint });
    this.#paint = paint;
  }

  header(): string {
    return this.#text.header();
  }

  line(record: RowRecord): string {
    const day = localDay(new Date(record.time));
    const head = day === this.#day ? '' : `${this.#paint('dim', day)}\n`;
    this.#day = day;
    return head + this.#text.line(traced(record));
  }
}

/** The table of what was open. @param at Nanoseconds since 1970. */
export function openColumns(at: bigint): readonly Column<RowRecord>[] {
  const name = (row: RowRecord) => (row.interface === undefined ? undefined : unescapeName(row.interface));
  const bytes = (value: number | undefined) => (value === undefined ? '-' : formatBytes(value));
  return [
    {
      title: 'AGE',
      text: ({ started }) => (started === undefined ? '-' : ageText(started, at)),
      isNumber: true,
    },
    { title: 'PID', text: ({ process }) => nameText(process?.pid), isNumber: true },
    { title: 'COMM', text: ({ process }) => nameText(process?.comm) },
    { title: 'LOCAL', text: (row) => formatLocal(row.local, name(row)) },
    { title: 'PEER', text: (row) => formatPeer(row.peer, name(row)) },
    { title: 'STATE', text: ({ state }) => nameText(state) },
    { title: 'SENT', text: (row) => bytes(row.bytes_sent), isNumber: true },
    { title: 'RECEIVED', text: (row) => bytes(row.bytes_received), isNumber: true },
  ];
}

function ageText(started: string, at: bigint): string {
  const microseconds = Number(at / 1000n) - Date.parse(started) * 1000;
  return formatDuration(Math.max(0, microseconds));
}
