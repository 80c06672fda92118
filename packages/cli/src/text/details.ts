/** The last column of `weir trace`'s text: details of a record besides its process and both ends. */
import {
  type AcceptRecord,
  type CloseFieldText,
  type CloseRecord,
  closeFields,
  type FailRecord,
  type LostRecord,
  type TraceRecord,
  type UdpFlowRecord,
} from '@weir/tracer';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import { podText } from './container.js';
import { escapeText } from './escape.js';
import { formatBytes, formatCount, formatDuration, formatMilliseconds } from './units.js';

const losses: Readonly<Record<LostRecord['where'], string>> = {
  ring: 'the ring buffer was full',
  map: 'the connection table was full',
  probe: 'the kernel skipped a probe',
  udp: 'the table of UDP flows was full',
  missed: 'the kernel ran no program for a change of state',
};

const shownCloseFields = Object.entries(closeFields).flatMap(([name, { text }]) =>
  text === undefined ? [] : [{ name: name as keyof typeof closeFields, text }],
);

/** The parts, in the order in which they are shown. */
export function details(record: EnrichedRecord): string[] {
  return [...own(record), ...enrichment(record)];
}

/** Details from the record itself. */
function own(record: TraceRecord): string[] {
  switch (record.event) {
    case 'connect':
      return record.handshake_us === undefined
        ? []
        : [`handshake ${formatMilliseconds(record.handshake_us)}`];
    case 'accept':
      return record.accounted === 'listener' ? [listenerOwner(record)] : [];
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

function listenerOwner({ candidates, process }: AcceptRecord): string {
  if (candidates !== undefined) return `one of ${candidates} processes that listen`;
  return process === undefined ? 'process not seen' : "listener's owner";
}

/** As many of a container's hexadecimal digits as its runtime shows. */
const CONTAINER_DIGITS = 12;

/** Details that were found besides; the command line last, for it can be long and hold commas. */
function enrichment({ service, peer, process = {} }: EnrichedRecord): string[] {
  const { container_id: id, container_runtime: runtime, container_name: name } = process;
  const container = id !== undefined && /^[0-9a-f]{64}$/.test(id) ? id.slice(0, CONTAINER_DIGITS) : id;
  const parts: readonly (readonly [label: string, value: string | undefined])[] = [
    ['service', service],
    ['peer', peer?.name],
    ['unit', process.unit],
    ['pod', podText(process)],
    [
      runtime === undefined ? 'container' : `${runtime} container`,
      name === undefined ? container : `${name} (${container})`,
    ],
    ['executable', process.executable],
    ['command', process.command_line],
  ];
  return parts.flatMap(([label, value]) => (value === undefined ? [] : [`${label} ${escapeText(value)}`]));
}

function failure({ error, duration_us }: FailRecord): string {
  const text = error === undefined ? 'for an unknown reason' : escapeText(error);
  return duration_us === undefined ? text : `${text} after ${formatMilliseconds(duration_us)}`;
}

function closeDetails(record: CloseRecord): string[] {
  const parts: string[] = [];
  for (const { name, text } of shownCloseFields) {
    const value = record[name];
    if (value !== undefined) parts.push(...showField(value, text));
  }
  return parts;
}

function showField(value: number | string, text: CloseFieldText): string[] {
  switch (text.form) {
    case 'duration':
      return [formatDuration(value as number)];
    case 'bytes':
      return [`${text.label} ${formatBytes(value as number)}`];
    case 'milliseconds':
      return [`${text.label} ${formatMilliseconds(value as number)}`];
    case 'count':
      return value === 0 ? [] : [formatCount(value as number, text.noun)];
    case 'words':
      return [text.words[value]!];
  }
}

function flowDetails(record: UdpFlowRecord): string[] {
  const { duration_us, bytes_sent, bytes_received, datagrams_sent, datagrams_received } = record;
  const parts: string[] = [];
  // A flow of a single datagram has none.
  if (duration_us > 0) parts.push(formatDuration(duration_us));
  if (datagrams_sent > 0) parts.push(`sent ${datagrams(bytes_sent, datagrams_sent)}`);
  if (datagrams_received > 0) parts.push(`received ${datagrams(bytes_received, datagrams_received)}`);
  parts.push(record.closed_by === 'local' ? 'closed by local' : 'idle');
  return parts;
}

function datagrams(bytes: number, count: number): string {
  return `${formatBytes(bytes)} in ${formatCount(count, 'datagram')}`;
}
