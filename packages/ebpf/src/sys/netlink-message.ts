/** Netlink messages as bytes. Layout: include/uapi/linux/netlink.h. */
import { FormatError } from '../errors.js';

/** NLM_F_*: flags of a message. */
export const NetlinkFlag = {
  request: 1,
  multi: 2,
  ack: 4,
  dumpInterrupted: 0x10,
  capped: 0x100,
  ackTlvs: 0x200,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
} as const;

/** Types below NLMSG_MIN_TYPE are netlink's own. */
export const NetlinkControl = { noop: 1, error: 2, done: 3 } as const;

/** Set in the type of an attribute that holds attributes: NLA_F_NESTED. */
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const headerSize = 16;
const attributeHeaderSize = 4;

function align(length: number): number {
  return (length + 3) & ~3;
}

/** Builds the payload of a message: a fixed struct, then attributes. Grows as needed; numbers in host byte order. */
export class NetlinkPayload {
  #bytes = new Uint8Array(256);
  #length = 0;

  /**
   * Begins a payload.
   *
   * @param fixed the struct at the start, such as a struct ifinfomsg.
   */
  constructor(fixed: Uint8Array = new Uint8Array(0)) {
    this.#reserve(align(fixed.length)).set(fixed);
  }

  /** The bytes so far. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Appends an attribute. */
  attribute(type: number, value: Uint8Array): this {
    const start = this.#length;
    this.#reserve(attributeHeaderSize + align(value.length)).set(value, attributeHeaderSize);
    this.#setHeader(start, type, attributeHeaderSize + value.length);
    return this;
  }

  /** Appends an attribute of four bytes in host byte order. */
  u32(type: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return this.attribute(type, bytes);
  }

  /** A NUL-terminated string. */
  string(type: number, text: string): this {
    return this.attribute(type, new TextEncoder().encode(`${text}\0`));
  }

  /** An attribute that holds what `fill` adds. */
  nest(type: number, fill: (payload: this) => void): this {
    const start = this.#length;
    this.#reserve(attributeHeaderSize);
    fill(this);
    this.#setHeader(start, type | NLA_F_NESTED, this.#length - start);
    return this;
  }

  #setHeader(start: number, type: number, length: number): void {
    const view = new DataView(this.#bytes.buffer);
    view.setUint16(start, length, true);
    view.setUint16(start + 2, type, true);
  }

  /** Appends zeros; returns them. */
  #reserve(size: number): Uint8Array {
    const start = this.#length;
    if (start + size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, start + size));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    this.#length = start + size;
    return this.#bytes.subarray(start, this.#length);
  }
}

/** A message with its header, ready to send. */
export function encodeNetlinkMessage(
  type: number,
  flags: number,
  sequence: number,
  payload: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(align(headerSize + payload.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, headerSize + payload.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  bytes.set(payload, headerSize);
  return bytes;
}

/** A received message. The payload is a view that is valid until the next receive. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** The messages in one datagram. @throws FormatError */
export function* decodeNetlinkMessages(datagram: Uint8Array): Generator<NetlinkMessage, void, undefined> {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  for (let start = 0, end = 0; start + headerSize <= datagram.length; start = align(end)) {
    end = messageEnd(view, start);
    yield messageAt(view, start, end);
  }
}

/** Where the message ends that begins at `start`. @throws FormatError */
export function messageEnd(view: DataView, start: number): number {
  const length = view.getUint32(start, true);
  if (length < headerSize || start + length > view.byteLength) {
    throw new FormatError(`netlink: a message of ${length} bytes in ${view.byteLength - start}`);
  }
  return start + length;
}

/** The message between two offsets. Its payload is a view of the datagram's memory. */
export function messageAt(view: DataView, start: number, end: number): NetlinkMessage {
  return {
    type: view.getUint16(start + 4, true),
    flags: view.getUint16(start + 6, true),
    sequence: view.getUint32(start + 8, true),
    payload: new Uint8Array(view.buffer, view.byteOffset + start + headerSize, end - start - headerSize),
  };
}

/** Attributes by type, without their nesting flag; of repeated ones the last. @throws FormatError */
export function decodeAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let offset = 0;
  while (offset + attributeHeaderSize <= bytes.length) {
    const length = view.getUint16(offset, true);
    if (length < attributeHeaderSize || offset + length > bytes.length) {
      throw new FormatError(`netlink: an attribute of ${length} bytes in ${bytes.length - offset}`);
    }
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    attributes.set(type, bytes.subarray(offset + attributeHeaderSize, offset + length));
    offset += align(length);
  }
  return attributes;
}
