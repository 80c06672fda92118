/** The terminal UI: takes the terminal, and gives it back. */
import type { OutputStream } from '../../output/output.js';
import type { Size } from '../screen/screen.js';
import type { Store } from '../screen/store.js';
import { AbruptEnd } from './abrupt-end.js';
import { AlternateScreen } from './alternate-screen.js';
import { Keyboard } from './keyboard.js';
import { Painter } from './painter.js';
import type { Terminal } from './terminal.js';

/** A screen on the terminal, from its construction on; disposing gives the terminal back. */
export class Ui implements Disposable {
  readonly #store: Store;
  readonly #terminal: Terminal;
  readonly #keyboard: Keyboard;
  readonly #screen: AlternateScreen;
  readonly #painter: Painter;
  readonly #abruptEnd: AbruptEnd;
  readonly #unsubscribe: () => void;
  #isShown = false;
  #isPaintDue = false;
  readonly #onResize = () => this.#repaint();
  readonly #onStop = () => this.suspend();
  readonly #onContinue = () => {
    if (!this.#isShown) return;
    // The shell has changed the terminal's modes, and libuv sets raw mode only after a stop.
    this.#keyboard.stop();
    this.#keyboard.start();
    this.#repaint();
  };

  constructor(store: Store, terminal: Terminal) {
    this.#store = store;
    this.#terminal = terminal;
    this.#keyboard = new Keyboard(terminal.stdin, (key) => store.press(key));
    this.#screen = new AlternateScreen(terminal.stdout);
    this.#painter = new Painter(terminal.stdout);
    this.#abruptEnd = new AbruptEnd(() => {
      this.#screen.leaveNow();
      if (this.#isShown) this.#keyboard.stop();
      this.#isShown = false;
    });
    this.#unsubscribe = store.subscribe(() => this.#paintSoon());
    terminal.stdout.on('resize', this.#onResize);
    process.on('SIGTSTP', this.#onStop);
    process.on('SIGCONT', this.#onContinue);
    this.#show();
  }

  /** Gives the terminal back to the shell until it continues this job. */
  suspend(): void {
    this.#hide();
    process.off('SIGTSTP', this.#onStop);
    // The whole job gets the signal, as with the terminal's own Ctrl-Z: sudo and npx wait in it, too.
    process.kill(0, 'SIGTSTP');
    process.on('SIGTSTP', this.#onStop);
    this.#show();
  }

  [Symbol.dispose](): void {
    process.off('SIGTSTP', this.#onStop);
    process.off('SIGCONT', this.#onContinue);
    this.#terminal.stdout.off('resize', this.#onResize);
    this.#unsubscribe();
    this.#hide();
    this.#abruptEnd[Symbol.dispose]();
  }

  #show(): void {
    this.#isShown = true;
    this.#keyboard.start();
    this.#screen.enter();
    this.#repaint();
  }

  #hide(): void {
    this.#isShown = false;
    this.#keyboard.stop();
    this.#screen.leave();
  }

  /** Paints all lines, whatever the terminal has done to them, at its present size. */
  #repaint(): void {
    if (!this.#isShown) return;
    this.#store.setSize(terminalSize(this.#terminal.stdout));
    this.#painter.forget();
    this.#painter.paint(this.#store.lines());
  }

  /** Paints once for all the keys that arrived together. */
  #paintSoon(): void {
    if (this.#isPaintDue) return;
    this.#isPaintDue = true;
    queueMicrotask(() => {
      this.#isPaintDue = false;
      if (this.#isShown) this.#painter.paint(this.#store.lines());
    });
  }
}

export function terminalSize({ columns, rows }: OutputStream): Size {
  return { columns: columns || 80, rows: rows || 24 };
}
