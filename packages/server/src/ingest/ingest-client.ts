/** The collector's end of the socket: sends batches, and sends again after a reconnect what was not acknowledged. */
import { connect, type Socket } from 'node:net';
import { FormatError } from '@weir/ebpf/errors';
import { Backlog } from '../spool/backlog.js';
import { type BatchContent, BatchSender, type Epoch, type LastBatch } from '../spool/batch-sender.js';
import { Spool, type SpoolOptions } from '../spool/spool.js';
import {
  BALANCERS_SINCE,
  type LookupAnswer,
  type LookupRequest,
  type SeenBalancers,
} from '../wire/balancer-messages.js';
import { type Frame, FrameReader, frameHeader, jsonFrame, MAX_BALANCERS_BYTES } from '../wire/frame.js';
import { type CollectorView, expectMessage, readMessage } from '../wire/messages.js';
import type { Versions } from '../wire/versions.js';

/** How a collector sends its batches. */
export interface IngestClientOptions {
  /** The path of the server's socket. */
  readonly path: string;
  readonly versions: Versions;
  readonly epoch: Epoch;
  /** What this collector sees: the server says it to those who ask. */
  readonly view?: CollectorView;
  /** The last batch of an earlier process with this run. */
  readonly last?: LastBatch;
  /** Waits for this before it connects. */
  readonly after?: Promise<unknown>;
  /** Called when a batch was added, or refused. @param isSafe Whether all that was handed over so far outlives this process. */
  readonly onAdded?: (isSafe: boolean) => void;
  /** Called when batches of a run, up to a number, are stored. */
  readonly onStored?: (epoch: string, number: number) => void;
  /** Bytes of batches in memory. Default 16 MiB. */
  readonly memoryBytes?: number;
  /** Where batches wait that do not fit into memory. Default: they are dropped, and counted. */
  readonly spool?: SpoolOptions;
  /** Answers what the server asks about flows of balancers; it never throws. Absent: that is not to be had. */
  readonly onLookup?: (request: LookupRequest) => Promise<LookupAnswer>;
  /** Reports each change of the connection. */
  readonly onState?: (state: ConnectionState) => void;
  /** Reports what is damaged, refused or rejected. */
  readonly onProblem: (message: string) => void;
}

/** Whether a server takes batches. */
export type ConnectionState =
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'connected'; readonly serverVersion: string }
  /** The versions do not fit; it is tried again now and then. */
  | { readonly kind: 'refused'; readonly message: string };

/** What waits, and what was lost. */
export interface BacklogStatistics {
  readonly memoryBytes: number;
  readonly spoolBytes: number;
  /** Rows for which there was no room, or which the server rejected. */
  readonly lostRows: number;
}

const DEFAULT_MEMORY_BYTES = 16 * 1024 * 1024;
/** Bytes handed to the socket beyond what it has sent. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const LEAST_WAIT_MS = 50;
const MOST_WAIT_MS = 2_000;
const REFUSED_WAIT_MS = 10_000;

/** Sends batches for as long as a collector runs. Nothing here waits for the server. */
export class IngestClient {
  readonly #options: IngestClientOptions;
  readonly #spool: Spool | undefined;
  readonly #backlog: Backlog;
  readonly #sender: BatchSender;
  #state: ConnectionState = { kind: 'disconnected' };
  #protocol = 0;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = LEAST_WAIT_MS;
  #isClosed = false;
  #onEmpty: (() => void) | undefined;

  /** Begins to connect. @throws OptionError for a spool folder that others may write to; Error of the system */
  constructor(options: IngestClientOptions) {
    this.#options = options;
    this.#spool = options.spool === undefined ? undefined : new Spool(options.spool);
    this.#backlog = new Backlog({
      memoryBytes: options.memoryBytes ?? DEFAULT_MEMORY_BYTES,
      ...(this.#spool !== undefined && { spool: this.#spool }),
      onProblem: options.onProblem,
    });
    this.#sender = new BatchSender(options.epoch, this.#backlog, options.last);
    if (options.after === undefined) this.#connect();
    else void options.after.then(() => this.#isClosed || this.#connect());
  }

