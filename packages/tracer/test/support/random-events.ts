/** Events with any content that programs could write, from a number that chooses them. */
import {
  EventFlag,
  offsetsProcess,
  offsetsTcpEvent,
  offsetsTuple,
  sizeofTcpEvent,
  TcpEventKind,
} from '../../src/generated/tcp.js';
import { closeReaders } from '../../src/records/close-readers.js';
import { isWide, type NumberMember } from '../../src/records/event-members.js';

const kinds = [
  TcpEventKind.EVENT_CONNECT,
  TcpEventKind.EVENT_ACCEPT,
  TcpEventKind.EVENT_CLOSE,
  TcpEventKind.EVENT_FAIL,
  TcpEventKind.EVENT_FD_INSTALL,
];
const names = ['curl', '"\\\n\x1b', 'zażółć', '\u202eabc', '\u2028', 'sixteen bytes ok', ''].map((name) =>
  Buffer.from(name),
);
names.push(Buffer.from([0xff, 0x41, 0xc3]));
/** 2^53 has as many bits more than 32. */
const highMask = 0x1f_ffff;
const wide = (Object.keys(offsetsTcpEvent) as (keyof typeof offsetsTcpEvent)[]).filter(
  (member): member is NumberMember => member !== 'tuple' && member !== 'process' && isWide(member),
);

/** @param random Numbers in [0, 1). */
export function randomEvent(random: () => number): DataView {
  const view = new DataView(new ArrayBuffer(sizeofTcpEvent));
  const at = offsetsTcpEvent;
  const below = (limit: number): number => Math.floor(random() * limit);
  const number = (): number => [0, below(10), below(100_000), below(2 ** 32), 2 ** 32 - 1][below(5)]!;
  for (let offset = 0; offset < sizeofTcpEvent; offset += 4) view.setUint32(offset, number(), true);
  for (const offset of [...wide.map((member) => at[member]), at.process + offsetsProcess.cgroupId]) {
    view.setUint32(offset + 4, number() & highMask, true);
  }
  for (const address of [offsetsTuple.localAddress, offsetsTuple.peerAddress]) {
    const start = at.tuple + address;
    const isIpv4 = random() < 0.5;
    for (let byte = 0; byte < 12; byte++)
      view.setUint8(start + byte, isIpv4 ? (byte < 10 ? 0 : 0xff) : below(3));
    for (let byte = 12; byte < 16; byte++) view.setUint8(start + byte, below(5));
  }
  view.setUint32(at.tuple + offsetsTuple.netns, 1 + below(3), true);
  view.setUint32(at.process + offsetsProcess.pid, 1 + below(50), true);
  const name = names[below(names.length)]!;
  for (let byte = 0; byte < 16; byte++)
    view.setUint8(at.process + offsetsProcess.comm + byte, name[byte] ?? 0);
  const kind = kinds[below(kinds.length)]!;
  view.setUint32(at.event, kind, true);
  view.setUint32(at.direction, below(3), true);
  const hasProcess = kind === TcpEventKind.EVENT_FD_INSTALL || random() < 0.8;
  view.setUint32(at.flags, below(1 << 10) | (hasProcess ? EventFlag.EVENT_HAS_PROCESS : 0), true);
  view.setUint32(at.error, [0, 1, 111, 110, 4095][below(5)]!, true);
  view.setInt32(at.fd, below(100_000), true);
  for (const reader of closeReaders) {
    if (reader.field.unit === 'name' && reader.at >= 0) {
      view.setUint32(reader.at, below(reader.field.names.length), true);
    }
  }
  return view;
}

/** Numbers in [0, 1), the same for the same start. */
export function randomFrom(start: number): () => number {
  let state = start | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
