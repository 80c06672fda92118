/** Connections that stay open, over which a request is made now and then. */
import { connect, type Socket } from 'node:net';

const request = 'GET / HTTP/1.1\r\nHost: web\r\n\r\n';
/** An answer is the real's number. */
const answer = /\r\n\r\n(\d+)$/;
/** What takes longer than any answer does. */
const patienceMs = 15_000;

export class HeldConnection {
  readonly #socket: Socket;
  #text = '';
  #real: number | undefined;
  #onAnswer: ((ok: boolean) => void) | undefined;
  #isBroken = false;

  /** @param address The service's address, port 80. */
  constructor(address: string) {
    this.#socket = connect({ host: address, port: 80, noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#onData(text));
    this.#socket.on('error', () => this.#end());
    this.#socket.on('close', () => this.#end());
  }

  /** The real that gave the last answer. */
  get real(): number | undefined {
    return this.#real;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Makes a request. A connection without an answer is broken from then on. */
  async ask(): Promise<void> {
    if (this.#isBroken) return;
    const { promise, timer } = this.#wait();
    this.#socket.write(request);
    const isAnswered = await promise;
    clearTimeout(timer);
    if (!isAnswered) this.#end();
  }

  close(): void {
    this.#socket.destroy();
  }

  #wait(): { promise: Promise<boolean>; timer: NodeJS.Timeout } {
    let timer!: NodeJS.Timeout;
    const promise = new Promise<boolean>((resolve) => {
      this.#onAnswer = resolve;
      timer = setTimeout(() => resolve(false), patienceMs);
    });
    return { promise, timer };
  }

  #onData(text: string): void {
    this.#text += text;
    const real = answer.exec(this.#text)?.[1];
    if (real === undefined) return;
    this.#text = '';
    this.#real = Number(real);
    this.#onAnswer?.(true);
  }

  #end(): void {
    this.#isBroken = true;
    this.#onAnswer?.(false);
    this.#socket.destroy();
  }
}

/** Opens connections, each with a first request. */
export async function holdConnections(address: string, count: number): Promise<HeldConnection[]> {
  const held = Array.from({ length: count }, () => new HeldConnection(address));
  await askAll(held);
  return held;
}

export async function askAll(held: readonly HeldConnection[]): Promise<void> {
  await Promise.all(held.map((each) => each.ask()));
}
