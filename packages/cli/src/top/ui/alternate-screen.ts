/** The terminal's second screen, which leaves what was on the first as it was. */
import { writeSync } from 'node:fs';

/** DECSET 1049: save the cursor, switch, clear. DECTCEM: hide the cursor, show it. DECAWM: cut long lines, break them. */
const enter = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const leave = '\x1b[?7h\x1b[?25h\x1b[?1049l';

export class AlternateScreen implements Disposable {
  readonly #stream: NodeJS.WritableStream;
  readonly #atExit = () => this.#leaveNow();
  #entered = false;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
    // Whatever ends the process, an error in Weir too, the terminal gets its screen back.
    process.on('exit', this.#atExit);
  }

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    this.#stream.write(enter);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#stream.write(leave);
  }

  [Symbol.dispose](): void {
    this.leave();
    process.off('exit', this.#atExit);
  }

  #leaveNow(): void {
    if (!this.#entered) return;
    this.#entered = false;
    try {
      writeSync(1, leave);
    } catch {
      // The terminal is gone.
    }
  }
}
