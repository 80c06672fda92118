/** Experiments with single sockets: addresses, ports, states, flags and errors. */
import { constants } from 'node:os';
import { TcpState } from '../sockets/tcp-state.js';
import {
  type Bench,
  type BoundSpecimen,
  localKnown,
  pairKnown,
  randomEndpoint,
  type Specimen,
  waitUntil,
} from './experiment.js';
import { flagMask } from './observations.js';
import { tcpInfo } from './socket-info.js';
import { AddressFamily, type Endpoint, SocketOption, type TestSocket } from './sockets.js';

const { ECONNREFUSED, ECONNRESET } = constants.errno;
const REFUSED_WITHIN_MS = 500;
const TRIES = 3;

/** Options by the bit of enum sock_flags that each sets. */
const flagOptions = [
  { bit: 2n, option: SocketOption.urgentInline },
  { bit: 3n, option: SocketOption.keepAlive },
  { bit: 6n, option: SocketOption.broadcast },
] as const;
const lingerBit = 4n;

/**
 * A socket at a random end, of which the kernel's address is known from its first listen().
 *
 * @throws SyscallError; Error if that was not seen.
 */
export function plantSocket(bench: Bench, family: number): BoundSpecimen {
  const socket = bench.sockets.tcp(family);
  if (family === AddressFamily.ipv6) socket.set(SocketOption.ipv6Only, 0);
  const local = bindSomewhere(socket);
  const known = { ...localKnown(family, local), error: 0, softError: 0 };
  const snapshot = listenUntilSeen(bench, socket);
  bench.observe(snapshot, family, { ...known, fresh: true });
  return { socket, sk: snapshot.image.address, local };
}

/** A socket that need not be bound to anything: for namespaces without a network. @throws as {@link plantSocket} */
export function plantUnbound(bench: Bench): Specimen {
  const socket = bench.sockets.tcp(AddressFamily.ipv4);
  const snapshot = listenUntilSeen(bench, socket);
  bench.observe(snapshot, AddressFamily.ipv4, { error: 0 });
  return { socket, sk: snapshot.image.address };
}

function listenUntilSeen(bench: Bench, socket: TestSocket) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const snapshot = bench.listenOnce(socket, undefined);
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
      // Another socket may be there.
      if (attempt === TRIES) throw error;
    }
  }
}

/** Listens under several combinations of flags, and stops. @param patterns Bits within {@link flagMask}. */
export function plantFlags(bench: Bench, { socket, sk, local }: Specimen, patterns: readonly bigint[]): void {
  for (const flags of patterns) {
    setFlags(socket, flags);
    const known = { ...(local === undefined ? {} : localKnown(socket.family, local)), flags };
    bench.observe(bench.listenOnce(socket, sk), socket.family, known);
    const listening = { sk, from: TcpState.listen, to: TcpState.close };
    socket.listen();
    bench.observe(
      bench.before(listening, () => socket.disconnect()),
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
  socket.set(SocketOption.linger, isSet(lingerBit), 1);
}

/** Sixteen combinations of four flags, of which those of one half are not those of the other. */
export function flagPatterns(half: 0 | 1): bigint[] {
  const bits = [2n, 3n, lingerBit, 6n];
  return [0, 5, 6, 9, 10, 15]
    .map((number) => (half === 0 ? number : number ^ 0b0111))
    .map((number) => bits.reduce((flags, bit, index) => flags | (BigInt((number >> index) & 1) << bit), 0n))
    .map((flags) => flags & flagMask);
}

/** Connects to nobody: what is planted is seen when the connect begins. */
export function plantConnect(bench: Bench, { socket, sk, local }: BoundSpecimen): void {
  const peer = randomEndpoint();
  const snapshot = bench.before({ sk, from: TcpState.close, to: TcpState.syn_sent }, () =>
    socket.connect(peer),
  );
  bench.observe(snapshot, socket.family, pairKnown(socket.family, local, peer));
  const refused = waitUntil(() => tcpInfo(socket).state === TcpState.close, REFUSED_WITHIN_MS);
  socket.disconnect();
  observeError(bench, { socket, sk, local }, refused ? ECONNREFUSED : ECONNRESET);
}

/** Connects to a listener that does not answer, and gives up, which leaves another error than a refusal. */
export function plantAbandoned(bench: Bench, { socket, sk, local }: BoundSpecimen, peer: Endpoint): void {
  const { family } = socket;
  const known = pairKnown(family, local, peer);
  const begun = bench.before({ sk, from: TcpState.close, to: TcpState.syn_sent }, () => socket.connect(peer));
  bench.observe(begun, family, known);
  const waiting = { sk, from: TcpState.syn_sent, to: TcpState.close };
  bench.observe(
    bench.before(waiting, () => socket.disconnect()),
    family,
    { ...known, error: 0 },
  );
  observeError(bench, { socket, sk, local }, ECONNRESET);
}

/** The error that waits is still there when the socket listens, until it is asked for. */
function observeError(bench: Bench, { socket, sk, local }: BoundSpecimen, error: number): void {
  const known = localKnown(socket.family, local);
  bench.observe(bench.listenOnce(socket, sk), socket.family, { ...known, error });
  if (socket.takeError() !== error) throw new Error(`another error than ${error} waited on the socket`);
  bench.observe(bench.listenOnce(socket, sk), socket.family, { ...known, error: 0 });
}
