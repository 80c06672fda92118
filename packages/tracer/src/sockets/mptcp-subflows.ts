/**
 * MPTCP in socket diagnosis: the kernel lists the TCP sockets of a connection, its subflows, one by one. They are one
 * connection to its program, with the ends of the subflow on which it began, also when that has ended. Pure.
 */
import type { DiagSocket } from './inet-diag.js';
import type { MptcpConnection } from './mptcp-diag.js';
import { openedHere, type Payload, payloadReceived, payloadSent } from './tcp-info.js';

/** What identifies a connection. */
type Identity = Pick<DiagSocket, 'cookie' | 'localPort' | 'peerPort' | 'addresses'>;

/** A connection as a reading found it. */
interface Known {
  readonly identity: Identity;
  /** The payload of all subflows that it has had, as it was last seen, by their cookies. */
  readonly subflows: ReadonlyMap<number, Payload>;
}

const nothing: Payload = { sent: 0, received: 0 };

/** Connections of MPTCP as they were first seen: they remain the same when the subflow on which they began has ended. */
export class MptcpIdentities {
  /** By network namespace and token. */
  #known = new Map<string, Known>();
  #next = new Map<string, Known>();

  /**
   * Gives a subflow that stands for its connection the identity of that, and its payload.
   *
   * @param subflows All that there are now.
   * @param connection Where socket diagnosis shows it.
   */
  apply(
    socket: DiagSocket,
    subflows: ReadonlyMap<number, Payload>,
    connection: MptcpConnection | undefined,
  ): void {
    const key = `${socket.netns} ${socket.mptcpToken}`;
    const { cookie, localPort, peerPort, addresses } = socket;
    const known = this.#known.get(key);
    const earlier = socket.joined ? (known?.identity ?? connection) : undefined;
    const identity = earlier ?? { cookie, localPort, peerPort, addresses };
    // One that a reading passes over may be there again: each counts once.
    const all = new Map([...(known?.subflows ?? []), ...subflows]);
    this.#next.set(key, { identity, subflows: all });
    socket.payload = connection?.payload ?? (all.size > subflows.size ? sumOf([...all.values()]) : undefined);
    if (earlier === undefined) return;
    socket.cookie = identity.cookie;
    socket.localPort = identity.localPort;
    socket.peerPort = identity.peerPort;
    copyWords(identity.addresses, socket.addresses);
  }

  /** Ends a reading of all sockets: connections that it did not find are forgotten. */
  endReading(): void {
    this.#known = this.#next;
    this.#next = new Map();
  }
}

function sumOf(payloads: readonly Payload[]): Payload {
  return payloads.reduce((sum, { sent, received }) => ({
    sent: sum.sent + sent,
    received: sum.received + received,
  }));
}

/** Hands sockets on, those of an MPTCP connection as one. */
export class SubflowMerger {
  readonly #onSocket: (socket: DiagSocket) => void;
  readonly #identities: MptcpIdentities;
  /** Subflows by the connection's token, of one network namespace. */
  readonly #connections = new Map<number, DiagSocket[]>();

  constructor(onSocket: (socket: DiagSocket) => void, identities = new MptcpIdentities()) {
    this.#onSocket = onSocket;
    this.#identities = identities;
  }

  /** Whether subflows were added. */
  get hasSubflows(): boolean {
    return this.#connections.size > 0;
  }

  /** Hands a plain socket on at once; the object may be filled anew afterwards. */
  add(socket: DiagSocket): void {
    if (socket.mptcpToken === 0) {
      this.#onSocket(socket);
      return;
    }
    const subflows = this.#connections.get(socket.mptcpToken);
    if (subflows === undefined) this.#connections.set(socket.mptcpToken, [copyOf(socket)]);
    else subflows.push(copyOf(socket));
  }

  /** Hands the connections on whose subflows were added. @param shown Those that socket diagnosis shows, by token. */
  flush(shown: ReadonlyMap<number, MptcpConnection> = new Map()): void {
    for (const [token, subflows] of this.#connections) {
      const [first = subflows[0]!] = subflows.filter(({ joined }) => !joined);
      const payloads = new Map(subflows.map((subflow) => [subflow.cookie, payloadOf(subflow)]));
      for (const subflow of subflows) if (subflow !== first) addFigures(first, subflow);
      this.#identities.apply(first, payloads, shown.get(token));
      this.#onSocket(first);
    }
    this.#connections.clear();
  }
}

function copyOf(socket: DiagSocket): DiagSocket {
  const addresses = new DataView(new ArrayBuffer(socket.addresses.byteLength));
  copyWords(socket.addresses, addresses);
  return { ...socket, addresses, info: { ...socket.info } };
}

function copyWords(from: DataView, to: DataView): void {
  for (let at = 0; at < to.byteLength; at += 4) to.setUint32(at, from.getUint32(at));
}

function payloadOf({ hasInfo, info, state, sendQueue }: DiagSocket): Payload {
  if (!hasInfo) return nothing;
  const sent = payloadSent(info, state, sendQueue, openedHere(info, state, sendQueue) ?? false);
  return { sent, received: payloadReceived(info, state) };
}

/** Adds the payload and the segments of a subflow, so that the sum follows sequence numbers as the first one's own figures do. */
function addFigures(first: DiagSocket, subflow: DiagSocket): void {
  const { info } = subflow;
  first.receiveQueue += subflow.receiveQueue;
  first.sendQueue += subflow.sendQueue;
  if (!subflow.hasInfo || !first.hasInfo) return;
  const { sent, received } = payloadOf(subflow);
  const sum = first.info;
  sum.bytesAcked += sent;
  sum.bytesReceived += received;
  if (sum.bytesSent !== undefined) sum.bytesSent += sent;
  sum.segmentsSent += info.segmentsSent;
  sum.segmentsReceived += info.segmentsReceived;
  sum.retransmits += info.retransmits;
}
