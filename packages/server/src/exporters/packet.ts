/** What exporters send, and what becomes of it. */
import type { ExportedRecord } from './exported-record.js';

/** Some records as they are sent, together. */
export interface Packet {
  /** Number of records. */
  readonly records: number;
  /** Bytes of all parts. */
  readonly bytes: number;
  /** One body, or each message by itself. */
  readonly parts: readonly Uint8Array[];
}

/** Records as packets. */
export interface Encoded {
  readonly packets: readonly Packet[];
  /** Records that cannot be sent in this form. */
  readonly unfit: number;
}

/** What became of a packet. */
export type SendResult =
  | {
      readonly kind: 'sent';
      /** Records that the receiver did not want. */
      readonly refused?: number;
      readonly message?: string;
    }
  /** It may succeed later. */
  | { readonly kind: 'retry'; readonly message: string; readonly afterMs?: number }
  /** It would be refused again. */
  | { readonly kind: 'refused'; readonly message: string };

/** Where packets are sent. One packet is being sent at a time. */
export interface Sink extends AsyncDisposable {
  encode(records: readonly ExportedRecord[]): Encoded;
  /** Sends a packet, or what is left of it. @param signal Ends the attempt. */
  send(packet: Packet, signal: AbortSignal): Promise<SendResult>;
  /** Called with packets that had been sent, oldest first, of which it is not known whether they arrived. */
  onReturned?: (packets: readonly Packet[]) => void;
}

const MOST_RECORDS = 1000;
const MOST_BYTES = 1024 * 1024;

/** Splits messages into packets. */
export function packetsOf(
  messages: readonly Buffer[],
  join: (messages: readonly Buffer[]) => readonly Buffer[] = (parts) => [Buffer.concat(parts)],
): Packet[] {
  const packets: Packet[] = [];
  for (let from = 0; from < messages.length; ) {
    let to = from;
    let bytes = 0;
    while (to < messages.length && to - from < MOST_RECORDS) {
      const next = messages[to]!.length;
      if (to > from && bytes + next > MOST_BYTES) break;
      bytes += next;
      to++;
    }
    packets.push({ records: to - from, bytes, parts: join(messages.slice(from, to)) });
    from = to;
  }
  return packets;
}

/** Splits records into as many as go into a request. */
export function chunksOf<T>(items: readonly T[], most = MOST_RECORDS): T[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, index) =>
    items.slice(index * most, (index + 1) * most),
  );
}
