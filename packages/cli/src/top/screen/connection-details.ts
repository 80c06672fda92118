/** The details of one connection, and curves of its recent rates. */
import type { EndedConnection } from '@weir/tracer';
import type { Paint } from '../../text/colour.js';
import { containerText, podText } from '../../text/container.js';
import { formatLocal, formatPeer } from '../../text/endpoint.js';
import { escapeText } from '../../text/escape.js';
import { formatBytes, formatDuration, formatMilliseconds } from '../../text/units.js';
import { padEnd, truncate } from '../../text/width.js';
import type { Enrichment } from '../model/enrichment.js';
import { serviceName } from '../model/groups.js';
import type { History } from '../model/history.js';
import type { ShownConnection } from '../model/shown-connection.js';
import { protocol } from '../table/connections.js';
import { processName } from '../table/context.js';
import { age, rate, UNKNOWN } from '../table/figures.js';
import { sparkline } from '../table/sparkline.js';

export interface DetailsInput {
  /** undefined if it has ended and is forgotten. */
  readonly connection: ShownConnection | undefined;
  readonly ending: EndedConnection | undefined;
  /** undefined: not known. */
  readonly history: History | undefined;
  readonly enrichment: Enrichment;
  readonly nowNs: number;
  readonly isPast: boolean;
  readonly paint: Paint;
}

const labelWidth = 'Command line'.length;
const endings: Readonly<Record<EndedConnection['closed_by'], string>> = {
  local: 'closed by this side',
  peer: 'closed by the peer',
  reset: 'reset',
  timeout: 'timed out',
  abort: 'aborted by the kernel',
  idle: 'idle for too long',
  vanished: 'gone, without an event',
};

/** Lines of at most `width` columns. */
export function detailsLines(input: DetailsInput, width: number): string[] {
  const { connection, history, paint } = input;
  if (connection === undefined)
    return ['', input.isPast ? ' The connection was not open then.' : ' The connection has ended.'];
  const title = `${protocol(connection)}  ${formatLocal(connection.local, connection.interface)} ${arrow(connection)} ${formatPeer(connection.peer, connection.interface)}`;
  const rows = [...place(input, connection), ...figures(connection, input.isPast)];
  const room = Math.max(1, width - labelWidth - 3);
  return [
    paint('bold', truncate(` ${title}`, width)),
    '',
    ...rows.map(([label, text]) => ` ${padEnd(label, labelWidth)}  ${truncate(text, room)}`),
    '',
    ...(history === undefined
      ? []
      : [...curve('Sent', history.sent, width, paint), ...curve('Received', history.received, width, paint)]),
  ];
}

type Line = readonly [label: string, text: string];

function arrow({ direction }: ShownConnection): string {
  if (direction === undefined) return '-';
  return direction === 'outbound' ? '→' : '←';
}

function place({ enrichment, nowNs, ending, isPast }: DetailsInput, connection: ShownConnection): Line[] {
  const { process, peer, state, started_ns, active_ns, netns, flow_id } = connection;
  const details = process === undefined ? undefined : enrichment.process(process);
  const lines: Line[] = [];
  const add = (label: string, text: string | undefined) => {
    if (text !== undefined && text !== '') lines.push([label, text]);
  };
  const user = process?.uid === undefined ? '' : `, user ${process.uid}`;
  add(
    'Process',
    process ? `${processName(process, { enrichment, nowNs })} (${process.pid}${user})` : 'not known',
  );
  add('Executable', details?.executable && escapeText(details.executable));
  add('Command line', details?.command_line && escapeText(details.command_line));
  add('Container', details && escaped(containerText(details)));
  add('Pod', details && escaped(podText(details)));
  add('Unit', details?.unit && escapeText(details.unit));
  add('Service', serviceName(connection, enrichment));
  add('Peer', enrichment.peerName(peer.address));
  add('Namespace', netns === undefined ? undefined : String(netns));
  add('Interface', connection.interface && escapeText(connection.interface));
  add('Flow', flow_id);
  if (ending !== undefined) {
    add('Ended', `${endings[ending.closed_by]}, ${age(nowNs - ending.ended_ns)} ago`);
  } else add('State', state);
  if (started_ns !== undefined) {
    const end = ending?.ended_ns ?? nowNs;
    add('Age', formatDuration((end - started_ns) / 1000));
  } else add('Age', isPast ? 'older than what is recorded' : 'older than weir top');
  if (active_ns !== undefined) add('Idle', age(nowNs - active_ns));
  return lines;
}

function escaped(text: string | undefined): string | undefined {
  return text && escapeText(text);
}

function figures(connection: ShownConnection, isPast: boolean): Line[] {
  const { transport, bytes_sent, bytes_received, packets_sent, packets_received } = connection;
  const packets = transport === 'tcp' ? 'segments' : 'datagrams';
  const count = (value: number | undefined) => value?.toLocaleString('en-US') ?? UNKNOWN;
  const exact = (bytes: number | undefined) => {
    if (bytes === undefined) return UNKNOWN;
    return bytes < 1000 ? formatBytes(bytes) : `${formatBytes(bytes)} (${count(bytes)} B)`;
  };
  const lines: Line[] = [
    ['Sent', `${exact(bytes_sent)}, ${count(packets_sent)} ${packets}${speed(connection.send_rate, isPast)}`],
    [
      'Received',
      `${exact(bytes_received)}, ${count(packets_received)} ${packets}${speed(connection.receive_rate, isPast)}`,
    ],
  ];
  if (transport === 'tcp') lines.push(['Retransmits', count(connection.retransmits)]);
  if (connection.srtt_us !== undefined) {
    lines.push(['Round trip', formatMilliseconds(connection.srtt_us)]);
  }
  return lines;
}

/** The rate, where no curve shows it. */
function speed(bytesPerSecond: number | undefined, isPast: boolean): string {
  return isPast ? `, ${rate(bytesPerSecond)}/s` : '';
}

/** A title with the rate now and the highest, and the curve below. */
function curve(label: string, values: readonly number[], width: number, paint: Paint): string[] {
  const most = Math.max(0, ...values);
  const now = values.at(-1) ?? 0;
  return [
    truncate(` ${padEnd(label, labelWidth)}  ${rate(now)}/s, at most ${rate(most)}/s`, width),
    ` ${paint(label === 'Sent' ? 'green' : 'cyan', sparkline(values, Math.max(1, Math.min(width - 2, 120))))}`,
  ];
}
