/** The bytes that programs would have written for a record of the simulation. */
import { parseMappedPrefix } from '@weir/ebpf/address';
import {
  ClosedBy,
  Direction,
  EventFlag,
  sizeofTcpEvent,
  TcpEventKind,
  writeTcpEvent,
} from '../../src/generated/tcp.js';
import type { ConnectionRecord } from '../../src/records/record.js';

const kinds = {
  connect: TcpEventKind.EVENT_CONNECT,
  accept: TcpEventKind.EVENT_ACCEPT,
  close: TcpEventKind.EVENT_CLOSE,
  fail: TcpEventKind.EVENT_FAIL,
};
const directions = { outbound: Direction.DIRECTION_OUTBOUND, inbound: Direction.DIRECTION_INBOUND };

/** A struct tcp_event. */
export function eventOf(record: ConnectionRecord): DataView {
  const { process, local, peer, netns, direction, flow_id, monotonic_ns } = record;
  const dot = flow_id.indexOf('.');
  let flags = process === undefined ? 0 : EventFlag.EVENT_HAS_PROCESS;
  const event = {
    timeNs: monotonic_ns,
    flowNs: Number.parseInt(flow_id.slice(0, dot), 16),
    flowCpu: Number(flow_id.slice(dot + 1)),
    cpu: record.cpu,
    tuple: {
      localAddress: parseMappedPrefix(local.address).address,
      peerAddress: parseMappedPrefix(peer.address).address,
      localPort: local.port,
      peerPort: peer.port,
      netns,
      interface: record.interface_index ?? 0,
    },
    process: { pid: 0, tid: 0, uid: 0, reserved: 0, cgroupId: 0, comm: '', thread: '', ...process },
    connectionId: 0,
    durationNs: 0,
    closingNs: 0,
    bytesSent: 0,
    bytesReceived: 0,
    segmentsSent: 0,
    segmentsReceived: 0,
    retransmits: 0,
    srttUs: 0,
    event: kinds[record.event],
    direction: direction === undefined ? Direction.DIRECTION_UNKNOWN : directions[direction],
    closedBy: ClosedBy.CLOSED_BY_LOCAL,
    error: record.event === 'fail' ? 111 : 0,
    fd: 0,
    subflows: 0,
  };
  const durationUs = record.event === 'connect' ? record.handshake_us : durationOf(record);
  if (durationUs !== undefined) {
    event.durationNs = durationUs * 1000;
    flags |= EventFlag.EVENT_HAS_DURATION;
  }
  if (record.event === 'close') {
    event.bytesSent = record.bytes_sent ?? 0;
    event.bytesReceived = record.bytes_received ?? 0;
    flags |= EventFlag.EVENT_HAS_BYTES;
  }
  const view = new DataView(new ArrayBuffer(sizeofTcpEvent));
  writeTcpEvent(view, 0, { ...event, flags: flags as EventFlag });
  return view;
}

function durationOf(record: ConnectionRecord): number | undefined {
  return 'duration_us' in record ? record.duration_us : undefined;
}
