/** Experiments that set known values in single sockets: addresses, ports, states, flags and errors. */
import { constants } from 'node:os';
import { TcpState } from '../sockets/tcp-state.js';
import {
  type BoundProbeSocket,
  type Experiment,
  localKnown,
  type ProbeSocket,
  pairKnown,
  randomEndpoint,
  waitUntil,
} from './experiment.js';
import { flagMask } from './observations.js';
import { tcpInfo } from './socket-info.js';
import { AddressFamily, type Endpoint, SocketOption, type TestSocket } from './sockets.js';

const { ECONNREFUSED, ECONNRESET } = constants.errno;
const REFUSED_WITHIN_MS = 500;
const QUEUED_WITHIN_MS = 500;
const TRIES = 3;

/** Options by the bit of enum sock_flags that each sets. */
const flagOptions = [
  { bit: 2n, option: SocketOption.urgentInline },
  { bit: 3n, option: SocketOption.keepAlive },
  { bit: 6n, option: SocketOption.broadcast },
] as const;
const SOCK_LINGER = 4n;

/**
 * Creates a socket that is bound to a random end. Its first listen() shows its address in the kernel.
 *
 * @throws SyscallError; Error if the program did not see the listen().
 */
export function makeProbeSocket(experiment: Experiment, family: number): BoundProbeSocket {
  const socket = experiment.sockets.tcp(family);
  if (family === AddressFamily.ipv6) socket.set(SocketOption.ipv6Only, 0);
  const local = bindSomewhere(socket);
  const known = { ...localKnown(family, local), error: 0, softError: 0, shutdown: 0 };
  const snapshot = listenUntilSeen(experiment, socket);
  experiment.observe(snapshot, family, { ...known, fresh: true });
  return { socket, sk: snapshot.image.address, local };
}

/**
 * Makes a listener that answers no SYN, because its queue of connections that nobody has accepted is full
 * (sk_acceptq_is_full() in the kernel's tcp_conn_request()). Any user can.
 *
 * @throws SyscallError; Error if the queue did not fill.
 */
export function makeFullListener(experiment: Experiment): Endpoint {
  const listener = experiment.sockets.tcp(AddressFamily.ipv4);
  const local = bindSomewhere(listener);
  const room = 1;
  listener.listen(room);
  // One more than the room there is. TCP_INFO has a listener's queue in the place of unacknowledged segments.
  for (let queued = 1; queued <= room + 1; queued++) {
    experiment.sockets.tcp(AddressFamily.ipv4).connect(local);
    if (!waitUntil(() => tcpInfo(listener).unackedSegments === queued, QUEUED_WITHIN_MS))
      throw new Error('connections over loopback were not queued');
  }
  return local;
}

/** Creates a socket that is not bound, for namespaces without a network. @throws as {@link makeProbeSocket} */
export function makeUnboundProbeSocket(experiment: Experiment): ProbeSocket {
  const socket = experiment.sockets.tcp(AddressFamily.ipv4);
  const snapshot = listenUntilSeen(experiment, socket);
  experiment.observe(snapshot, AddressFamily.ipv4, { error: 0 });
  return { socket, sk: snapshot.image.address };
}

function listenUntilSeen(experiment: Experiment, socket: TestSocket) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const snapshot = experiment.listenOnce(socket, undefined);
    if (snapshot !== undefined) return snapshot;
  }
  throw new Error('listen() was not seen by the program');
}

function bindSomewhere(socket: TestSocket): Endpoint {
  for (let attempt = 1; ; attempt++) {
    const local = randomEndpoint();
    try {
      socket.bind(local);
      return local;
    } catch (error) {
      // Another socket may have this end.
      if (attempt === TRIES) throw error;
    }
  }
}

/** Listens under several combinations of flags, and stops. @param patterns Bits within {@link flagMask}. */
export function setKnownFlags(
  experiment: Experiment,
  { socket, sk, local }: ProbeSocket,
  patterns: readonly bigint[],
): void {
  for (const flags of patterns) {
    setFlags(socket, flags);
    const known = { ...(local === undefined ? {} : localKnown(socket.family, local)), flags };
    experiment.observe(experiment.listenOnce(socket, sk), socket.family, known);
    const listening = { sk, from: TcpState.listen, to: TcpState.close };
    socket.listen();
    experiment.observe(
      experiment.before(listening, () => socket.disconnect()),
      socket.family,
      known,
    );
  }
  setFlags(socket, 0n);
}

