/** Packets as `--packet` names them: a capture file, or an Ethernet frame in hex or base64. */
import { existsSync } from 'node:fs';
import type { FilePacket } from '@weir/balancer/packets';
import { readInput } from '../args/input-file.js';
import { UsageError } from '../failure.js';

/** An Ethernet header. */
const MIN_FRAME_BYTES = 14;
/** The kernel's test run takes no longer frames, as they have to fit a page. */
const MAX_FRAME_BYTES = 3500;

type ReadPackets = (file: Uint8Array) => FilePacket[];

/** @throws UsageError */
export function packetsOf(text: string, readPackets: ReadPackets): FilePacket[] {
  const packets = existsSync(text) ? fromFile(text, readPackets) : [fromText(text)];
  for (const { length } of packets) {
    if (length < MIN_FRAME_BYTES || length > MAX_FRAME_BYTES) {
      throw new UsageError(
        `--packet: a frame of ${length} bytes: expected ${MIN_FRAME_BYTES} to ${MAX_FRAME_BYTES}`,
      );
    }
  }
  return packets;
}

function fromFile(file: string, readPackets: ReadPackets): FilePacket[] {
  const bytes = readInput(file);
  try {
    return readPackets(bytes);
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

function fromText(text: string): FilePacket {
  const digits = text.replace(/0x|[\s:]/g, '');
  const bytes = /^([0-9a-f]{2})+$/i.test(digits)
    ? Buffer.from(digits, 'hex')
    : /^[A-Za-z0-9+/_-]+=*$/.test(text)
      ? Buffer.from(text, 'base64')
      : undefined;
  if (bytes === undefined) {
    throw new UsageError('--packet: expected a file that exists, or a frame in hex or base64');
  }
  return { bytes, length: bytes.length };
}
