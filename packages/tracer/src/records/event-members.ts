/** Reading single members of struct tcp_event, where decoding all of it would cost more. */
import { offsetsTcpEvent, sizeofTcpEvent, type TcpEvent } from '../generated/tcp.js';

/** Members that are whole numbers. */
export type NumberMember = Exclude<keyof TcpEvent, 'tuple' | 'process'>;

const starts = [...Object.values(offsetsTcpEvent), sizeofTcpEvent].sort((a, b) => a - b);

/** Whether a member has 64 bits rather than 32. Bytes of padding after one of 32 bits are zero. */
export function isWide(member: NumberMember): boolean {
  const start = offsetsTcpEvent[member];
  return starts.find((other) => other > start)! - start === 8;
}

/** A number of 64 bits. Exact up to 2^53. */
export function readWide(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}
