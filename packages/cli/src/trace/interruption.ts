/** Signals that end a session: the first one gently, the second one at once. */
import { constants } from 'node:os';

const signalNames = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndSignal = (typeof signalNames)[number];

/** The part of `process` that is used. */
export interface SignalSource {
  on(signal: EndSignal, listener: (signal: EndSignal) => void): unknown;
  off(signal: EndSignal, listener: (signal: EndSignal) => void): unknown;
}

export class Interruption implements Disposable {
  /** The signal that came first. */
  received: EndSignal | undefined;
  readonly #source: SignalSource;
  readonly #listener: (signal: EndSignal) => void;
  readonly #names: readonly EndSignal[];

  /** `end` is called once; `force` with the exit status that shells give for a signal. */
  constructor(
    source: SignalSource,
    end: () => void,
    force: (exitCode: number) => void,
    names: readonly EndSignal[] = signalNames,
  ) {
    this.#source = source;
    this.#names = names;
    this.#listener = (signal) => {
      if (this.received !== undefined) {
        force(statusOf(signal));
        return;
      }
      this.received = signal;
      end();
    };
    for (const name of names) source.on(name, this.#listener);
  }

  /** The exit status that shells give for the signal that came; undefined where none did. */
  get exitCode(): number | undefined {
    return this.received && statusOf(this.received);
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) this.#source.off(name, this.#listener);
  }
}

function statusOf(signal: EndSignal): number {
  return 128 + constants.signals[signal];
}
