/** Messages of DNS (RFC 1035): a question, and the records of an answer. Pure functions. */
import { formatAddress } from '@weir/ebpf/address';

/** Types of records. */
export const recordTypes = { A: 1, CNAME: 5, AAAA: 28, SRV: 33 } as const;

/** The name of a type. */
export type RecordType = keyof typeof recordTypes;

const IN = 1;
const HEADER_BYTES = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const MAX_NAME = 253;
/** More records than an answer with {@link MOST_FOUND} reals has. */
const MOST_RECORDS = 16_384;

/** A record of an answer. Names are in lower case, without a point at the end. */
export type DnsRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME'; readonly target: string }
  | {
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
);

/** An answer. */
export interface DnsAnswer {
  /** The answer did not fit a datagram. */
  readonly isTruncated: boolean;
  /** 0: no error. 3: there is no such name. */
  readonly code: number;
  readonly answers: readonly DnsRecord[];
  /** Addresses of names in the answers, if the server sent them along. */
  readonly additional: readonly DnsRecord[];
}

/** A name as it is compared: in lower case, without a point at the end. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** A question, with recursion desired. @param id 0 to 65535. */
export function encodeQuestion(id: number, name: string, type: RecordType): Buffer {
  const labels = plainName(name)
    .split('.')
    .map((label) => Buffer.from(label, 'latin1'));
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(FLAG_RECURSION_DESIRED, 2);
  head.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(recordTypes[type], 1);
  tail.writeUInt16BE(IN, 3);
  return Buffer.concat([head, ...labels.flatMap((label) => [Buffer.of(label.length), label]), tail]);
}

/**
 * Reads the answer to a question; undefined for a message that is not the answer to it, which anybody may have sent.
 *
 * @throws Error for an answer that is damaged
 */
export function decodeAnswer(
  message: Buffer,
  { id, name, type }: { readonly id: number; readonly name: string; readonly type: RecordType },
): DnsAnswer | undefined {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== id) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) === 0 || message.readUInt16BE(4) !== 1) return undefined;
  const reader = new MessageReader(message, HEADER_BYTES);
  const asked = reader.name();
  if (asked !== plainName(name) || reader.uint16() !== recordTypes[type] || reader.uint16() !== IN)
    return undefined;
  const counts = [6, 8, 10].map((offset) => message.readUInt16BE(offset));
  if (counts.reduce((sum, count) => sum + count, 0) > MOST_RECORDS)
    throw new Error('the answer has too many records');
  const isTruncated = (flags & FLAG_TRUNCATED) !== 0;
  // A truncated answer ends anywhere, and is asked for again.
  if (isTruncated) return { isTruncated, code: flags & 15, answers: [], additional: [] };
  const [answers = [], , additional = []] = counts.map((count) => reader.records(count));
  return { isTruncated, code: flags & 15, answers, additional };
}

/** Reads a message from front to back. Every read behind its end throws. */
class MessageReader {
  readonly #message: Buffer;
  #offset: number;

  constructor(message: Buffer, offset: number) {
    this.#message = message;
    this.#offset = offset;
  }

  records(count: number): DnsRecord[] {
    const found: DnsRecord[] = [];
    for (let i = 0; i < count; i++) {
      const record = this.#record();
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  uint16(): number {
    const value = this.#message.readUInt16BE(this.#offset);
    this.#offset += 2;
    return value;
  }

  /** A name, whose end may lie earlier in the message. Each pointer leads to an earlier place, so that none leads in a circle. */
  name(): string {
    const labels: string[] = [];
    let length = 0;
    let offset = this.#offset;
    let end: number | undefined;
    for (;;) {
      const size = this.#message.readUInt8(offset);
      if (size >= 0xc0) {
        const target = this.#message.readUInt16BE(offset) & 0x3fff;
        if (target >= offset) throw new Error('the answer has a name that points ahead');
        end ??= offset + 2;
        offset = target;
        continue;
      }
      if (size >= 0x40) throw new Error('the answer has a name of another kind');
      offset++;
      if (size === 0) break;
      if (offset + size > this.#message.length) throw new Error('the answer ends within a name');
      labels.push(this.#message.toString('latin1', offset, offset + size));
      offset += size;
      length += size + 1;
      if (length > MAX_NAME + 1) throw new Error('the answer has a name that is too long');
    }
    this.#offset = end ?? offset;
    return labels.join('.').toLowerCase();
  }

  /** A record; undefined for one of another type or class. */
  #record(): DnsRecord | undefined {
    const name = this.name();
    const type = this.uint16();
    const isInternet = this.uint16() === IN;
    const ttl = this.#message.readUInt32BE(this.#offset);
    this.#offset += 4;
    const size = this.uint16();
    const end = this.#offset + size;
    if (end > this.#message.length) throw new Error('the answer ends within a record');
    // A lifetime with the highest bit set counts as 0 (RFC 2181).
    const head = { name, ttl: ttl >= 2 ** 31 ? 0 : ttl };
    const record = isInternet ? this.#data(head, type, size) : undefined;
    this.#offset = end;
    return record;
  }

  #data(
    head: { readonly name: string; readonly ttl: number },
    type: number,
    size: number,
  ): DnsRecord | undefined {
    const start = this.#offset;
    const bytes = () => this.#message.subarray(start, start + size);
    switch (type) {
      case recordTypes.A:
        return size === 4 ? { ...head, type: 'A', address: formatAddress(bytes()) } : undefined;
      case recordTypes.AAAA:
        return size === 16 ? { ...head, type: 'AAAA', address: formatAddress(bytes()) } : undefined;
      case recordTypes.CNAME:
        return { ...head, type: 'CNAME', target: this.name() };
      case recordTypes.SRV: {
        const [priority, weight, port] = [this.uint16(), this.uint16(), this.uint16()];
        return { ...head, type: 'SRV', priority, weight, port, target: this.name() };
      }
      default:
        return undefined;
    }
  }
}
