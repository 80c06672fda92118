/** Corrects events in place, before anybody sees them, where user space knows more than the kernel program did. */
import { AddressFormatter } from '@weir/ebpf/address';
import {
  EventFlag,
  offsetsProcess,
  offsetsTcpEvent,
  offsetsTuple,
  sizeofProcess,
  TcpEventKind,
  writeProcess,
} from '../generated/tcp.js';
import { ListenerHolders } from '../sockets/listener-holders.js';

const at = offsetsTcpEvent;

/** The process of connections that only the listening socket explains: one that called listen() becomes one that holds it now. */
export class EventCorrection {
  readonly #holders: ListenerHolders;
  readonly #addresses = new AddressFormatter();

  constructor(holders = new ListenerHolders()) {
    this.#holders = holders;
  }

  /** @param offset Of the struct tcp_event in `view`. */
  correct(view: DataView, offset: number): void {
    const flags = view.getUint32(offset + at.flags, true);
    if ((flags & EventFlag.EVENT_BY_LISTENER) === 0) return;
    const tuple = offset + at.tuple;
    const local = {
      address: this.#addresses.format(view, tuple + offsetsTuple.localAddress),
      port: view.getUint16(tuple + offsetsTuple.localPort, true),
    };
    const first = view.getUint32(offset + at.process + offsetsProcess.pid, true);
    const found = this.#holders.find(view.getUint32(tuple + offsetsTuple.netns, true), local, first);
    if (found === undefined) return;
    const { process, count } = found;
    if (view.getUint32(offset + at.event, true) === TcpEventKind.EVENT_ACCEPT)
      view.setInt32(offset + at.fd, count, true);
    if (process !== undefined && process.pid === first) return;
    new Uint8Array(view.buffer, view.byteOffset + offset + at.process, sizeofProcess).fill(0);
    if (process === undefined) {
      view.setUint32(offset + at.flags, flags & ~EventFlag.EVENT_HAS_PROCESS, true);
      return;
    }
    // Its control group may be another.
    writeProcess(view, offset + at.process, { ...process, cgroupId: 0, reserved: 0, thread: process.comm });
    view.setUint32(offset + at.flags, flags | EventFlag.EVENT_HAS_PROCESS, true);
  }
}
