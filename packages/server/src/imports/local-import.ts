/** An imported file in this process, where no other one can be started. */
import { EventEmitter } from 'node:events';
import { serveImport } from './import-process.js';
import type { FromImport, ImportProcess, ToImport } from './import-protocol.js';

/** Stands in for the process. */
export class LocalImport extends EventEmitter implements ImportProcess {
  connected = true;
  readonly #close: () => Promise<void>;
  #handle: (message: ToImport) => void = () => {};

  constructor() {
    super();
    this.#close = serveImport({
      send: (message: FromImport) => this.emit('message', message),
      onMessage: (handle) => {
        this.#handle = handle;
      },
    });
  }

  /** Messages arrive later, as from one process to another. */
  send(message: ToImport): void {
    setImmediate(() => this.#handle(message));
  }

  kill(): void {
    if (!this.connected) return;
    this.connected = false;
    void this.#close().finally(() => this.emit('exit', 0, null));
  }
}
