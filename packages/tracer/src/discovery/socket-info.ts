/** TCP_INFO of the discovery's own sockets. */
import { emptyTcpInfo, readTcpInfo, TCP_INFO_LENGTH, type TcpInfo } from '../sockets/tcp-info.js';
import type { Counters } from './observations.js';
import { SocketOption, type TestSocket } from './sockets.js';

/** @throws SyscallError */
export function tcpInfo(socket: TestSocket): TcpInfo {
  const bytes = socket.get(SocketOption.info, TCP_INFO_LENGTH);
  const info = emptyTcpInfo();
  readTcpInfo(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, info);
  return info;
}

/** The counters for which the solver searches. */
export function countersOf(info: TcpInfo): Counters {
  const { bytesSent, bytesRetransmitted } = info;
  return {
    rttUs: info.srttUs,
    totalRetrans: info.retransmits,
    bytesAcked: BigInt(info.bytesAcked),
    bytesReceived: BigInt(info.bytesReceived),
    segsOut: info.segmentsSent,
    segsIn: info.segmentsReceived,
    ...(bytesSent !== undefined &&
      bytesRetransmitted !== undefined && {
        bytesSent: BigInt(bytesSent),
        bytesRetrans: BigInt(bytesRetransmitted),
      }),
  };
}

/** All that traffic changes, without the times since the last of it. */
const changing = [
  'state',
  'maxSegmentSize',
  'unackedSegments',
  'srttUs',
  'retransmits',
  'bytesAcked',
  'bytesReceived',
  'segmentsSent',
  'segmentsReceived',
  'unsentBytes',
  'bytesSent',
  'bytesRetransmitted',
] as const satisfies readonly (keyof TcpInfo)[];

/** Whether two looks at a connection saw the same. */
export function sameInfo(a: TcpInfo, b: TcpInfo): boolean {
  return changing.every((key) => a[key] === b[key]);
}
