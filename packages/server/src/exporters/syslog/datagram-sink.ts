/** Messages as datagrams. */
import { setTimeout as wait } from 'node:timers/promises';
import { UnixDatagramSender } from '@weir/ebpf/sys';
import type { ExportedRecord } from '../exported-record.js';
import type { Encoded, Packet, SendResult, Sink } from '../packet.js';

/** A socket of datagrams. */
export interface Datagrams {
  /** The receiver, for messages. */
  readonly where: string;
  /** @throws Error of the system */
  readonly send: (message: Uint8Array) => Promise<void> | void;
  readonly close: () => Promise<void> | void;
}

/** A socket of the kernel's defaults has room for ten datagrams: a reader that is there makes room soon. */
const FULL_STEP_MS = 2;
const FULL_MS = 1_000;
const fullCodes = ['EAGAIN', 'ENOBUFS'];

/** Sends a datagram a record. Where one fails, the next attempt goes on with that one. */
export class DatagramSink implements Sink {
  readonly #encode: (records: readonly ExportedRecord[]) => Encoded;
  readonly #datagrams: Datagrams;
  /** Datagrams of a packet that were sent. */
  readonly #progress = new WeakMap<Packet, number>();

  constructor(encode: (records: readonly ExportedRecord[]) => Encoded, datagrams: Datagrams) {
    this.#encode = encode;
    this.#datagrams = datagrams;
  }

  encode(records: readonly ExportedRecord[]): Encoded {
    return this.#encode(records);
  }

  async send(packet: Packet, signal: AbortSignal): Promise<SendResult> {
    const { where } = this.#datagrams;
    for (let sent = this.#progress.get(packet) ?? 0; sent < packet.parts.length; sent++) {
      if (signal.aborted) return { kind: 'retry', message: `${where}: it ends` };
      try {
        await this.#sendSoon(packet.parts[sent]!, signal);
      } catch (error) {
        return { kind: 'retry', message: `${where}: ${(error as Error).message}` };
      }
      this.#progress.set(packet, sent + 1);
    }
    return { kind: 'sent' };
  }

  async #sendSoon(message: Uint8Array, signal: AbortSignal): Promise<void> {
    for (const startedMs = performance.now(); ; await wait(FULL_STEP_MS)) {
      try {
        return await this.#datagrams.send(message);
      } catch (error) {
        const isFull = fullCodes.includes((error as NodeJS.ErrnoException).code ?? '');
        if (!isFull || signal.aborted || performance.now() - startedMs > FULL_MS) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#datagrams.close();
  }
}

/** Datagrams to a Unix socket. A receiver that starts again makes another socket there: after a failure it is looked up anew. */
export function unixDatagrams(path: string): Datagrams {
  let sender: UnixDatagramSender | undefined;
  const close = () => {
    sender?.[Symbol.dispose]();
    sender = undefined;
  };
  return {
    where: path,
    send: (message) => {
      sender ??= new UnixDatagramSender(path);
      try {
        sender.send(message);
      } catch (error) {
        close();
        throw error;
      }
    },
    close,
  };
}
