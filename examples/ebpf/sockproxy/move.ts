/** A pair of sockets whose bytes the kernel moves. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyscallError, type TypedMap } from '@weir/ebpf';
import { descriptor, getOption, setOption } from '../sockets.js';
import type { load } from './generated/sockproxy.js';

const [SOL_SOCKET, SO_RCVLOWAT, SO_COOKIE] = [1, 18, 57];
const [IPPROTO_TCP, TCP_INFO, offsetOfBytesAcked] = [6, 11, 120];

type Tool = ReturnType<typeof load>;

/** One of a pair of sockets: what it receives, the kernel sends on the other. */
class End {
  readonly #maps: Tool['maps'];
  readonly #socket: Socket;
  readonly #place: number;
  readonly #fd: number;
  readonly #cookie: bigint;
  readonly #ackedBefore: bigint;
  readonly #isTarget: boolean;
  #isSource = false;

  constructor({ maps }: Tool, socket: Socket, place: number) {
    this.#maps = maps;
    this.#socket = socket;
    this.#place = place;
    this.#fd = descriptor(socket);
    this.#cookie = getOption(this.#fd, SOL_SOCKET, SO_COOKIE).getBigUint64(0, true);
    this.#ackedBefore = this.#bytesAcked();
    this.#isTarget = this.#enter(maps.targets);
  }

  /** From now on the program has what is received, where it can send that on the other. */
  start(other: End): void {
    if (!other.#isTarget) return;
    this.#maps.moved.set(this.#place, 0n);
    this.#maps.places.set(this.#cookie, this.#place);
    this.#isSource = this.#enter(this.#maps.sources);
    // It takes no notice of what was received before; setting this option makes the kernel announce that again.
    if (this.#isSource) setOption(this.#fd, SOL_SOCKET, SO_RCVLOWAT, 1);
  }

  get isMovedByKernel(): boolean {
    return this.#isSource;
  }

  /** Bytes that were moved from here to the other end. */
  get moved(): bigint {
    return this.#isSource ? this.#maps.moved.get(this.#place)! : BigInt(this.#socket.bytesRead);
  }

  /** Passes the end of the stream on, once the other side has all that came before it. */
  async finish(other: End): Promise<void> {
    if (this.#isSource) {
      await once(this.#socket.resume(), 'end');
      while (other.#bytesAcked() - other.#ackedBefore < this.moved) await sleep(5);
      other.#socket.end();
    } else {
      this.#socket.pipe(other.#socket);
    }
    await once(other.#socket, 'finish');
  }

  close(): void {
    this.#maps.places.delete(this.#cookie);
    this.#socket.destroy();
  }

  /** The kernel lets no socket in whose other side has ended its stream already. */
  #enter(map: TypedMap<number, number>): boolean {
    try {
      map.set(this.#place, this.#fd);
      return true;
    } catch (error) {
      if (error instanceof SyscallError && error.errno === constants.errno.EOPNOTSUPP) return false;
      throw error;
    }
  }

  #bytesAcked(): bigint {
    if (this.#socket.destroyed) throw new Error('the connection was reset');
    return getOption(this.#fd, IPPROTO_TCP, TCP_INFO).getBigUint64(offsetOfBytesAcked, true);
  }
}

/** How much a pair has moved, and who did it: the kernel, this process where one side had ended early, or each one way. */
interface Moved {
  readonly sent: bigint;
  readonly received: bigint;
  readonly by: 'kernel' | 'process' | 'both';
}

/**
 * Moves what two sockets receive, each to the other, until both sides have ended; closes them then.
 *
 * @param place An even number below the size of the maps that no other pair has now.
 * @throws Error when a connection is reset.
 */
export async function move(tool: Tool, client: Socket, server: Socket, place: number): Promise<Moved> {
  const near = new End(tool, client, place);
  const far = new End(tool, server, place + 1);
  try {
    near.start(far);
    far.start(near);
    await Promise.all([near.finish(far), far.finish(near)]);
    const byKernel = [near, far].filter(({ isMovedByKernel }) => isMovedByKernel).length;
    return { sent: near.moved, received: far.moved, by: (['process', 'both', 'kernel'] as const)[byKernel]! };
  } finally {
    near.close();
    far.close();
  }
}
