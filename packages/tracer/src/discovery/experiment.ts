/** The state that the experiments of one discovery share: the program, the sockets, and the observations. */

import { constants } from 'node:os';
import { SyscallError } from '@weir/ebpf';
import { type CapabilityName, isTransient } from '@weir/ebpf/sys';
import { randomInt } from '../random.js';
import { TcpState } from '../sockets/tcp-state.js';
import type { Image } from './image.js';
import type { Observation, Observations, PointerObservation, TaskObservation } from './observations.js';
import type { Change, Snapshot, SnapshotOptions, Snapshots } from './snapshot.js';
import { AddressFamily, type Endpoint, mapped, type SocketPool, type TestSocket } from './sockets.js';

/** The known values of a socket besides its state. */
export type Known = Omit<Observation, 'image' | 'state' | 'family'>;

/** A socket of the experiments, whose address in the kernel is known. */
export interface ProbeSocket {
  readonly socket: TestSocket;
  readonly sk: bigint;
  readonly local?: Endpoint;
}

/** A probe socket that is bound. */
export interface BoundProbeSocket extends ProbeSocket {
  readonly local: Endpoint;
}

interface BeforeOptions extends SnapshotOptions {
  readonly isIt?: (image: Image) => boolean;
}

export class Experiment implements Observations {
  readonly images: Observation[] = [];
  readonly pointers: PointerObservation[] = [];
  readonly tasks: TaskObservation[] = [];
  readonly taskCopies = new Map<bigint, Image>();
  readonly snapshots: Snapshots;
  readonly sockets: SocketPool;
  /** Reasons why experiments failed. */
  readonly failures: string[] = [];
  /** Whether one failed for reasons of the moment, such as too many open files. */
  transient = false;
  /** Whether something happened meanwhile that kept one from showing what it should. */
  disturbed = false;

  constructor(snapshots: Snapshots, sockets: SocketPool) {
    this.snapshots = snapshots;
    this.sockets = sockets;
  }

  /**
   * Runs an experiment. If it fails, because something is missing or forbidden here, its observations so far still count.
   *
   * @param needs The capability without which the kernel forbids it.
   */
  attempt(what: string, experiment: () => void, needs?: CapabilityName): void {
    try {
      experiment();
    } catch (error) {
      const refused = error instanceof SyscallError;
      this.transient ||= refused && isTransient(error.errno);
      this.disturbed ||= !refused || isTransient(error.errno);
      const isForbidden = refused && error.errno === constants.errno.EPERM;
      const advice = isForbidden && needs !== undefined ? `, it needs ${needs}` : '';
      const failure = `${what}: ${error instanceof Error ? error.message : String(error)}${advice}`;
      if (!this.failures.includes(failure)) this.failures.push(failure);
    }
  }

  /** Records that an observation is missing, for a reason that may not be there the next time. */
  disturb(why: string): void {
    this.disturbed = true;
    this.failures.push(why);
  }

  /**
   * Returns the socket as it was just before `action` made a certain change; undefined if that was not seen, or if it cannot be
   * distinguished from another socket's change at the same time.
   *
   * @param isIt Recognises the socket by its contents, where its address is not known.
   */
  before(
    change: Change,
    action: (seen: () => number) => void,
    { isIt = () => true, ...options }: BeforeOptions = {},
  ): Snapshot | undefined {
    const [first, ...others] = this.snapshots
      .take(change, action, options)
      .filter(({ image }) => isIt(image));
    if (first !== undefined && others.length === 0) return first;
    this.disturb(`${others.length === 0 ? 'no' : 'more than one'} change of state was seen`);
    return undefined;
  }

  /** Records the known values of a socket in a snapshot. */
  observe(snapshot: Snapshot | undefined, family: number, known: Known): void {
    if (snapshot === undefined) return;
    this.images.push({ image: snapshot.image, state: snapshot.from, family, ...known });
  }

  /** Listens and stops again, which changes the state twice and needs no network. */
  listenOnce(
    socket: TestSocket,
    sk: bigint | undefined,
    options: SnapshotOptions = {},
  ): Snapshot | undefined {
    const listening = { sk, from: TcpState.close, to: TcpState.listen };
    const snapshot = this.before(listening, () => socket.listen(), options);
    socket.disconnect();
    return snapshot;
  }
}

/** A random end on the loopback device, with a port that is another number in the other byte order. */
export function randomEndpoint(): Endpoint {
  for (;;) {
    const port = randomInt(20_000, 60_000);
    const octet = () => randomInt(1, 255);
    const address = ((127 << 24) | (octet() << 16) | (octet() << 8) | octet()) >>> 0;
    if (port >>> 8 !== (port & 255)) return { address, port };
  }
}

/** The known values of a bound socket. */
export function localKnown(family: number, { address, port }: Endpoint): Known {
  return family === AddressFamily.ipv4
    ? { localAddress: address, localPort: port }
    : { localAddress6: mapped(address), localPort: port };
}

/** The known values of a bound socket with a peer. */
export function pairKnown(family: number, local: Endpoint, peer: Endpoint): Known {
  const { port } = peer;
  const peerKnown: Known =
    family === AddressFamily.ipv4
      ? { peerAddress: peer.address, peerPort: port }
      : { peerAddress6: mapped(peer.address), peerPort: port };
  return { ...localKnown(family, local), ...peerKnown };
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Waits until a condition holds, and checks it repeatedly; returns whether it held in time. */
export function waitUntil(holds: () => boolean, milliseconds: number): boolean {
  const end = performance.now() + milliseconds;
  for (let attempt = 0; ; attempt++) {
    if (holds()) return true;
    if (performance.now() > end) return false;
    // Over loopback, most actions are complete when the system call returns.
    if (attempt > 3) Atomics.wait(pause, 0, 0, 1);
  }
}
