/** Records over TCP or TLS, on one connection that is made again when it ends. */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { NetworkDestination } from '../../config/destination.js';
import type { TlsMaterial } from '../client-tls.js';
import type { ExportedRecord } from '../exported-record.js';
import type { Encoded, Packet, SendResult, Sink } from '../packet.js';
import { TimeLimit } from '../time-limit.js';

/** How a stream is written. */
export interface StreamSinkOptions {
  readonly to: NetworkDestination;
  readonly tls: TlsMaterial;
  readonly encode: (records: readonly ExportedRecord[]) => Encoded;
  readonly nowMs?: () => number;
}

/** What was written so long before the connection ended is thought to have arrived. */
const CONFIRMED_MS = 5_000;
/** What may have been written since, at most. */
const MOST_UNCONFIRMED_BYTES = 8 * 1024 * 1024;
const CONNECT_MS = 10_000;
/** A receiver that reads nothing for so long, while something waits, is given up. */
const STALLED_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;
const CLOSE_MS = 2_000;

interface Written {
  readonly packet: Packet;
  readonly atMs: number;
}

/**
 * Writes packets. TCP does not say what the receiver has read: when a connection ends, the packets of the last seconds are given back, to
 * be sent again.
 */
export class StreamSink implements Sink {
  readonly #options: StreamSinkOptions;
  readonly #nowMs: () => number;
  onReturned?: (packets: readonly Packet[]) => void;
  #socket: Socket | undefined;
  #unconfirmed: Written[] = [];
  #unconfirmedBytes = 0;
  #isEnding = false;

  constructor(options: StreamSinkOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  encode(records: readonly ExportedRecord[]): Encoded {
    return this.#options.encode(records);
  }

  async send(packet: Packet, signal: AbortSignal): Promise<SendResult> {
    const { host, port } = this.#options.to;
    try {
      this.#socket ??= await this.#connect(signal);
      await this.#write(this.#socket, packet, signal);
    } catch (error) {
      return { kind: 'retry', message: `${host} port ${port}: ${(error as Error).message}` };
    }
    return { kind: 'sent' };
  }

  #connect(signal: AbortSignal): Promise<Socket> {
    const { to, tls } = this.#options;
    const { host, port } = to;
    return new Promise((resolve, reject) => {
      const socket =
        to.kind === 'tls'
          ? connectTls({ ...{ host, port, minVersion: 'TLSv1.2' }, ...serverName(host), ...tls })
          : connectTcp({ host, port });
      const limit = new TimeLimit(CONNECT_MS, signal);
      const stop = () => socket.destroy(new Error('no connection in time'));
      limit.signal.addEventListener('abort', stop, { once: true });
      const failed = (error?: Error) => {
        limit[Symbol.dispose]();
        reject(error ?? new Error('the connection ended'));
      };
      socket.once('error', failed);
      const closed = () => failed();
      socket.once('close', closed);
      socket.once(to.kind === 'tls' ? 'secureConnect' : 'connect', () => {
        limit[Symbol.dispose]();
        socket.removeListener('close', closed);
        this.#follow(socket);
        resolve(socket);
      });
    });
  }

  #follow(socket: Socket): void {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // Its end is only seen where what it sends is read.
    socket.resume();
    socket.on('error', () => {});
    socket.setTimeout(STALLED_MS, () => {
      if (socket.writableLength > 0) socket.destroy(new Error('the receiver reads nothing'));
    });
    socket.once('close', (hadError) => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#giveBack(hadError);
    });
  }

  #write(socket: Socket, packet: Packet, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => socket.destroy();
      signal.addEventListener('abort', stop, { once: true });
      const ended = () => reject(new Error('the receiver ended the connection'));
      socket.once('close', ended);
      socket.write(packet.parts[0]!, (error) => {
        signal.removeEventListener('abort', stop);
        socket.removeListener('close', ended);
        if (error) return reject(error);
        this.#written(packet);
        resolve();
      });
    });
  }

  #written(packet: Packet): void {
    const nowMs = this.#nowMs();
    this.#unconfirmed.push({ packet, atMs: nowMs });
    this.#unconfirmedBytes += packet.bytes;
    this.#confirm(nowMs);
  }

  #confirm(nowMs: number): void {
    let count = 0;
    for (const { packet, atMs } of this.#unconfirmed) {
      if (nowMs - atMs < CONFIRMED_MS && this.#unconfirmedBytes <= MOST_UNCONFIRMED_BYTES) break;
      this.#unconfirmedBytes -= packet.bytes;
      count++;
    }
    this.#unconfirmed.splice(0, count);
  }

  #giveBack(hadError: boolean): void {
    this.#confirm(this.#nowMs());
    const packets = this.#unconfirmed.map(({ packet }) => packet);
    this.#unconfirmed = [];
    this.#unconfirmedBytes = 0;
    // A receiver that ends the connection after this side has done so has read everything.
    if (packets.length > 0 && (hadError || !this.#isEnding)) this.onReturned?.(packets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), CLOSE_MS);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end();
    });
  }
}

/** A name that servers with several certificates need; addresses are none. */
function serverName(host: string): { servername?: string } {
  return /^[\d.]+$|:/.test(host) ? {} : { servername: host };
}
