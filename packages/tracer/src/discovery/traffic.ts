/** Experiments with connections: traffic that gives every counter another value, and TCP_INFO to read them. */
import { randomInt } from '../random.js';
import type { TcpInfo } from '../sockets/tcp-info.js';
import { TcpState } from '../sockets/tcp-state.js';
import { type BoundProbeSocket, type Experiment, type Known, pairKnown, waitUntil } from './experiment.js';
import type { Image } from './image.js';
import type { Observation } from './observations.js';
import type { Snapshot } from './snapshot.js';
import { countersOf, sameInfo, tcpInfo } from './socket-info.js';
import { type Endpoint, SocketOption, type TestSocket } from './sockets.js';

interface Connection {
  readonly client: BoundProbeSocket;
  readonly server: TestSocket;
  readonly peer: Endpoint;
}

const CONNECTED_WITHIN_MS = 500;
/** A tail loss probe takes two ticks of the kernel's clock, a retransmission timer 200 ms. */
const QUIET_WITHIN_MS = 1500;
/** Corked bytes are kept back for 200 ms (TCP_RTO_MIN), give or take a tick of the kernel's clock. */
const CORKED_FOR_MS = 150;
/** Bits of sk_shutdown. */
const Shutdown = { receiving: 1, sending: 2, both: 3 } as const;
/** Bytes of payload in a segment: small, so that few bytes are many segments. */
export const SEGMENT = 536;

/** Traffic between each client and the listener, all at the same time; every end is seen once. */
export function makeKnownTraffic(
  experiment: Experiment,
  clients: readonly BoundProbeSocket[],
  listener: BoundProbeSocket,
): void {
  const connections = clients.map((client) => open(experiment, client, listener));
  const messages = shuffled(connections.flatMap((_, index) => [4 + 8 * index, 8 + 8 * index])).map(
    (count) => count + randomInt(0, 4),
  );
  const losses = shuffled(connections.map((_, index) => 3 + 2 * index));
  connections.forEach((connection, index) => {
    exchange(connection, [messages[2 * index]!, messages[2 * index + 1]!]);
    experiment.attempt('lost segments', () => lose(connection, losses[index]!), 'CAP_NET_ADMIN');
  });
  for (const connection of connections) waitUntilQuiet(connection);
  // A byte of a processor's number, as in sk_napi_id, follows the others by chance.
  connections.forEach((connection, index) => {
    observeBoth(experiment, connection, index === 0 ? Shutdown.both : Shutdown.sending);
  });
}

function open(experiment: Experiment, client: BoundProbeSocket, listener: BoundProbeSocket): Connection {
  client.socket.set(SocketOption.maxSegment, SEGMENT);
  client.socket.connect(listener.local);
  let server: TestSocket | undefined;
  const accepted = () => {
    server ??= experiment.sockets.accept(listener.socket);
    return server !== undefined && tcpInfo(client.socket).state === TcpState.established;
  };
  if (!waitUntil(accepted, CONNECTED_WITHIN_MS))
    throw new Error('a connection over loopback was not established');
  for (const socket of [client.socket, server!]) {
    socket.set(SocketOption.cork, 0);
    socket.set(SocketOption.noDelay, 1);
  }
  return { client, server: server!, peer: listener.local };
}

/** Different numbers of bytes and of segments in both directions, and of those that only acknowledge. */
function exchange({ client, server }: Connection, messages: readonly [number, number]): void {
  const ends = [client.socket, server] as const;
  for (const [index, end] of ends.entries()) {
    for (let message = 0; message < messages[index]!; message++) end.send(randomInt(1, SEGMENT));
    ends[1 - index]!.drain();
  }
}

/**
 * The server's end drops some segments of the client, which gets no acknowledgement and sends them again. Meanwhile the
 * client acknowledges nothing, so that the server measures a long round trip.
 */
function lose({ client, server }: Connection, segments: number): void {
  client.socket.set(SocketOption.quickAck, 0);
  server.send(randomInt(1, SEGMENT));
  const { maxSegmentSize } = tcpInfo(client.socket);
  server.playDeaf();
  try {
    for (let segment = 0; segment < segments; segment++) client.socket.send(maxSegmentSize);
  } finally {
    server.hearAgain();
  }
}

/** Waits until all is acknowledged. */
function waitUntilQuiet({ client, server }: Connection): void {
  const ends = [client.socket, server];
  const quiet = () =>
    ends.every((end) => {
      end.drain();
      end.set(SocketOption.quickAck, 1);
      const { unackedSegments, unsentBytes } = tcpInfo(end);
      return unackedSegments === 0 && unsentBytes === 0;
    });
  if (!waitUntil(quiet, QUIET_WITHIN_MS)) throw new Error('a connection over loopback did not get quiet');
}

