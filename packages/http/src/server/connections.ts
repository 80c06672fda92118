/** The connections of servers, also those on which TLS has not begun. */
import type { Server, Socket } from 'node:net';
import type { ConnectionRate } from './connection-rate.js';

/** Bounds and ends them. */
export class Connections {
  readonly #open = new Set<Socket>();
  readonly #counts = new Map<string, number>();

  /**
   * Follows those of a server. What is beyond the limits is ended at once.
   *
   * @param perAddress Connections of one address at the same time.
   */
  follow(server: Server, perAddress = Number.POSITIVE_INFINITY, rate?: ConnectionRate): void {
    server.on('connection', (socket: Socket) => {
      const { remoteAddress = '' } = socket;
      const count = (this.#counts.get(remoteAddress) ?? 0) + 1;
      this.#counts.set(remoteAddress, count);
      this.#open.add(socket);
      socket.once('close', () => {
        this.#open.delete(socket);
        const left = (this.#counts.get(remoteAddress) ?? 1) - 1;
        if (left === 0) this.#counts.delete(remoteAddress);
        else this.#counts.set(remoteAddress, left);
      });
      if (count > perAddress || rate?.admits(remoteAddress, performance.now()) === false) socket.destroy();
    });
  }

  /** Ends all. */
  end(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
