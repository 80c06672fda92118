/** A frame as JSON: names and units as in records; what is unknown is absent. */
import {
  type Connection,
  type ConnectionProcess,
  type LiveLosses,
  type OpenSocket,
  type PlainConnection,
  plainConnection,
  plainProcess,
  type Totals,
} from '@weir/tracer';
import type { ProcessDetails } from '@weir/tracer/enrich';
import { escapeJson, escapeName } from '@weir/tracer/escape';
import { socketSubject } from './filter/subject.js';
import type { Enrichment } from './model/enrichment.js';
import type { Frame } from './model/frame.js';
import { serviceName } from './model/groups.js';
import type { ShownConnection } from './model/shown-connection.js';
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

/** What is live. With a time in the past, `past` stands in the place of `lost`, and what is not known is absent. */
export interface JsonFrame {
  /** RFC 3339. */
  readonly time: string;
  readonly totals: Totals;
  readonly lost: LiveLosses;
  /** Reasons why something is not shown. */
  readonly problems?: readonly string[];
  readonly connections: readonly JsonConnection[];
  readonly listeners: readonly JsonListener[];
}

/** Characters that are put together for one write. */
const PIECE_LENGTH = 65_536;

/**
 * A frame as one line, safe on a terminal, in pieces: of a hundred thousand connections, it has 40 MB. All of it is made
 * before any is written, for connections change meanwhile.
 *
 * @param rows At most so many of each.
 */
export function jsonPieces(
  frame: Frame,
  query: Query,
  enrichment: Enrichment,
  time: Date,
  rows: number,
): Buffer[] {
  const sheet = sheetOf('connections', frame, query, enrichment);
  const problems = [
    ...frame.problems,
    ...frame.unread.map(({ netns, reason }) => `network namespace ${netns}: ${reason}`),
  ];
  const head = {
    time: time.toISOString(),
    totals: rounded(frame.totals),
    ...(frame.past === undefined ? { lost: frame.lost } : { past: frame.past.json }),
    ...(problems.length > 0 && { problems }),
  };
  const processes = new JsonProcesses(enrichment);
  const pieces = new Pieces();
  pieces.add(`${JSON.stringify(head).slice(0, -1)},"connections":[`);
  for (let index = 0; index < Math.min(rows, sheet.size); index++) {
    const connection = jsonConnection(sheet.connection(index)!, frame.nowNs, enrichment, processes);
    pieces.add(`${index === 0 ? '' : ','}${JSON.stringify(connection)}`);
  }
  const context = { enrichment, nowNs: frame.nowNs };
  const listeners = frame.sockets
    ?.filter((socket) => query.filter.matches(socketSubject(socket), context))
    .slice(0, rows)
    .map((socket) => jsonListener(socket, enrichment, processes));
  pieces.add(listeners === undefined ? ']}' : `],"listeners":${JSON.stringify(listeners)}}`);
  return pieces.end();
}

/** Text that becomes bytes as it comes. */
class Pieces {
  readonly #pieces: Buffer[] = [];
  #text = '';

  add(text: string): void {
    this.#text += text;
    if (this.#text.length >= PIECE_LENGTH) this.#flush();
  }

  /** Ends the line. */
  end(): Buffer[] {
    this.#flush();
    this.#pieces.push(Buffer.from('\n'));
    return this.#pieces.length > 2 ? this.#pieces : [Buffer.concat(this.#pieces)];
  }

  #flush(): void {
    this.#pieces.push(Buffer.from(escapeJson(this.#text)));
    this.#text = '';
  }
}

/** The processes of a frame, each of which has many connections. */
class JsonProcesses {
  readonly #enrichment: Enrichment;
  readonly #known = new Map<ConnectionProcess, PlainProcess>();

  constructor(enrichment: Enrichment) {
    this.#enrichment = enrichment;
  }

  of(process: ConnectionProcess): PlainProcess {
    let known = this.#known.get(process);
    if (known === undefined) {
      known = jsonProcess(process, this.#enrichment);
      this.#known.set(process, known);
    }
    return known;
  }
}

function rounded(totals: Frame['totals']): Frame['totals'] {
  const { send_rate, receive_rate } = totals;
  return {
    ...totals,
    ...(send_rate !== undefined && { send_rate: Math.round(send_rate) }),
    ...(receive_rate !== undefined && { receive_rate: Math.round(receive_rate) }),
  };
}

function jsonConnection(
  connection: ShownConnection,
  nowNs: number,
  enrichment: Enrichment,
  processes: JsonProcesses,
): JsonConnection {
  const plain = known(plainConnection(connection as Connection, nowNs));
  const service = serviceName(connection, enrichment);
  const name = enrichment.peerName(plain.peer.address);
  return {
    ...plain,
    ...(connection.process !== undefined && { process: processes.of(connection.process) }),
    ...(name !== undefined && { peer: { ...plain.peer, name } }),
    ...(service !== undefined && { service }),
  };
}

/** Without what follows from figures that are not known. */
function known(connection: PlainConnection): PlainConnection {
  const fields = Object.entries(connection).filter(
    ([, value]) => value !== undefined && !Number.isNaN(value),
  );
  return Object.fromEntries(fields) as unknown as PlainConnection;
}

function jsonListener(socket: OpenSocket, enrichment: Enrichment, processes: JsonProcesses): JsonListener {
  const { transport, type, netns, local, peer, process, uid, waiting, backlog } = socket;
  const service = enrichment.service(local.port, transport);
  return {
    network: { transport, type },
    netns,
    ...(socket.interface !== undefined && { interface: socket.interface }),
    local,
    ...(peer !== undefined && { peer }),
    ...(process !== undefined && { process: processes.of(process) }),
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
