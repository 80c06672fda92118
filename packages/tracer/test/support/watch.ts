/** A tracer and a connection table, over network namespaces of a test's own, while several tests use them. */
import assert from 'node:assert/strict';
import { type Connection, ConnectionTable, processFinder } from '../../src/connections/index.js';
import { type CloseRecord, type ConnectionRecord, Tracer } from '../../src/index.js';
import { SocketOwners, SocketReader } from '../../src/sockets/index.js';
import type { End } from './load.js';
import type { TestNetns } from './netns.js';

const LIMIT_MS = 20_000;

/** Both ends of a connection, or of the records of its end. */
export interface Ends<T> {
  readonly client: T;
  readonly server: T;
}

type Place = { readonly local: { readonly port: number }; readonly peer: { readonly port: number } };

/** Ports alone tell them apart: they are not used again while a test runs. */
const key = ({ local, peer }: Place) => `${local.port} ${peer.port}`;

export class Watch implements AsyncDisposable {
  readonly table = new ConnectionTable();
  readonly tracer: Tracer;
  readonly #closes = new Map<string, CloseRecord>();
  readonly #reader: SocketReader;
  readonly #owners = new SocketOwners({ retryMs: 0 });
  readonly #findProcess = processFinder(this.#owners);
  readonly #reading: Promise<void>;

  constructor(...namespaces: readonly TestNetns[]) {
    const netns = namespaces.map(({ inode }) => inode);
    this.#reader = new SocketReader({ netns, namespacesMs: 0 });
    this.tracer = Tracer.start({ filter: { netns } });
    this.#reading = this.#read();
    this.refresh();
  }

  async #read(): Promise<void> {
    for await (const record of this.tracer) {
      if (record.event === 'lost' || record.event === 'fd_install') continue;
      this.table.record(record);
      this.#keep(record);
    }
  }

  #keep(record: ConnectionRecord): void {
    if (record.event === 'close') this.#closes.set(key(record), record);
  }

  /** Reads all sockets, after which every live one has its process. */
  refresh(): void {
    // The first time asks for owners, which are there the second time.
    this.table.refresh(this.#reader, this.#findProcess);
    this.#owners.step(Number.POSITIVE_INFINITY);
    this.table.refresh(this.#reader, this.#findProcess);
  }

  /** The ends of a live connection, as of the last refresh. */
  live({ client, server }: Ends<End>): Ends<Connection> {
    const found = new Map([...this.table.connections()].map((connection) => [key(connection), connection]));
    return both({ client, server }, (place) => found.get(place));
  }

  /** Waits until both ends of a connection were told. */
  async closes({ client, server }: Ends<End>): Promise<Ends<CloseRecord>> {
    const places = [`${client.port} ${server.port}`, `${server.port} ${client.port}`];
    await this.until(() => places.every((place) => this.#closes.has(place)), 'no record of a close');
    return both({ client, server }, (place) => this.#closes.get(place));
  }

  /** Lets records come until something is so. */
  async until(condition: () => boolean, otherwise: string): Promise<void> {
    for (const deadline = Date.now() + LIMIT_MS; !condition(); ) {
      assert.ok(Date.now() < deadline, otherwise);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tracer.stop();
    await this.#reading;
  }
}

function both<T>({ client, server }: Ends<End>, find: (place: string) => T | undefined): Ends<T> {
  const [here, there] = [find(`${client.port} ${server.port}`), find(`${server.port} ${client.port}`)];
  assert.ok(here !== undefined && there !== undefined, 'an end is missing');
  return { client: here, server: there };
}
