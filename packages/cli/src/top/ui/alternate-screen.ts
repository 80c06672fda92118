/** The terminal's second screen, which leaves what was on the first as it was. */
import type { OutputStream } from '../../output/output.js';

/** DECSET 1049: save the cursor, switch, clear. DECTCEM: hide the cursor, show it. DECAWM: cut long lines, break them. */
const enterSequence = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const leaveSequence = '\x1b[?7h\x1b[?25h\x1b[?1049l';

export class AlternateScreen {
  readonly #stream: OutputStream;
  #entered = false;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    this.#stream.write(enterSequence);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#stream.write(leaveSequence);
  }

  /** Leaves it while the process ends, past the stream and what it may still hold. */
  leaveNow(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#stream.writeNow?.(leaveSequence);
  }
}
