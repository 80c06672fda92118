/** From the kernel's binary event to the record that users see. Pure. */

import { errnoName, readString } from '@weir/ebpf';
import { AddressFormatter } from '@weir/ebpf/address';
import {
  Direction,
  EventFlag,
  offsetsProcess,
  offsetsTcpEvent,
  offsetsTuple,
  readTcpEvent,
  type TcpEvent,
  TcpEventKind,
} from '../generated/tcp.js';
import { microseconds, readCloseFields } from '../records/close-readers.js';
import { readWide } from '../records/event-members.js';
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
import { hexText15, hexText16 } from './digits.js';

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

/** Where members are in an event, bytes. */
const at = offsetsTcpEvent;
const tupleAt = within(offsetsTcpEvent.tuple, offsetsTuple);
const processAt = within(offsetsTcpEvent.process, offsetsProcess);
/** Bytes of a process's name and of a thread's, which are of the same type. */
const NAME_BYTES = offsetsProcess.thread - offsetsProcess.comm;

/** Offsets in a struct, as those in the struct that it is a member of. */
function within<Offsets extends Readonly<Record<string, number>>>(start: number, offsets: Offsets): Offsets {
  const moved = Object.entries(offsets).map(([name, offset]) => [name, start + offset]);
  return Object.fromEntries(moved) as Offsets;
}

/** Decodes events; keeps caches of what repeats. */
export class EventDecoder {
  readonly #clock: WallClock;
  readonly #addresses = new AddressFormatter();
  readonly #interfaces: Pick<InterfaceNames, 'name'>;
  constructor(clock: WallClock, interfaces: Pick<InterfaceNames, 'name'> = new InterfaceNames()) {
    this.#clock = clock;
    this.#interfaces = interfaces;
  }

  /** @param offset Of the struct tcp_event in `view`. */
  decode(view: DataView, offset: number): KernelRecord {
    const kind = view.getUint32(offset + at.event, true) as TcpEventKind;
    if (kind === TcpEventKind.EVENT_FD_INSTALL) return this.#fdInstall(readTcpEvent(view, offset));
    const flags = view.getUint32(offset + at.flags, true);
    const common = this.#common(kind, flags, view, offset);
    switch (kind) {
      case TcpEventKind.EVENT_CONNECT: {
        const record = common as Writable<ConnectRecord>;
        if (flags & EventFlag.EVENT_HAS_DURATION) record.handshake_us = durationUs(view, offset);
        return record;
      }
      case TcpEventKind.EVENT_ACCEPT: {
        const record = common as Writable<AcceptRecord>;
        record.accounted = flags & EventFlag.EVENT_BY_LISTENER ? 'listener' : 'accept';
        const holders = view.getInt32(offset + at.fd, true);
        if (record.accounted === 'listener' && holders > 1) record.candidates = holders;
        return record;
      }
      case TcpEventKind.EVENT_FAIL: {
        const record = common as Writable<FailRecord>;
        const error = view.getUint32(offset + at.error, true);
        if (error !== 0) record.error = errnoName(error);
        if (flags & EventFlag.EVENT_HAS_DURATION) record.duration_us = durationUs(view, offset);
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

  /** What records of all kinds of sockets have. Members are read one by one: most records need half of them. */
  #common(
    kind: TcpEventKind,
    flags: number,
    view: DataView,
    offset: number,
  ): EstablishedRecord & { event: SocketEventName } {
    const timeNs = readWide(view, offset + at.timeNs);
    const record: Writable<EstablishedRecord & { event: SocketEventName }> = {
      event: eventNames[kind] as SocketEventName,
      time: this.#clock.format(timeNs),
      monotonic_ns: timeNs,
      cpu: view.getUint32(offset + at.cpu, true),
      netns: view.getUint32(offset + tupleAt.netns, true),
      network: flags & EventFlag.EVENT_IPV6 ? networkIpv6 : networkIpv4,
      local: {
        address: this.#addresses.format(view, offset + tupleAt.localAddress),
        port: view.getUint16(offset + tupleAt.localPort, true),
      },
      peer: {
        address: this.#addresses.format(view, offset + tupleAt.peerAddress),
        port: view.getUint16(offset + tupleAt.peerPort, true),
      },
      flow_id: flowId(view, offset),
    };
    if (flags & EventFlag.EVENT_HAS_PROCESS) setProcess(record, view, offset);
    const idLow = view.getUint32(offset + at.connectionId, true);
    const idHigh = view.getUint32(offset + at.connectionId + 4, true);
    if (idLow !== 0 || idHigh !== 0) record.connection_id = hexText16(idHigh, idLow);
    const index = view.getUint32(offset + tupleAt.interface, true);
    if (index !== 0) this.#setInterface(record, index);
    const direction = view.getUint32(offset + at.direction, true);
    if (direction !== Direction.DIRECTION_UNKNOWN) {
      record.direction = direction === Direction.DIRECTION_OUTBOUND ? 'outbound' : 'inbound';
    }
    return record;
  }
}

function setProcess(record: Writable<SocketRecord>, view: DataView, offset: number): void {
  const comm = readString(view, offset + processAt.comm, NAME_BYTES);
  record.process = {
    pid: view.getUint32(offset + processAt.pid, true),
    tid: view.getUint32(offset + processAt.tid, true),
    comm,
    uid: view.getUint32(offset + processAt.uid, true),
  };
  const thread = readString(view, offset + processAt.thread, NAME_BYTES);
  if (thread !== '' && thread !== comm) record.thread = thread;
  const cgroup = readWide(view, offset + processAt.cgroupId);
  if (cgroup !== 0) record.cgroup_id = cgroup;
}

function durationUs(view: DataView, offset: number): number {
  return microseconds(readWide(view, offset + at.durationNs));
}

/** The moment at which the connection was first seen, 15 hexadecimal digits of nanoseconds, and the CPU. */
function flowId(view: DataView, offset: number): string {
  const low = view.getUint32(offset + at.flowNs, true);
  const high = view.getUint32(offset + at.flowNs + 4, true);
  return `${hexText15(high, low)}.${view.getUint32(offset + at.flowCpu, true)}`;
}