/** The client's end when it ends its sending side or both, then the server's when it aborts: no end stays in TIME_WAIT. */
function observeBoth(experiment: Experiment, { client, server, peer }: Connection, shutdown: number): void {
  const { socket, sk, local } = client;
  const clientKnown = { ...pairKnown(socket.family, local, peer), shutdown };
  observeQuiet(experiment, socket, clientKnown, () =>
    experiment.before({ sk, from: TcpState.established, to: TcpState.fin_wait1 }, () =>
      socket.shutdown(shutdown),
    ),
  );
  const heard = () => tcpInfo(server).state === TcpState.close_wait;
  if (waitUntil(heard, CONNECTED_WITHIN_MS)) {
    const closing = { from: TcpState.close_wait, to: TcpState.close };
    // The kernel has already taken the local port away, which such a socket only shares with its listener.
    const { localPort, ...serverKnown } = pairKnown(server.family, peer, local);
    const known = { ...serverKnown, shutdown: Shutdown.receiving };
    observeQuiet(experiment, server, known, () =>
      experiment.before(closing, () => server.disconnect(), {
        isIt: (image) => holdsAddress(image, local.address),
      }),
    );
  } else experiment.disturb('the end of a connection over loopback did not arrive');
  socket.disconnect();
}

/**
 * Observes an end that keeps back some bytes which it could send. The kernel sends them by itself after 200 ms, and then TCP_INFO
 * is not what the image holds: an observation that took too long does not count.
 */
function observeQuiet(
  experiment: Experiment,
  socket: TestSocket,
  known: Known,
  observe: () => Snapshot | undefined,
): void {
  const start = performance.now();
  socket.set(SocketOption.noDelay, 0);
  socket.set(SocketOption.cork, 1);
  socket.send(randomInt(1, SEGMENT / 2));
  const info = quietInfo(socket);
  const seen = observe();
  const isCurrent = performance.now() - start < CORKED_FOR_MS;
  if (info === undefined || !isCurrent)
    experiment.disturb('a connection over loopback changed while it was looked at');
  experiment.observe(seen, socket.family, { ...known, ...(isCurrent && counters(info)) });
}

/** Whether an IPv4 address stands anywhere in an image. */
function holdsAddress(image: Image, address: number): boolean {
  for (let offset = 0; offset + 4 <= image.bytes.length; offset += 4) {
    if (image.has(offset, 4) && image.be32(offset) === address) return true;
  }
  return false;
}

/** TCP_INFO once it is the same twice; undefined if it keeps changing. */
function quietInfo(socket: TestSocket): TcpInfo | undefined {
  socket.drain();
  // An acknowledgement that is due later would count as a segment between this look and the snapshot.
  socket.set(SocketOption.quickAck, 1);
  let info = tcpInfo(socket);
  const rests = () => {
    const before = info;
    info = tcpInfo(socket);
    return sameInfo(before, info) && info.unackedSegments === 0;
  };
  return waitUntil(rests, QUIET_WITHIN_MS) ? info : undefined;
}

function counters(info: TcpInfo | undefined): Pick<Observation, 'counters' | 'unsent' | 'unacked'> {
  if (info === undefined) return {};
  return { counters: countersOf(info), unsent: info.unsentBytes, unacked: info.unsentBytes };
}

/**
 * A connection that is looked at while two segments are in flight, of which the second was sent after the one before
 * both was acknowledged. Only so do the ends of what was sent and of what was acknowledged differ from where
 * congestion control last took note of them.
 */
export function makeKnownFlight(
  experiment: Experiment,
  client: BoundProbeSocket,
  listener: BoundProbeSocket,
): void {
  const { server } = open(experiment, client, listener);
  const { socket } = client;
  try {
    const known = { ...pairKnown(socket.family, client.local, listener.local), ...fly(socket, server) };
    const snapshot = experiment.before(
      { sk: client.sk, from: TcpState.established, to: TcpState.close },
      () => socket.disconnect(),
    );
    experiment.observe(snapshot, socket.family, known);
  } finally {
    socket.disconnect();
    // The server has not seen the end, and would block another connection between the two.
    server.disconnect();
  }
}

/** Leaves two segments unacknowledged. */
function fly(socket: TestSocket, server: TestSocket): Pick<Observation, 'unsent' | 'unacked'> {
  const size = () => randomInt(1, SEGMENT / 2);
  server.set(SocketOption.quickAck, 0);
  socket.send(size());
  server.playDeaf();
  socket.send(size());
  // Carries the acknowledgement of the first.
  server.send(size());
  socket.send(size());
  return { unsent: tcpInfo(socket).unsentBytes, unacked: socket.unacked() };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: randomInt(0, 1 << 30) }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
