/**
 * A load generator, as a process: it sends HTTP requests to some addresses, over kept and over new connections.
 * Arguments: port, kept connections to each address, loops of new connections to each address, addresses. It prints a
 * line of JSON for each failure, and every tenth of a second the number of requests that each real has answered since the
 * last line.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadLine } from './load.js';

const [port, kept, fresh, ...addresses] = process.argv.slice(2);
/** Time between requests of a connection, milliseconds. */
const PAUSE = 5;
/** Time after which a request counts as unanswered, milliseconds. */
const TIMEOUT = 2000;
const HEADER = 'GET / HTTP/1.1\r\nHost: test\r\n';
/** The end of a real's answer. */
const ANSWER = /real (\d+)\n$/;

let answers: Record<string, number> = {};

function print(line: LoadLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A connection, and the real at its other end once that has answered. */
class Connection {
  readonly #socket: Socket;
  real: string | undefined;
  #text = '';
  #pending: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #error: Error | undefined;

  constructor(address: string) {
    this.#socket = connect({ host: address, port: Number(port) });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (data) => {
      this.#text += data.toString();
      const real = ANSWER.exec(this.#text)?.[1];
      if (real === undefined) return;
      this.#text = '';
      if (this.real !== undefined && this.real !== real) this.#fail(new Error(`answered by real ${real}`));
      this.real = real;
      this.#pending?.resolve();
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('closed')));
  }

  async request(last: boolean): Promise<void> {
    const deadline = setTimeout(() => this.#fail(new Error('no answer')), TIMEOUT);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#pending = { resolve, reject };
        if (this.#error !== undefined) reject(this.#error);
        else this.#socket.write(last ? `${HEADER}Connection: close\r\n\r\n` : `${HEADER}\r\n`);
      });
      answers[this.real!] = (answers[this.real!] ?? 0) + 1;
    } finally {
      clearTimeout(deadline);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#pending?.reject(this.#error);
  }
}

async function keep(address: string): Promise<never> {
  for (;;) {
    const connection = new Connection(address);
    try {
      for (;;) {
        await connection.request(false);
        await sleep(PAUSE);
      }
    } catch (error) {
      fail('kept', address, connection, error);
    }
    connection.close();
    await sleep(PAUSE);
  }
}

async function renew(address: string): Promise<never> {
  for (;;) {
    const connection = new Connection(address);
    try {
      await connection.request(true);
    } catch (error) {
      fail('new', address, connection, error);
    }
    connection.close();
    await sleep(PAUSE);
  }
}

function fail(kind: 'kept' | 'new', address: string, { real }: Connection, error: unknown): void {
  const { code, message } = error as Error & { code?: string };
  print({ failure: { kind, address, real, error: code ?? message } });
}

for (const address of addresses) {
  for (let i = 0; i < Number(kept); i++) void keep(address);
  for (let i = 0; i < Number(fresh); i++) void renew(address);
}
setInterval(() => {
  print({ answers });
  answers = {};
}, 100);
