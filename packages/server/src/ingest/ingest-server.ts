/** The server's end of the socket: takes batches of collectors, and acknowledges what is stored. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { FormatError, OptionError } from '@weir/ebpf/errors';
import { listenOnSocket, removeStaleSocket } from '@weir/ebpf/sys';
import type { Batch } from '@weir/history/schema';
import { seldom } from '../spool/seldom.js';
import type { FoundFlow, LookupRequest, SeenBalancers } from '../wire/balancer-messages.js';
import { decodeColumns } from '../wire/decode-batch.js';
import { type Frame, FrameReader, jsonFrame } from '../wire/frame.js';
import { type CollectorView, expectMessage, readMessage } from '../wire/messages.js';
import { agree, type Versions } from '../wire/versions.js';
import { LookupError, PendingLookups } from './pending-lookups.js';
import type { BatchStore } from './store.js';

/** How a server takes batches. */
export interface IngestServerOptions {
  /** A path that only its owner and root may use, or a descriptor that listens already. */
  readonly socket: string | number;
  /** Permissions of a socket with a path: only those who may write to it can connect. Default 0600. */
  readonly mode?: number;
  readonly store: BatchStore;
  readonly versions: Versions;
  /** What is added to a batch before it is stored. */
  readonly addTo?: (batch: Batch) => Batch;
  /** Called with each batch after it was stored, in order. The next one is read into the same memory: see {@link BatchStore.append}. */
  readonly onBatch?: (batch: Batch) => void;
  /** Reports connections that could not be served, and batches that were rejected. */
  readonly onProblem: (message: string) => void;
  /** Called with the balancers of a collector's host, each few seconds. */
  readonly onBalancers?: (seen: SeenBalancers) => void;
  /** Called when the number of connected collectors changes. */
  readonly onCollectors?: (count: number) => void;
}

/** A collector that is connected. */
export interface ConnectedCollector {
  /** Version of Weir. */
  readonly version: string;
  /** What it sees; absent where it does not say. */
  readonly view?: CollectorView;
}

const HELLO_TIMEOUT_MS = 10_000;
const MAX_COLLECTORS = 8;

/** Takes batches until it is closed. */
export class IngestServer implements AsyncDisposable {
  readonly #options: IngestServerOptions;
  readonly #say: (message: string) => void;
  readonly #server: Server;
  readonly #collectors = new Set<CollectorConnection>();
  #isClosing = false;

  /** Listens. @throws OptionError if a process listens on the path already; Error of the system */
  static async listen(options: IngestServerOptions): Promise<IngestServer> {
    const { socket } = options;
    const server = createServer();
    const ingest = new IngestServer(options, server);
    if (typeof socket === 'number') {
      server.listen({ fd: socket });
      await once(server, 'listening');
    } else {
      if (!(await removeStaleSocket(socket))) throw new OptionError(`a process listens on ${socket} already`);
      await listenOnSocket(server, socket, options.mode ?? 0o600);
    }
    return ingest;
  }

