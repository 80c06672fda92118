/** Makes the host resolve the next hops towards reals: programs can only use the host's neighbour table. */
import { createSocket, type Socket } from 'node:dgram';

/** The discard service, which throws datagrams away. */
const DISCARD_PORT = 9;
/** The kernel drops entries that only programs use, since they look idle. */
const intervalMs = 30_000;

/** Sends each real an empty datagram at intervals, until it is disposed of. Answers and errors do not matter. */
export class NatNeighbours implements Disposable {
  readonly #sockets: { readonly 4: Socket; readonly 6: Socket };
  readonly #timer: NodeJS.Timeout;
  readonly #addresses: () => readonly string[];

  /** @param addresses Returns the addresses of the present reals. */
  constructor(addresses: () => readonly string[]) {
    this.#addresses = addresses;
    this.#sockets = { 4: silent('udp4'), 6: silent('udp6') };
    this.#timer = setInterval(() => this.ask(), intervalMs);
    this.#timer.unref();
  }

  /** Sends the datagrams now. */
  ask(): void {
    for (const address of this.#addresses()) {
      this.#sockets[address.includes(':') ? 6 : 4].send('', DISCARD_PORT, address, () => undefined);
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
