/** Signals that end a session: the first one gently, the second one at once. */
import { constants } from 'node:os';

const signalNames = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndSignal = (typeof signalNames)[number];

/** timeout(1) sends its signal to the process and to its group, so it comes twice: that is one signal. */
const ECHO_MS = 100;

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
    let receivedMs = 0;
    this.#listener = (signal) => {
      if (signal === this.received && performance.now() - receivedMs < ECHO_MS) return;
      if (this.received !== undefined) {
        force(statusOf(signal));
        return;
      }
      this.received = signal;
      receivedMs = performance.now();
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
