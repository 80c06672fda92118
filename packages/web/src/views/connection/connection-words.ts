/** What a connection was, in sentences and steps. Pure. */
import type { EndedConnection, OpenConnection, ProcessDetails } from '../../api/api-types.js';
import { errnoText } from '../../format/errno-text.js';
import { formatBytes, formatCount, formatMicroseconds } from '../../format/number-text.js';
import { parseApiTime } from '../../format/time-text.js';

/** An end of a connection, which has ended or is open. */
export type AnyConnection = EndedConnection | OpenConnection;

/** A part of a sentence: text of ours, or a name that somebody else chose. */
export type SentencePart = string | { readonly name: string };

/** Whether an end has ended. */
export function hasEnded(connection: AnyConnection): connection is EndedConnection {
  return 'event' in connection;
}

/** When an end began, milliseconds since 1970; undefined where that is not known. */
export function beganMs(connection: AnyConnection): number | undefined {
  if (!hasEnded(connection))
    return connection.started === undefined ? undefined : parseApiTime(connection.started);
  const { time, duration_us } = connection;
  return duration_us === undefined ? undefined : parseApiTime(time) - duration_us / 1000;
}

/** An address with its port. */
export function endText({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Who has an end. */
export function ownerOf(process: ProcessDetails | undefined): SentencePart[] {
  if (process?.comm === undefined)
    return [process?.pid === undefined ? 'an unknown process' : `process ${process.pid}`];
  return [{ name: process.comm }, ...(process.pid === undefined ? [] : [` (${process.pid})`])];
}

function peerOf({ peer }: AnyConnection): SentencePart[] {
  return peer.name === undefined ? [endText(peer)] : [{ name: peer.name }, ` (${endText(peer)})`];
}

/** Who, to whom, how much, and how it ended. */
export function sentenceOf(connection: AnyConnection): SentencePart[] {
  return [...beginning(connection), ...middle(connection), ...ending(connection), '.'];
}

function beginning(connection: AnyConnection): SentencePart[] {
  const { process, direction, network, local } = connection;
  const [owner, peer] = [ownerOf(process), peerOf(connection)];
  if (hasEnded(connection) && connection.event === 'fail')
    return [...owner, ' could not connect to ', ...peer];
  const done = hasEnded(connection);
  if (network.transport === 'udp')
    return [...owner, done ? ' exchanged datagrams with ' : ' exchanges datagrams with ', ...peer];
  switch (direction) {
    case 'outbound':
      return [...owner, done ? ' connected to ' : ' is connected to ', ...peer];
    case 'inbound':
      return [...peer, done ? ' connected to ' : ' is connected to ', ...owner, ` at ${endText(local)}`];
    default:
      return [...owner, done ? ' was connected with ' : ' is connected with ', ...peer];
  }
}

function middle(connection: AnyConnection): SentencePart[] {
  if (hasEnded(connection) && connection.event === 'fail') return [];
  const { bytes_sent: sent, bytes_received: received } = connection;
  const parts: SentencePart[] = [];
  if (sent !== undefined || received !== undefined)
    parts.push(`, sent ${formatBytes(sent ?? 0)}, received ${formatBytes(received ?? 0)}`);
  if (hasEnded(connection) && connection.duration_us !== undefined)
    parts.push(`, for ${formatMicroseconds(connection.duration_us)}`);
  return parts;
}

const closings: Readonly<Record<string, string>> = {
  local: ', and closed it',
  peer: ', and the peer closed it',
  reset: ', and it was reset',
  timeout: ', and it timed out',
  abort: ', and it was aborted',
  idle: ', until nothing came any more',
};

function ending(connection: AnyConnection): SentencePart[] {
  if (!hasEnded(connection)) return connection.state === undefined ? [] : [` (${connection.state})`];
  const { event, error, duration_us: duration, closed_by: closedBy, direction } = connection;
  if (event === 'fail') {
    const meaning = error === undefined ? undefined : errnoText(error);
    const why = error === undefined ? '' : meaning === undefined ? `: ${error}` : `: ${meaning} (${error})`;
    return [`${why}${duration === undefined ? '' : `, after ${formatMicroseconds(duration)}`}`];
  }
  if (closedBy === undefined) return [];
  if (closedBy === 'local' && direction === 'inbound') return [', and this host closed it'];
  return [closings[closedBy] ?? `, closed by ${closedBy}`];
}

/** A moment in the course of a connection. */
export interface CourseStep {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly title: string;
  readonly note: string;
  readonly isBad: boolean;
}

/** The moments that are known of an end, in order. */
export function courseOf(connection: AnyConnection): CourseStep[] {
  const steps: CourseStep[] = [];
  const began = beganMs(connection);
  const add = (atMs: number, title: string, note = '', isBad = false) =>
    steps.push({ atMs, title, note, isBad });
  const isUdp = connection.network.transport === 'udp';
  const isInbound = connection.direction === 'inbound';
  if (began !== undefined) add(began, isUdp ? 'First datagram' : isInbound ? 'Accepted' : 'Connect', '');
  if (!hasEnded(connection)) {
    add(parseApiTime(connection.time), 'Last look', connection.state ?? 'open');
    return steps;
  }
  const { handshake_us: handshake, closing_us: closing, idle_us: idle, event, error } = connection;
  const ended = parseApiTime(connection.time);
  if (event === 'fail') {
    add(ended, 'Failed', error ?? 'not known why', true);
    return steps;
  }
  // Where the process accepted, the handshake was before that.
  if (handshake !== undefined && began !== undefined && !isInbound)
    add(began + handshake / 1000, 'Established', `handshake ${formatMicroseconds(handshake)}`);
  if (isUdp && idle !== undefined) add(ended - idle / 1000, 'Last datagram');
  if (closing !== undefined) add(ended - closing / 1000, 'Close', 'by the application');
  const isBad = ['reset', 'timeout', 'abort'].includes(connection.closed_by ?? '');
  add(ended, isUdp ? 'Ended' : 'Closed', endedBy(connection), isBad);
  return steps;
}

function endedBy({ closed_by: closedBy }: EndedConnection): string {
  const words: Readonly<Record<string, string>> = {
    local: 'this side closed first',
    peer: 'the peer closed first',
    reset: 'reset',
    timeout: 'timed out',
    abort: 'aborted',
    idle: 'idle',
  };
  return closedBy === undefined ? '' : (words[closedBy] ?? closedBy);
}

/** How an end went, in a word or two, for lists. */
export function outcomeOf(connection: AnyConnection): { readonly text: string; readonly isBad: boolean } {
  if (!hasEnded(connection)) return { text: connection.state ?? 'open', isBad: false };
  if (connection.event === 'fail') return { text: connection.error ?? 'failed', isBad: true };
  const closedBy = connection.closed_by ?? 'closed';
  return {
    text: { local: 'closed', peer: 'closed by peer' }[closedBy] ?? closedBy,
    isBad: ['reset', 'timeout', 'abort'].includes(closedBy),
  };
}

/** Figures of an end with their names; those that are not known are left out. */
export function figuresOfEnd(connection: AnyConnection): (readonly [name: string, value: string])[] {
  const { bytes_sent, bytes_received, segments_sent, segments_received, retransmits, srtt_us } = connection;
  const ended = hasEnded(connection) ? connection : undefined;
  const count = (value: number | undefined) => (value === undefined ? undefined : formatCount(value));
  const duration = (value: number | undefined) =>
    value === undefined ? undefined : formatMicroseconds(value);
  const bytes = (value: number | undefined) => (value === undefined ? undefined : formatBytes(value));
  const share =
    retransmits === undefined || segments_sent === undefined || segments_sent === 0 || retransmits === 0
      ? ''
      : ` of ${formatCount(segments_sent)} segments`;
  const all: (readonly [string, string | undefined])[] = [
    ['Sent', bytes(bytes_sent)],
    ['Received', bytes(bytes_received)],
    ['Duration', duration(ended?.duration_us)],
    ['Handshake', duration(ended?.handshake_us)],
    ['Round trip', duration(srtt_us)],
    ['Retransmits', retransmits === undefined ? undefined : `${formatCount(retransmits)}${share}`],
    ['Segments sent', count(segments_sent)],
    ['Segments received', count(segments_received)],
    ['Datagrams sent', count(connection.datagrams_sent)],
    ['Datagrams received', count(connection.datagrams_received)],
    ['Closing took', duration(ended?.closing_us)],
    ['Idle at the end', duration(ended?.idle_us)],
    ['Subflows', count(ended?.subflows)],
  ];
  return all.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
}

/** What is known of the process, with the field of groups by which others like it are found. */
export function processRows(
  connection: AnyConnection,
): { name: string; value: string; group: string | undefined }[] {
  const { process = {}, thread, netns, cgroup_id } = connection;
  const pod =
    process.pod_name === undefined ? process.pod_uid : `${process.pod_namespace ?? ''}/${process.pod_name}`;
  const rows: (readonly [string, string | number | undefined, string | undefined])[] = [
    ['Name', process.comm, 'process'],
    ['Process id', process.pid, 'pid'],
    ['Thread', thread ?? (process.tid === process.pid ? undefined : process.tid), undefined],
    ['User id', process.uid, 'uid'],
    ['Program', process.executable, 'executable'],
    ['Command line', process.command_line, 'command_line'],
    ['systemd unit', process.unit, 'unit'],
    ['Container', process.container_name ?? process.container_id, 'container'],
    ['Runtime', process.container_runtime, undefined],
    ['Pod', pod, 'pod'],
    ['cgroup', cgroup_id, undefined],
    ['Network namespace', netns, 'netns'],
  ];
  return rows.flatMap(([name, value, group]) =>
    value === undefined ? [] : [{ name, value: String(value), group }],
  );
}
