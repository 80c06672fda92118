/** The last column of `weir trace`'s text: what a record tells beyond who and whom. */
import type { CloseRecord, FailRecord, LostRecord, TraceRecord, UdpFlowRecord } from '@weir/tracer';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import { escapeText } from './escape.js';
import { formatBytes, formatCount, formatDuration, formatMilliseconds } from './units.js';

const endings: Readonly<Record<CloseRecord['closed_by'], string>> = {
  local: 'closed by local',
  peer: 'closed by peer',
  reset: 'reset by peer',
  timeout: 'timed out',
};

const losses: Readonly<Record<LostRecord['where'], string>> = {
  ring: 'the ring buffer was full',
  map: 'the connection table was full',
  probe: 'the kernel skipped a probe',
  udp: 'the table of UDP flows was full',
};

/** The parts, in the order in which they are shown. */
export function details(record: EnrichedRecord): string[] {
  return [...own(record), ...enrichment(record)];
}

/** What the record tells by itself. */
function own(record: TraceRecord): string[] {
  switch (record.event) {
    case 'connect':
      return record.handshake_us === undefined
        ? []
        : [`handshake ${formatMilliseconds(record.handshake_us)}`];
    case 'accept':
      return record.accounted === 'listener' ? ["listener's owner"] : [];
    case 'fail':
      return [failure(record)];
    case 'close':
      return closeDetails(record);
    case 'udp_flow':
      return flowDetails(record);
    case 'fd_install':
      return [`descriptor ${record.fd}`];
    case 'lost':
      return [
        `${formatCount(record.count, record.where === 'udp' ? 'datagram' : 'event')}: ${losses[record.where]}`,
      ];
  }
}

/** As many of a container's hexadecimal digits as its runtime shows. */
const CONTAINER_DIGITS = 12;

/** What was found out besides; the command line last, for it can be long and hold commas. */
function enrichment({ service, peer, process = {} }: EnrichedRecord): string[] {
  const { container_id: id, container_runtime: runtime } = process;
  const container = id !== undefined && /^[0-9a-f]{64}$/.test(id) ? id.slice(0, CONTAINER_DIGITS) : id;
  const parts: readonly (readonly [label: string, value: string | undefined])[] = [
    ['service', service],
    ['peer', peer?.name],
    ['unit', process.unit],
    ['pod', process.pod_uid],
    [runtime === undefined ? 'container' : `${runtime} container`, container],
    ['executable', process.executable],
    ['command', process.command_line],
  ];
  return parts.flatMap(([label, value]) => (value === undefined ? [] : [`${label} ${escapeText(value)}`]));
}

function failure({ error, duration_us }: FailRecord): string {
  const text = escapeText(error);
  return duration_us === undefined ? text : `${text} after ${formatMilliseconds(duration_us)}`;
}

function closeDetails(record: CloseRecord): string[] {
  const parts: string[] = [];
  if (record.duration_us !== undefined) parts.push(formatDuration(record.duration_us));
  if (record.bytes_sent !== undefined) parts.push(`sent ${formatBytes(record.bytes_sent)}`);
  if (record.bytes_received !== undefined) parts.push(`received ${formatBytes(record.bytes_received)}`);
  if (record.retransmits) parts.push(formatCount(record.retransmits, 'retransmit'));
  if (record.srtt_us !== undefined) parts.push(`srtt ${formatMilliseconds(record.srtt_us)}`);
  parts.push(endings[record.closed_by]);
  return parts;
}

function flowDetails(record: UdpFlowRecord): string[] {
  const { duration_us, bytes_sent, bytes_received, datagrams_sent, datagrams_received } = record;
  const parts: string[] = [];
  // Of a single datagram, it is nothing.
  if (duration_us > 0) parts.push(formatDuration(duration_us));
  if (datagrams_sent > 0) parts.push(`sent ${datagrams(bytes_sent, datagrams_sent)}`);
  if (datagrams_received > 0) parts.push(`received ${datagrams(bytes_received, datagrams_received)}`);
  parts.push(record.closed_by === 'local' ? 'closed by local' : 'idle');
  return parts;
}

function datagrams(bytes: number, count: number): string {
  return `${formatBytes(bytes)} in ${formatCount(count, 'datagram')}`;
}
