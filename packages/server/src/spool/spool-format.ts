/**
 * Files of the spool: a header, then batches, each with its length and a digest. A process that was killed leaves half a batch at
 * the end of the last file at most. Pure.
 */
import { createHash } from 'node:crypto';
import { MAX_BATCH_BYTES } from '../wire/frame.js';

const MAGIC = 'WEIRSPL1';
const DIGEST_BYTES = 16;

/** Bytes at the start of a file. */
export const spoolHeader: Buffer = Buffer.from(MAGIC, 'latin1');
/** Bytes before each batch. */
export const RECORD_HEADER_BYTES = 8 + DIGEST_BYTES;

function digest(payload: Uint8Array): Buffer {
  return createHash('sha256').update(payload).digest().subarray(0, DIGEST_BYTES);
}

/** The bytes before a batch in a file: its length twice, so that a zeroed or torn one is not believed, and its digest. */
export function recordHeader(payload: Uint8Array): Buffer {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt32LE(~payload.length >>> 0, 4);
  digest(payload).copy(header, 8);
  return header;
}

/** The length of a batch by the bytes before it; undefined where they are damaged. */
export function recordLength(header: Uint8Array): number | undefined {
  if (header.length < RECORD_HEADER_BYTES) return undefined;
  const view = Buffer.from(header.buffer, header.byteOffset, header.length);
  const length = view.readUInt32LE(0);
  const isSound = ~length >>> 0 === view.readUInt32LE(4) && length <= MAX_BATCH_BYTES;
  return isSound ? length : undefined;
}

/** Whether a batch is what its header says. */
export function isIntact(header: Uint8Array, payload: Uint8Array): boolean {
  return digest(payload).equals(header.subarray(8, RECORD_HEADER_BYTES));
}

const fileName = /^(\d{12})\.spool$/;

/** The name of a file; names sort as their numbers do. */
export function spoolFileName(number: number): string {
  return `${String(number).padStart(12, '0')}.spool`;
}

/** The number of a file by its name; undefined for one that is none of the spool's. */
export function spoolFileNumber(name: string): number | undefined {
  const match = fileName.exec(name);
  return match === null ? undefined : Number(match[1]);
}
