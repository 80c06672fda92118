/** Ownership of file descriptors. */
import { closeSync } from 'node:fs';
import { EbpfError } from '../errors.js';

/**
 * An open file descriptor that closes when disposed of. Every descriptor of this library is close-on-exec: the bpf
 * system call makes them so, all others ask for it.
 */
export class Fd implements Disposable {
  #fd: number;

  /** Takes ownership of an open descriptor. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The descriptor's number. @throws EbpfError once it is closed. */
  get fd(): number {
    if (this.#fd < 0) throw new EbpfError('the file descriptor was already closed');
    return this.#fd;
  }

  /** Whether the descriptor was closed. */
  get closed(): boolean {
    return this.#fd < 0;
  }

  /**
   * Gives up ownership: returns the open descriptor, which is then the caller's to close.
   *
   * @throws EbpfError once closed.
   */
  release(): number {
    const fd = this.fd;
    this.#fd = -1;
    return fd;
  }

  /** Closes the descriptor. Doing so again has no effect. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    closeSync(fd);
  }
}
