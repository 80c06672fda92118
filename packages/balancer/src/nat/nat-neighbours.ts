/** Has the host find out the next hops towards reals: programs can only use what the host's neighbour table has. */
import { createSocket, type Socket } from 'node:dgram';

/** The discard service: what comes to it is thrown away. */
const DISCARD = 9;
/** Entries that are in use by programs alone look idle to the kernel, which may drop them in time. */
const INTERVAL_MS = 30_000;

/** Sends each real an empty datagram now and then, until it is disposed of. What comes of it does not matter. */
export class NatNeighbours implements Disposable {
  readonly #sockets: { readonly 4: Socket; readonly 6: Socket };
  readonly #timer: NodeJS.Timeout;
  readonly #addresses: () => readonly string[];

  /** @param addresses says which reals there are now. */
  constructor(addresses: () => readonly string[]) {
    this.#addresses = addresses;
    this.#sockets = { 4: silent('udp4'), 6: silent('udp6') };
    this.#timer = setInterval(() => this.ask(), INTERVAL_MS);
    this.#timer.unref();
  }

  ask(): void {
    for (const address of this.#addresses()) {
      this.#sockets[address.includes(':') ? 6 : 4].send('', DISCARD, address, () => undefined);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#sockets[4].close();
    this.#sockets[6].close();
  }
}

function silent(type: 'udp4' | 'udp6'): Socket {
  const socket = createSocket(type);
  socket.on('error', () => undefined);
  socket.unref();
  return socket;
}