  private constructor(options: IngestServerOptions, server: Server) {
    this.#options = options;
    this.#say = seldom(options.onProblem);
    this.#server = server;
    server.maxConnections = MAX_COLLECTORS;
    server.on('connection', (socket) => void this.#serve(socket));
  }

  /** Number of collectors that are connected. */
  get collectors(): number {
    return this.#collectors.size;
  }

  /** Collectors that have said who they are. */
  get connected(): ConnectedCollector[] {
    return [...this.#collectors].flatMap(({ collector }) => collector ?? []);
  }

  /**
   * Asks a balancer about a flow.
   *
   * @throws LookupError where no collector knows that balancer, it refuses the flow, or there is no answer
   */
  lookUp(request: Omit<LookupRequest, 'id'>): Promise<FoundFlow> {
    const { balancer } = request;
    const connection = [...this.#collectors].find(({ balancers }) => balancers.has(balancer));
    if (connection === undefined)
      throw new LookupError('missing', `no balancer ${balancer} runs on a host of these collectors`);
    return connection.lookUp(request);
  }

  async #serve(socket: Socket): Promise<void> {
    const connection = new CollectorConnection(socket, this.#options);
    this.#collectors.add(connection);
    this.#options.onCollectors?.(this.#collectors.size);
    try {
      await connection.serve();
    } catch (error) {
      if (!this.#isClosing) this.#say(`a collector's connection ended: ${(error as Error).message}`);
    } finally {
      socket.destroy();
      this.#collectors.delete(connection);
      this.#options.onCollectors?.(this.#collectors.size);
    }
  }

  /** Stops listening; a batch that is being stored is stored and acknowledged. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await Promise.all([...this.#collectors].map((connection) => connection.stop()));
    await closed;
  }
}

/** The connection of one collector. One batch is stored at a time; the next ones wait in the socket. */
class CollectorConnection {
  readonly #socket: Socket;
  readonly #options: IngestServerOptions;
  /** Who it is, once it has said so. */
  collector: ConnectedCollector | undefined;
  /** Names of the balancers of its host. */
  balancers: ReadonlySet<string> = new Set();
  readonly #lookups: PendingLookups;
  #isStopping = false;
  #work: Promise<void> = Promise.resolve();

  constructor(socket: Socket, options: IngestServerOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#lookups = new PendingLookups((request) => {
      socket.write(jsonFrame('lookup', request));
    });
  }

  lookUp(request: Omit<LookupRequest, 'id'>): Promise<FoundFlow> {
    return this.#lookups.ask(request);
  }

  async serve(): Promise<void> {
    const deadline = setTimeout(() => {
      if (this.collector === undefined) this.#socket.destroy(new Error('it did not say hello'));
    }, HELLO_TIMEOUT_MS);
    try {
      // One frame is handled after the other, and nothing keeps its payload.
      const reader = new FrameReader({ reuse: true });
      for await (const piece of this.#socket as AsyncIterable<Buffer>) {
        for (const frame of reader.push(piece)) {
          if (this.#isStopping) return;
          this.#work = this.#handle(frame);
          await this.#work;
          if (frame.name === 'goodbye') return;
        }
      }
    } finally {
      clearTimeout(deadline);
      this.#lookups.end();
    }
  }

  /** Ends the connection after the batch that is being stored. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#work.catch(() => {});
    this.#socket.end(jsonFrame('goodbye', { message: 'the server stops' }));
    // A collector that does not read would keep the connection.
    this.#socket.destroySoon();
  }

  async #handle(frame: Frame): Promise<void> {
    if (this.collector === undefined) return this.#greet(frame);
    if (frame.name === 'batch') return this.#store(frame.payload);
    if (frame.name === 'balancers') return this.#see(readMessage('balancers', frame.payload));
    if (frame.name === 'found') return this.#lookups.answer(readMessage('found', frame.payload));
    expectMessage('goodbye', frame);
  }

  async #greet(frame: Frame): Promise<void> {
    const hello = expectMessage('hello', frame);
    const { versions, store } = this.#options;
    const agreement = agree(versions, hello);
    if ('refusal' in agreement) {
      const frame = jsonFrame('refusal', { version: versions.version, message: agreement.refusal });
      await new Promise<void>((resolve) => this.#socket.end(frame, resolve));
      throw new Error(agreement.refusal);
    }
    const stored: Record<string, number> = {};
    for (const epoch of hello.epochs) stored[epoch] = (await store.lastNumber?.(epoch)) ?? 0;
    this.#socket.write(jsonFrame('welcome', { ...agreement, version: versions.version, stored }));
    const { version, view } = hello;
    this.collector = { version, ...(view && { view }) };
  }

  #see(seen: SeenBalancers): void {
    this.balancers = new Set(seen.balancers.filter(({ running }) => running).map(({ name }) => name));
    this.#options.onBalancers?.(seen);
  }

  async #store(payload: Buffer): Promise<void> {
    const { store, addTo = (batch) => batch, onBatch } = this.#options;
    let batch: Batch | undefined;
    try {
      batch = addTo(decodeColumns(payload));
      const { epoch, number } = batch;
      const isNew = await store.append(batch);
      this.#socket.write(jsonFrame('ack', { epoch, number }));
      if (isNew) onBatch?.(batch);
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof OptionError)) throw error;
      if (batch !== undefined) store.skip?.(batch);
      this.#reject(error.message);
    }
  }

  /** The same batch would be refused again, so the collector must not send it again. */
  #reject(message: string): void {
    this.#options.onProblem(`a batch was rejected: ${message}`);
    this.#socket.write(jsonFrame('rejection', { message: message.slice(0, 1000) }));
  }
}
