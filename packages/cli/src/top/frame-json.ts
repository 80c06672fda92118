/** A frame as JSON: names and units as in records; what is unknown is absent. */
import {
  type Connection,
  type ConnectionProcess,
  type OpenSocket,
  type PlainConnection,
  plainConnection,
  plainProcess,
} from '@weir/tracer';
import type { ProcessDetails } from '@weir/tracer/enrich';
import { escapeJson, escapeName } from '@weir/tracer/escape';
import { socketSubject } from './filter/subject.js';
import type { Enrichment } from './model/enrichment.js';
import type { Frame } from './model/frame.js';
import { serviceName } from './model/groups.js';
import { type Query, sheetOf } from './table/views.js';

type PlainProcess = ConnectionProcess & ProcessDetails;

export interface JsonConnection extends PlainConnection {
  readonly process?: PlainProcess;
  readonly peer: PlainConnection['peer'] & { readonly name?: string };
  readonly service?: string;
}

export interface JsonListener {
  readonly network: { readonly transport: 'tcp' | 'udp'; readonly type: 'ipv4' | 'ipv6' };
  readonly netns: number;
  readonly interface?: string;
  readonly local: OpenSocket['local'];
  readonly peer?: OpenSocket['local'];
  readonly process?: PlainProcess;
  readonly uid: number;
  readonly waiting: number;
  readonly backlog?: number;
  readonly service?: string;
}

export interface JsonFrame {
  /** RFC 3339. */
  readonly time: string;
  readonly totals: Frame['totals'];
  readonly lost: Frame['lost'];
  /** Reasons why something is not shown. */
  readonly problems?: readonly string[];
  readonly connections: readonly JsonConnection[];
  readonly listeners: readonly JsonListener[];
}

/** @param rows At most so many of each. */
export function jsonFrame(
  frame: Frame,
  query: Query,
  enrichment: Enrichment,
  time: Date,
  rows: number,
): JsonFrame {
  const sheet = sheetOf('connections', frame, query, enrichment);
  const connections: JsonConnection[] = [];
  for (let index = 0; index < Math.min(rows, sheet.size); index++) {
    connections.push(jsonConnection(sheet.connection(index)!, frame.nowNs, enrichment));
  }
  const problems = [
    ...frame.problems,
    ...frame.unread.map(({ netns, reason }) => `network namespace ${netns}: ${reason}`),
  ];
  const listeners = frame.sockets.filter((socket) => query.filter.matches(socketSubject(socket), enrichment));
  return {
    time: time.toISOString(),
    totals: rounded(frame.totals),
    lost: frame.lost,
    ...(problems.length > 0 && { problems }),
    connections,
    listeners: listeners.slice(0, rows).map((socket) => jsonListener(socket, enrichment)),
  };
}

/** One line, safe on a terminal. */
export function jsonLine(frame: JsonFrame): string {
  return `${escapeJson(JSON.stringify(frame))}\n`;
}

function rounded(totals: Frame['totals']): Frame['totals'] {
  return {
    ...totals,
    send_rate: Math.round(totals.send_rate),
    receive_rate: Math.round(totals.receive_rate),
  };
}

function jsonConnection(connection: Connection, nowNs: number, enrichment: Enrichment): JsonConnection {
  const plain = plainConnection(connection, nowNs);
  const service = serviceName(connection, enrichment);
  const name = enrichment.peerName(connection.peer.address);
  return {
    ...plain,
    ...(connection.process !== undefined && { process: jsonProcess(connection.process, enrichment) }),
    ...(name !== undefined && { peer: { ...plain.peer, name } }),
    ...(service !== undefined && { service }),
  };
}

function jsonListener(socket: OpenSocket, enrichment: Enrichment): JsonListener {
  const { transport, type, netns, local, peer, process, uid, waiting, backlog } = socket;
  const service = enrichment.service(local.port, transport);
  return {
    network: { transport, type },
    netns,
    ...(socket.interface !== undefined && { interface: socket.interface }),
    local,
    ...(peer !== undefined && { peer }),
    ...(process !== undefined && { process: jsonProcess(process, enrichment) }),
    uid,
    waiting,
    ...(backlog !== undefined && { backlog }),
    ...(service !== undefined && { service }),
  };
}

function jsonProcess(process: ConnectionProcess, enrichment: Enrichment): PlainProcess {
  const fields = Object.entries({ ...plainProcess(process), ...enrichment.process(process) });
  return Object.fromEntries(
    fields.map(([name, value]) => [name, typeof value === 'string' ? escapeName(value) : value]),
  ) as unknown as PlainProcess;
}
