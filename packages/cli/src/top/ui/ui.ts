/** The terminal UI: takes the terminal, and gives it back. */
import type { Size } from '../screen/screen.js';
import type { Store } from '../screen/store.js';
import { AlternateScreen } from './alternate-screen.js';
import { mount } from './app.js';
import { Painter } from './painter.js';
import type { Terminal } from './terminal.js';

/** What is on the terminal now; disposing gives it back. */
export class Ui implements Disposable {
  readonly #store: Store;
  readonly #terminal: Terminal;
  readonly #screen: AlternateScreen;
  readonly #painter: Painter;
  #instance: ReturnType<typeof mount> | undefined;
  readonly #onResize = () => this.#redraw();
  readonly #onStop = () => this.suspend();
  readonly #onContinue = () => {
    // The shell has set the terminal to its own liking.
    if (this.#instance !== undefined) this.#terminal.stdin.setRawMode(true);
    this.#redraw();
  };

  constructor(store: Store, terminal: Terminal) {
    this.#store = store;
    this.#terminal = terminal;
    this.#screen = new AlternateScreen(terminal.stdout);
    this.#painter = new Painter(terminal.stdout);
    this.#show();
    terminal.stdout.on('resize', this.#onResize);
    process.on('SIGTSTP', this.#onStop);
    process.on('SIGCONT', this.#onContinue);
  }

  /** Gives the terminal back to the shell until it continues this job. */
  suspend(): void {
    this.#hide();
    process.off('SIGTSTP', this.#onStop);
    // To the whole job, as the terminal does with Ctrl-Z: sudo and npx wait in it, too.
    process.kill(0, 'SIGTSTP');
    process.on('SIGTSTP', this.#onStop);
    this.#show();
  }

  [Symbol.dispose](): void {
    process.off('SIGTSTP', this.#onStop);
    process.off('SIGCONT', this.#onContinue);
    this.#terminal.stdout.off('resize', this.#onResize);
    this.#hide();
    this.#screen[Symbol.dispose]();
  }

  #show(): void {
    this.#screen.enter();
    this.#store.setSize(terminalSize(this.#terminal.stdout));
    this.#painter.forget();
    this.#instance = mount(this.#store, { stdin: this.#terminal.stdin, stdout: this.#painter });
  }

  #hide(): void {
    this.#instance?.unmount();
    this.#instance = undefined;
    this.#screen.leave();
  }

  /** Whatever the terminal has done to the lines. */
  #redraw(): void {
    if (this.#instance === undefined) return;
    this.#instance.unmount();
    this.#show();
  }
}

export function terminalSize({ columns, rows }: NodeJS.WriteStream): Size {
  return { columns: columns || 80, rows: rows || 24 };
}
