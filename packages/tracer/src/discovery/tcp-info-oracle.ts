/** TCP_INFO, by the offsets of struct tcp_info in include/uapi/linux/tcp.h. */
import type { Counters } from './observations.js';
import { SocketOption, type TestSocket } from './sockets.js';

export interface TcpInfo extends Counters {
  /** TCP_* */
  readonly state: number;
  /** Bytes of payload in a full segment. */
  readonly segmentSize: number;
  /** Bytes that were written and not yet sent. */
  readonly unsent: number;
  /** Segments that were sent and not yet acknowledged. */
  readonly unacked: number;
}

const size = 248;
const bytesSentAt = 200;
const bytesRetransAt = 208;

/** @throws SyscallError */
export function tcpInfo(socket: TestSocket): TcpInfo {
  const bytes = socket.get(SocketOption.info, size);
  return decodeTcpInfo(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
}

function decodeTcpInfo(view: DataView): TcpInfo {
  const u32 = (offset: number) => view.getUint32(offset, true);
  const u64 = (offset: number) => view.getBigUint64(offset, true);
  return {
    state: view.getUint8(0),
    segmentSize: u32(16),
    unacked: u32(24),
    rttUs: u32(68),
    totalRetrans: u32(100),
    bytesAcked: u64(120),
    bytesReceived: u64(128),
    segsOut: u32(136),
    segsIn: u32(140),
    unsent: u32(144),
    ...(view.byteLength >= bytesRetransAt + 8
      ? { bytesSent: u64(bytesSentAt), bytesRetrans: u64(bytesRetransAt) }
      : {}),
  };
}

/** Whether two looks at a connection saw the same. */
export function sameInfo(a: TcpInfo, b: TcpInfo): boolean {
  return (Object.keys(a) as (keyof TcpInfo)[]).every((key) => a[key] === b[key]);
}
