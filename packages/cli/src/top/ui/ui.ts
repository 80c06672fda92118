/** Shows the screen until somebody has seen enough. */
import type { Size } from '../screen/screen.js';
import type { Store } from '../screen/store.js';
import { AlternateScreen } from './alternate-screen.js';
import { mount, type Terminal } from './app.js';

/** What is on the terminal now; disposing gives the terminal back. */
export class Ui implements Disposable {
  readonly #store: Store;
  readonly #terminal: Terminal;
  readonly #screen: AlternateScreen;
  #instance: ReturnType<typeof mount> | undefined;
  readonly #onResize = () => this.#redraw();
  readonly #onStop = () => this.suspend();
  readonly #onContinue = () => this.#redraw();

  constructor(store: Store, terminal: Terminal) {
    this.#store = store;
    this.#terminal = terminal;
    this.#screen = new AlternateScreen(terminal.stdout);
    this.#show();
    // Before Ink's own listener, which knows neither of the height nor of what the terminal did to the lines.
    terminal.stdout.prependListener('resize', this.#onResize);
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
    this.#instance = mount(this.#store, this.#terminal);
  }

  #hide(): void {
    this.#instance?.unmount();
    this.#instance = undefined;
    this.#screen.leave();
  }

  #redraw(): void {
    if (this.#instance === undefined) return;
    this.#instance.unmount();
    this.#terminal.stdout.write('\x1b[H\x1b[2J');
    this.#show();
  }
}

/** Ink ends what it writes with a line break, which takes the last row. */
export function terminalSize({ columns, rows }: NodeJS.WriteStream): Size {
  return { columns: columns || 80, rows: Math.max(1, (rows || 24) - 1) };
}
