/** A history that another process has open. */
import { FormatError, OptionError } from '@weir/ebpf/errors';
import { HistoryError, InterruptedError } from '@weir/history';
import type { ApiHistory, Range } from '../api/history.js';
import {
  type ForwardedName,
  type FromImport,
  forwarded,
  type ImportProcess,
  type PlainError,
  type ToImport,
} from './import-protocol.js';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Passes questions on to a process, and ends it with itself. */
export class RemoteHistory implements Disposable {
  /** The questions. */
  readonly history: ApiHistory;
  readonly #child: ImportProcess;
  readonly #pending = new Map<number, Pending>();
  #last = 0;
  #opening: Pending | undefined;
  #end: Error | undefined;

  private constructor(child: ImportProcess) {
    this.#child = child;
    child.on('message', (message) => this.#handle(message as FromImport));
    child.on('error', (error) => this.#ended(error));
    child.on('exit', (code, signal) => {
      this.#ended(new HistoryError(`the process with the imported file has ended (${signal ?? code})`));
    });
    const questions = forwarded.map((name) => [name, (...values: unknown[]) => this.#ask(name, values)]);
    this.history = { ...Object.fromEntries(questions), watermark: undefined, readOnly: true } as ApiHistory;
  }

  /**
   * Opens a file in a process.
   *
   * @param temporary A folder for what is unpacked.
   * @throws FormatError for a damaged file, HistoryError where the process ended over it
   */
  static async open(child: ImportProcess, path: string, temporary: string) {
    const remote = new RemoteHistory(child);
    const range = await new Promise<unknown>((resolve, reject) => {
      remote.#opening = { resolve, reject };
      remote.#send({ kind: 'open', path, temporary });
    }).catch((error: Error) => {
      remote[Symbol.dispose]();
      throw error;
    });
    remote.#opening = undefined;
    return { remote, range: range as Range };
  }

  /** Whether the process has ended. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  #ask(name: ForwardedName, values: readonly unknown[]): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = ++this.#last;
    const signals = values.flatMap((value) => signalIn(value) ?? []);
    const signal = signals.length === 0 ? undefined : AbortSignal.any(signals);
    const abort = () => this.#send({ kind: 'abort', id });
    return new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send({ kind: 'ask', id, name, values: values.map(withoutSignal) });
      signal?.addEventListener('abort', abort, { once: true });
    }).finally(() => {
      this.#pending.delete(id);
      signal?.removeEventListener('abort', abort);
    });
  }

  #handle(message: FromImport): void {
    switch (message.kind) {
      case 'opened':
        this.#opening?.resolve(message.range);
        break;
      case 'failed':
        this.#opening?.reject(errorOf(message.error));
        break;
      case 'answer':
        this.#pending.get(message.id)?.resolve(message.value);
        break;
      case 'refusal':
        this.#pending.get(message.id)?.reject(errorOf(message.error));
    }
  }

  #ended(error: Error): void {
    this.#end ??= error;
    this.#opening?.reject(error);
    for (const { reject } of this.#pending.values()) reject(error);
  }

  #send(message: ToImport): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** Ends the process. */
  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

function signalIn(value: unknown): AbortSignal | undefined {
  const { signal } = (value ?? {}) as { readonly signal?: unknown };
  return signal instanceof AbortSignal ? signal : undefined;
}

function withoutSignal(value: unknown): unknown {
  return signalIn(value) === undefined ? value : { ...(value as object), signal: true };
}

const errorKinds: Readonly<Record<string, (message: string) => Error>> = {
  OptionError: (message) => new OptionError(message),
  FormatError: (message) => new FormatError(message),
  InterruptedError: (message) => new InterruptedError(message),
};

function errorOf({ name, message }: PlainError): Error {
  return errorKinds[name]?.(message) ?? new HistoryError(message);
}
