/** Writing to a terminal: its size, and whether it is still there. */
import { isatty, WriteStream } from 'node:tty';
import { DescriptorStream } from './descriptor-stream.js';
import { closeQuietly, openToWrite } from './own-file.js';

const HANGUP_CHECK_MS = 1000;

/** The size of a terminal; empty where it does not know it. */
interface WindowSize {
  readonly columns?: number;
  readonly rows?: number;
}

/** A terminal's stream emits `resize`, and ends with EIO, as a write would, when the terminal goes away. */
export class TerminalStream extends DescriptorStream {
  readonly isTTY = true;
  #size: WindowSize;
  readonly #onWindowChange = () => this.#measure();
  readonly #hangupCheck: NodeJS.Timeout;

  constructor(fd: number) {
    super(fd);
    this.#size = windowSize(fd);
    process.on('SIGWINCH', this.#onWindowChange);
    // A host on which nothing happens gives no reason to write, and nothing but a write would fail.
    this.#hangupCheck = setInterval(() => this.#checkHangup(), HANGUP_CHECK_MS).unref();
  }

  /** Columns; undefined where a terminal does not know its size. */
  get columns(): number | undefined {
    return this.#size.columns;
  }

  get rows(): number | undefined {
    return this.#size.rows;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#hangupCheck);
    process.off('SIGWINCH', this.#onWindowChange);
    super._destroy(error, callback);
  }

  #measure(): void {
    const { columns, rows } = this.#size;
    this.#size = windowSize(this.fd);
    if (this.#size.columns !== columns || this.#size.rows !== rows) this.emit('resize');
  }

  #checkHangup(): void {
    if (isatty(this.fd)) return;
    this.destroy(Object.assign(new Error('the terminal is gone'), { code: 'EIO' }));
  }
}

/** Asks libuv, which changes the open file that it gets: it gets one of its own. */
function windowSize(fd: number): WindowSize {
  const own = openToWrite(fd);
  if (typeof own === 'string') return {};
  try {
    const window = new WriteStream(own.fd);
    window.on('error', () => undefined);
    const { columns, rows } = window;
    window.destroy();
    return { ...(columns > 0 && { columns }), ...(rows > 0 && { rows }) };
  } catch {
    // The terminal has just gone away.
    closeQuietly(own.fd);
    return {};
  }
}
