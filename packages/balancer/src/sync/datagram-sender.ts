/** Sends flows and removals to other balancers, as datagrams. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';
import type { Removal } from './removal.js';
import {
  encodeSync,
  encodeSyncRemoval,
  flowBytes,
  type SharedFlow,
  SYNC_OVERHEAD,
  type SyncHeader,
  type SyncKind,
} from './sync-message.js';
import type { SyncAddress } from './sync-options.js';
import type { SentCounts } from './sync-status.js';

/** Bytes of the headers of IPv6 and UDP. */
const HEADERS = 48;

/** Options of {@link DatagramSender}. */
export interface SenderOptions {
  /** Signs. */
  readonly key: Uint8Array;
  /** Longest IP packet, bytes. */
  readonly mtu: number;
}

export class DatagramSender {
  readonly #socket: Socket;
  readonly #options: SenderOptions;
  /** What each destination sees of this sender: numbers without gaps, which datagrams to others do not disturb. */
  readonly #streams = new Map<string, { readonly boot: string; sequence: number }>();
  readonly #boots = new Set<string>();
  readonly #counts = { sentFlows: 0, sentDatagrams: 0, sentBytes: 0, failed: 0 };
  /** When the last datagram with flows, or without any, was sent; `performance.now()`. */
  lastSent = 0;

  constructor(socket: Socket, options: SenderOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** What was sent since the start. */
  counts(): SentCounts {
    return { ...this.#counts };
  }

  /** Whether a datagram is this sender's own. */
  hasSent({ boot }: Pick<SyncHeader, 'boot'>): boolean {
    return this.#boots.has(boot);
  }

  /** Sends flows, as many in a datagram as it has room for. */
  flows(flows: readonly SharedFlow[], peers: readonly SyncAddress[]): void {
    const room = this.#options.mtu - HEADERS - SYNC_OVERHEAD;
    let batch: SharedFlow[] = [];
    let bytes = 0;
    for (const flow of flows) {
      const more = flowBytes(flow);
      if (bytes + more > room) {
        this.datagram('flows', batch, peers);
        batch = [];
        bytes = 0;
      }
      batch.push(flow);
      bytes += more;
    }
    if (batch.length > 0) this.datagram('flows', batch, peers);
  }

  /** Sends one datagram to each. */
  datagram(kind: SyncKind, flows: readonly SharedFlow[], peers: readonly SyncAddress[]): void {
    this.lastSent = performance.now();
    this.#counts.sentFlows += flows.length;
    this.#send(peers, (header) => encodeSync({ ...header, kind }, flows, this.#options.key));
  }

  /** Sends a removal to each. */
  removal(removal: Removal, peers: readonly SyncAddress[]): void {
    this.#send(peers, (header) => encodeSyncRemoval(header, removal, this.#options.key));
  }

  #send(peers: readonly SyncAddress[], encode: (header: Omit<SyncHeader, 'kind'>) => Buffer): void {
    for (const { host, port } of peers) {
      const stream = this.#streamTo(`${host} ${port}`);
      const bytes = encode({ boot: stream.boot, sequence: ++stream.sequence, timeMs: Date.now() });
      this.#counts.sentDatagrams++;
      this.#counts.sentBytes += bytes.length;
      this.#socket.send(bytes, port, host, (error) => {
        if (error) this.#counts.failed++;
      });
    }
  }

  #streamTo(destination: string) {
    let stream = this.#streams.get(destination);
    if (stream === undefined) {
      stream = { boot: randomBytes(8).toString('hex'), sequence: 0 };
      this.#streams.set(destination, stream);
      this.#boots.add(stream.boot);
    }
    return stream;
  }
}