function setFlags(socket: TestSocket, flags: bigint): void {
  const isSet = (bit: bigint) => Number((flags >> bit) & 1n);
  for (const { bit, option } of flagOptions) socket.set(option, isSet(bit));
  // Never so that close() would wait.
  socket.set(SocketOption.linger, isSet(SOCK_LINGER), 1);
}

/** Sixteen combinations of four flags, of which those of one half are not those of the other. */
export function flagPatterns(half: 0 | 1): bigint[] {
  const bits = [2n, 3n, SOCK_LINGER, 6n];
  return [0, 5, 6, 9, 10, 15]
    .map((number) => (half === 0 ? number : number ^ 0b0111))
    .map((number) => bits.reduce((flags, bit, index) => flags | (BigInt((number >> index) & 1) << bit), 0n))
    .map((flags) => flags & flagMask);
}

/** Devices of a namespace that are looked for, and how many of them are used. */
const HIGHEST_INDEX = 64;
const MAX_DEVICES = 4;

/** Listens while bound to devices, and while bound to none, in turn. Needs CAP_NET_RAW before 5.7. @throws SyscallError */
export function setKnownDevices(experiment: Experiment, { socket, sk }: ProbeSocket): void {
  const devices = devicesOf(socket);
  // Loopback's index is 1, as many other things are: only a sequence of its own distinguishes the field.
  const sequence = devices.length > 1 ? [...devices, none, ...devices, none] : loopbackOnly(devices[0]);
  for (const { index, name } of sequence) {
    socket.bindToDevice(name);
    experiment.observe(experiment.listenOnce(socket, sk), socket.family, { boundDevice: index });
  }
  socket.bindToDevice(none.name);
}

const none = { index: 0, name: '' } as const;

interface Device {
  readonly index: number;
  readonly name: string;
}

function loopbackOnly(loopback: Device | undefined): Device[] {
  if (loopback === undefined) return [];
  return [1, 0, 0, 1, 0, 1, 1, 0].map((bound) => (bound === 1 ? loopback : none));
}

function devicesOf(socket: TestSocket): Device[] {
  const found: Device[] = [];
  for (let index = 1; index <= HIGHEST_INDEX && found.length < MAX_DEVICES; index++) {
    const name = socket.deviceName(index);
    if (name !== undefined) found.push({ index, name });
  }
  return found;
}

/** Connects to a random peer: the known values are seen when the connect begins. */
export function connectToKnownPeer(experiment: Experiment, { socket, sk, local }: BoundProbeSocket): void {
  const peer = randomEndpoint();
  const snapshot = experiment.before({ sk, from: TcpState.close, to: TcpState.syn_sent }, () =>
    socket.connect(peer),
  );
  experiment.observe(snapshot, socket.family, pairKnown(socket.family, local, peer));
  const refused = waitUntil(() => tcpInfo(socket).state === TcpState.close, REFUSED_WITHIN_MS);
  socket.disconnect();
  observeError(experiment, { socket, sk, local }, refused ? ECONNREFUSED : ECONNRESET);
}

/** Connects to a listener that does not answer, and gives up, which leaves another error than a refusal. */
export function giveUpConnect(
  experiment: Experiment,
  { socket, sk, local }: BoundProbeSocket,
  peer: Endpoint,
): void {
  const { family } = socket;
  const known = pairKnown(family, local, peer);
  const begun = experiment.before({ sk, from: TcpState.close, to: TcpState.syn_sent }, () =>
    socket.connect(peer),
  );
  experiment.observe(begun, family, known);
  const waiting = { sk, from: TcpState.syn_sent, to: TcpState.close };
  experiment.observe(
    experiment.before(waiting, () => socket.disconnect()),
    family,
    { ...known, error: 0 },
  );
  observeError(experiment, { socket, sk, local }, ECONNRESET);
}

/** A pending error stays on the socket while it listens, until getsockopt() fetches it. */
function observeError(experiment: Experiment, { socket, sk, local }: BoundProbeSocket, error: number): void {
  const known = localKnown(socket.family, local);
  experiment.observe(experiment.listenOnce(socket, sk), socket.family, { ...known, error });
  if (socket.takeError() !== error) throw new Error(`the socket's pending error is not ${error}`);
  experiment.observe(experiment.listenOnce(socket, sk), socket.family, { ...known, error: 0 });
}
