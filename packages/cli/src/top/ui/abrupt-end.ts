/** Ends of the process that pass by every `using` and `finally`. */

/** Signals that end the process, are no part of its orderly end (trace/interruption.ts), and can be caught. */
const fatalSignals = ['SIGQUIT', 'SIGABRT', 'SIGALRM', 'SIGUSR2', 'SIGXCPU', 'SIGXFSZ'] as const;

/** Calls `restore` before the process ends by itself, by an error that nobody catches, or by a signal. */
export class AbruptEnd implements Disposable {
  readonly #restore: () => void;
  readonly #onSignal: (signal: NodeJS.Signals) => void;

  constructor(restore: () => void) {
    this.#restore = restore;
    this.#onSignal = (signal) => {
      restore();
      this[Symbol.dispose]();
      // Nobody catches it any more, so it does what it would have done.
      process.kill(process.pid, signal);
    };
    process.on('exit', restore);
    // Node.js prints the error after this, on the screen that stays.
    process.on('uncaughtExceptionMonitor', restore);
    for (const signal of fatalSignals) process.on(signal, this.#onSignal);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#restore);
    process.off('uncaughtExceptionMonitor', this.#restore);
    for (const signal of fatalSignals) process.off(signal, this.#onSignal);
  }
}
