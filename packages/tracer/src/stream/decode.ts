/** From the kernel's binary event to the record that users see. Pure. */

import { errnoName } from '@weir/ebpf';
import { AddressFormatter } from '@weir/ebpf/address';
import {
  Direction,
  EventFlag,
  offsetsTcpEvent,
  offsetsTuple,
  readTcpEvent,
  type TcpEvent,
  TcpEventKind,
} from '../generated/tcp.js';
import { microseconds, readCloseFields } from '../records/close-readers.js';
import type {
  AcceptRecord,
  CloseRecord,
  ConnectRecord,
  EstablishedRecord,
  FailRecord,
  FdInstallRecord,
  KernelEventName,
  KernelRecord,
  SocketEventName,
  SocketRecord,
} from '../records/record.js';
import { InterfaceNames } from '../sockets/interface-names.js';
import type { WallClock } from './clock.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The names of enum tcp_event_kind, by value. */
export const eventNames: readonly KernelEventName[] = (() => {
  const names: KernelEventName[] = [];
  names[TcpEventKind.EVENT_CONNECT] = 'connect';
  names[TcpEventKind.EVENT_ACCEPT] = 'accept';
  names[TcpEventKind.EVENT_CLOSE] = 'close';
  names[TcpEventKind.EVENT_FAIL] = 'fail';
  names[TcpEventKind.EVENT_FD_INSTALL] = 'fd_install';
  return names;
})();

const networkIpv4 = Object.freeze({ transport: 'tcp', type: 'ipv4' } as const);
const networkIpv6 = Object.freeze({ transport: 'tcp', type: 'ipv6' } as const);

const localAddressAt = offsetsTcpEvent.tuple + offsetsTuple.localAddress;
const peerAddressAt = offsetsTcpEvent.tuple + offsetsTuple.peerAddress;

/** Decodes events; keeps caches of what repeats. */
export class EventDecoder {
  readonly #clock: WallClock;
  readonly #addresses = new AddressFormatter();
  readonly #interfaces: Pick<InterfaceNames, 'name'>;
  /** Filled anew for each event, so that none is made that is thrown away at once. */
  #event: TcpEvent | undefined;

  constructor(clock: WallClock, interfaces: Pick<InterfaceNames, 'name'> = new InterfaceNames()) {
    this.#clock = clock;
    this.#interfaces = interfaces;
  }

  /** @param offset Of the struct tcp_event in `view`. */
  decode(view: DataView, offset: number): KernelRecord {
    const event = readTcpEvent(view, offset, this.#event);
    this.#event = event;
    if (event.event === TcpEventKind.EVENT_FD_INSTALL) return this.#fdInstall(event);
    const common = this.#common(event, view, offset);
    switch (event.event) {
      case TcpEventKind.EVENT_CONNECT: {
        const record = common as Writable<ConnectRecord>;
        if (event.flags & EventFlag.EVENT_HAS_DURATION) record.handshake_us = microseconds(event.durationNs);
        return record;
      }
      case TcpEventKind.EVENT_ACCEPT: {
        const record = common as Writable<AcceptRecord>;
        record.accounted = event.flags & EventFlag.EVENT_BY_LISTENER ? 'listener' : 'accept';
        if (record.accounted === 'listener' && event.fd > 1) record.candidates = event.fd;
        return record;
      }
      case TcpEventKind.EVENT_FAIL: {
        const record = common as Writable<FailRecord>;
        if (event.error !== 0) record.error = errnoName(event.error);
        if (event.flags & EventFlag.EVENT_HAS_DURATION) record.duration_us = microseconds(event.durationNs);
        return record;
      }
      default: {
        const record = common as Writable<CloseRecord>;
        readCloseFields(record, view, offset);
        return record;
      }
    }
  }

  #fdInstall({ timeNs, cpu, process, tuple, fd }: TcpEvent): FdInstallRecord {
    const record: Writable<FdInstallRecord> = {
      event: 'fd_install',
      time: this.#clock.format(timeNs),
      monotonic_ns: timeNs,
      cpu,
      process: { pid: process.pid, tid: process.tid, comm: process.comm, uid: process.uid },
      fd,
    };
    if (process.thread !== '' && process.thread !== process.comm) record.thread = process.thread;
    if (tuple.netns !== 0) record.netns = tuple.netns;
    if (process.cgroupId !== 0) record.cgroup_id = process.cgroupId;
    return record;
  }

  #setInterface(record: Writable<SocketRecord>, index: number): void {
    record.interface_index = index;
    const name = this.#interfaces.name(record.netns, index);
    if (name !== undefined) record.interface = name;
  }

  #common(event: TcpEvent, view: DataView, offset: number): EstablishedRecord & { event: SocketEventName } {
    const { tuple, process, flags } = event;
    const record: Writable<EstablishedRecord & { event: SocketEventName }> = {
      event: eventNames[event.event] as SocketEventName,
      time: this.#clock.format(event.timeNs),
      monotonic_ns: event.timeNs,
      cpu: event.cpu,
      netns: tuple.netns,
      network: flags & EventFlag.EVENT_IPV6 ? networkIpv6 : networkIpv4,
      local: { address: this.#addresses.format(view, offset + localAddressAt), port: tuple.localPort },
      peer: { address: this.#addresses.format(view, offset + peerAddressAt), port: tuple.peerPort },
      flow_id: flowId(view, offset + offsetsTcpEvent.flowNs, event.flowCpu),
    };
    if (flags & EventFlag.EVENT_HAS_PROCESS) {
      record.process = { pid: process.pid, tid: process.tid, comm: process.comm, uid: process.uid };
      if (process.thread !== '' && process.thread !== process.comm) record.thread = process.thread;
      if (process.cgroupId !== 0) record.cgroup_id = process.cgroupId;
    }
    if (event.connectionId !== 0) record.connection_id = connectionId(view, offset);
    if (tuple.interface !== 0) this.#setInterface(record, tuple.interface);
    if (event.direction !== Direction.DIRECTION_UNKNOWN) {
      record.direction = event.direction === Direction.DIRECTION_OUTBOUND ? 'outbound' : 'inbound';
    }
    return record;
  }
}

/** 000 to fff: an identity is put together of these, which is several times faster than formatting a number. */
const threeHexDigits: readonly string[] = Array.from({ length: 4096 }, (_, n) =>
  n.toString(16).padStart(3, '0'),
);

/** Sixteen digits. */
function connectionId(view: DataView, offset: number): string {
  const id = view.getBigUint64(offset + offsetsTcpEvent.connectionId, true);
  return id.toString(16).padStart(16, '0');
}

/** The moment at which the connection was first seen, nanoseconds in hexadecimal, and the CPU. */
function flowId(view: DataView, offset: number, cpu: number): string {
  const low = view.getUint32(offset, true);
  const high = view.getUint32(offset + 4, true);
  const first = threeHexDigits[(high >>> 16) & 0xfff]!;
  const second = threeHexDigits[(high >>> 4) & 0xfff]!;
  const third = threeHexDigits[((high & 0xf) << 8) | (low >>> 24)]!;
  return `${first}${second}${third}${threeHexDigits[(low >>> 12) & 0xfff]}${threeHexDigits[low & 0xfff]}.${cpu}`;
}
