/** A tracer and its live connections, over network namespaces of a test's own, while several tests use them. */
import assert from 'node:assert/strict';
import { type CloseRecord, type Connection, type LiveConnections, Tracer } from '../../src/index.js';
import type { End } from './load.js';
import type { TestNetns } from './netns.js';

const LIMIT_MS = 20_000;

/** Both ends of a connection, or of the records of its end. */
export interface Ends<T> {
  readonly client: T;
  readonly server: T;
}

/** Ports alone distinguish connections: they are not reused while a test runs. */
const key = ({ local, peer }: Pick<Connection, 'local' | 'peer'>) => `${local.port} ${peer.port}`;

export class Watch implements AsyncDisposable {
  readonly live: LiveConnections;
  readonly #tracer: Tracer;
  readonly #closes = new Map<string, CloseRecord>();
  readonly #reading: Promise<void>;

  private constructor(namespaces: readonly TestNetns[]) {
    this.#tracer = Tracer.start({ filter: { netns: namespaces.map(({ inode }) => inode) } });
    this.live = this.#tracer.connections({ udp: false });
    this.#reading = this.#read();
  }

  static async start(...namespaces: readonly TestNetns[]): Promise<Watch> {
    const watch = new Watch(namespaces);
    await watch.live.refresh();
    return watch;
  }

  async #read(): Promise<void> {
    for await (const record of this.#tracer)
      if (record.event === 'close') this.#closes.set(key(record), record);
  }

  /** The ends of a live connection, as they are now. */
  async ends({ client, server }: Ends<End>): Promise<Ends<Connection>> {
    await this.live.refresh();
    const found = new Map([...this.live].map((connection) => [key(connection), connection]));
    return both({ client, server }, (place) => found.get(place));
  }

  /** Waits until the end of a connection was reported, at both ends. */
  async closes({ client, server }: Ends<End>): Promise<Ends<CloseRecord>> {
    const places = [`${client.port} ${server.port}`, `${server.port} ${client.port}`];
    for (const deadline = Date.now() + LIMIT_MS; !places.every((place) => this.#closes.has(place)); ) {
      assert.ok(Date.now() < deadline, 'no record of a close');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return both({ client, server }, (place) => this.#closes.get(place));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tracer.stop();
    await this.#reading;
  }
}

function both<T>({ client, server }: Ends<End>, find: (place: string) => T | undefined): Ends<T> {
  const [here, there] = [find(`${client.port} ${server.port}`), find(`${server.port} ${client.port}`)];
  assert.ok(here !== undefined && there !== undefined, 'an end is missing');
  return { client: here, server: there };
}