  /** Whether a server takes batches. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** What waits, and what was lost. */
  get statistics(): BacklogStatistics {
    const { memoryBytes, spoolBytes } = this.#backlog;
    return { memoryBytes, spoolBytes, lostRows: this.#sender.lostRows };
  }

  /** Hands a batch over. False where it was dropped: see {@link BatchSender.send}. */
  send(content: BatchContent): boolean {
    const isKept = this.#sender.send(content);
    this.#options.onAdded?.(this.#isSafe);
    this.#pump();
    return isKept;
  }

  /** The number of the last batch of this run. */
  get lastNumber(): number {
    return this.#sender.number;
  }

  /**
   * Sends what is known of the balancers of this host. Nothing waits: without a server that wants it, or while batches wait in the
   * socket, it is dropped.
   *
   * @returns Whether it was sent.
   */
  sendBalancers(seen: SeenBalancers): boolean {
    const socket = this.#socket;
    const isWanted = this.#state.kind === 'connected' && this.#protocol >= BALANCERS_SINCE;
    if (!isWanted || socket === undefined || this.#isClosed || socket.writableLength >= WINDOW_BYTES)
      return false;
    const frame = jsonFrame('balancers', seen);
    if (frame.length > MAX_BALANCERS_BYTES) return false;
    socket.write(frame);
    return true;
  }

  get #isSafe(): boolean {
    return this.#backlog.isSafe && !this.#sender.hasCarriedLosses;
  }

  /**
   * Waits until everything is stored, at most for a time. What is left then is put into the spool, for the next collector.
   *
   * @returns Whether everything is stored or in the spool, losses included.
   */
  async close(timeoutMs: number): Promise<boolean> {
    if (!this.#backlog.isEmpty) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#onEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const isKept = this.#backlog.isEmpty || this.#backlog.persist();
    this.#spool?.[Symbol.dispose]();
    const socket = this.#socket;
    if (socket !== undefined && !socket.destroyed)
      await new Promise<void>((resolve) => {
        socket.once('close', () => resolve());
        socket.end(jsonFrame('goodbye', { message: 'the collector ends' }));
        socket.destroySoon();
      });
    return isKept && !this.#sender.hasCarriedLosses;
  }

  #connect(): void {
    const { path, versions, view } = this.#options;
    const socket = connect(path);
    const reader = new FrameReader();
    this.#socket = socket;
    socket.on('connect', () => {
      socket.write(jsonFrame('hello', { ...versions, epochs: this.#backlog.epochs, ...(view && { view }) }));
    });
    socket.on('data', (piece: Buffer) => {
      try {
        for (const frame of reader.push(piece)) this.#handle(frame);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('drain', () => this.#pump());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that is not there yet, or has just ended, is no problem.
      const isExpected = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '');
      if (!isExpected) this.#options.onProblem(`the connection to the server failed: ${error.message}`);
    });
    socket.on('close', () => this.#disconnected());
  }

  #disconnected(): void {
    this.#socket = undefined;
    this.#backlog.rewind();
    if (this.#isClosed) return;
    const isRefused = this.#state.kind === 'refused';
    if (this.#state.kind === 'connected') this.#setState({ kind: 'disconnected' });
    const waitMs = isRefused ? REFUSED_WAIT_MS : this.#waitMs;
    this.#waitMs = Math.min(MOST_WAIT_MS, this.#waitMs * 2);
    this.#timer = setTimeout(() => this.#connect(), waitMs);
  }

  #handle(frame: Frame): void {
    switch (frame.name) {
      case 'welcome':
        this.#welcome(frame);
        break;
      case 'refusal':
        this.#setState({ kind: 'refused', message: readMessage('refusal', frame.payload).message });
        break;
      case 'ack':
        this.#acknowledged(frame);
        break;
      case 'rejection':
        this.#rejected(frame);
        break;
      case 'lookup':
        void this.#lookUp(readMessage('lookup', frame.payload));
        break;
      default:
        expectMessage('goodbye', frame);
    }
  }

  async #lookUp(request: LookupRequest): Promise<void> {
    const socket = this.#socket;
    const { id } = request;
    const problem = { kind: 'missing', message: 'this collector asks no balancers' } as const;
    const answer = await (this.#options.onLookup?.(request) ?? { id, problem });
    if (socket?.writable === true && socket === this.#socket) socket.write(jsonFrame('found', answer));
  }

  #acknowledged(frame: Frame): void {
    const { epoch, number } = readMessage('ack', frame.payload);
    // Not before: a server whose disk can only be read welcomes, and ends the connection at the first batch.
    this.#waitMs = LEAST_WAIT_MS;
    this.#stored(epoch, number);
    this.#advance();
  }

  #stored(epoch: string, number: number): void {
    this.#options.onStored?.(epoch, number);
    this.#backlog.acknowledge(epoch, number);
  }

  #rejected(frame: Frame): void {
    const { message } = readMessage('rejection', frame.payload);
    // Until its loss goes with another batch.
    this.#options.onAdded?.(false);
    const entry = this.#backlog.rejectFirst();
    if (entry === undefined) throw new FormatError('a rejection where no batch was sent');
    this.#sender.rejected(entry.summary, message);
    this.#options.onProblem(`the server rejected batch ${entry.summary.number}: ${message}`);
    this.#advance();
  }

  #welcome(frame: Frame): void {
    const { stored, version, protocol } = readMessage('welcome', frame.payload);
    this.#protocol = protocol;
    for (const [epoch, number] of Object.entries(stored)) this.#stored(epoch, number);
    this.#setState({ kind: 'connected', serverVersion: version });
    this.#advance();
  }

  #advance(): void {
    this.#pump();
    if (this.#backlog.isEmpty) this.#onEmpty?.();
  }

  #pump(): void {
    const socket = this.#socket;
    if (this.#state.kind !== 'connected' || socket === undefined || this.#isClosed) return;
    while (socket.writableLength < WINDOW_BYTES) {
      const entry = this.#backlog.next();
      if (entry === undefined) return;
      socket.cork();
      socket.write(frameHeader('batch', entry.payload.length));
      socket.write(entry.payload);
      socket.uncork();
    }
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    this.#options.onState?.(state);
  }
}
