/** Programs on packets that enter or leave a network device, after XDP: traffic control. */
import { constants } from 'node:os';
import { EbpfError, UnsupportedError } from '../errors.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import { structLayouts } from '../generated/kernel-structs.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { kernelStruct } from '../sys/attr.js';
import { NetlinkProtocol, NetlinkSocket } from '../sys/netlink.js';
import { decodeAttributes, NetlinkFlag, NetlinkPayload } from '../sys/netlink-message.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { interfaceIndex, u32 } from './device.js';
import { createLink, type Link, UpdatableLink } from './link.js';
import { explainOrder, hasOrder, isErrno, type LinkOrder, orderArguments } from './link-order.js';
import { isOwnerGone, ownerMark, ownIdentity } from './owner.js';
import { requireType } from './program-kind.js';

/** Options of {@link attachTc}. */
export interface TcOptions extends LinkOrder {
  readonly direction: 'ingress' | 'egress';
  /** 1 to 65535; lower ones run first (clsact only). Default: the kernel chooses one before all others. */
  readonly priority?: number;
  /** The features by which the way to attach is chosen. Default: those of the running kernel. */
  readonly features?: FeatureTable;
}

/**
 * Attaches to a device of the calling thread's network namespace: by a bpf_link (tcx, 6.6), else by a filter in the
 * clsact queueing discipline (4.5), which is added where it is missing. The kernel keeps a filter when this process dies,
 * until the next is attached to the device: those of processes that are gone are removed then.
 * @param device Its name or number.
 * @throws SyscallError; UnsupportedError where the kernel lacks clsact or its filters, or tcx for an order; UnknownFeatureError where it cannot be
 * found out whether it has tcx
 */
export function attachTc(program: ProgramHandle, device: string | number, options: TcOptions): Link {
  requireType(program, 'attachTc', ProgramType.schedCls);
  const socket = new NetlinkSocket(NetlinkProtocol.route);
  try {
    const ifindex = interfaceIndex(socket, device);
    const features = options.features ?? kernelFeatures;
    if (hasOrder(options)) features.require('tcx', 'an order of programs needs it');
    if (!features.decide('tcx')) return new ClsactFilter(socket, program, ifindex, options);
    const attachType = options.direction === 'ingress' ? AttachType.tcxIngress : AttachType.tcxEgress;
    const { flags, relative: tcx } = orderArguments(options);
    const fd = createLink(program, ifindex, attachType, { flags, tcx }, explainOrder);
    socket[Symbol.dispose]();
    return new UpdatableLink('tcx', fd);
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
}

/** RTM_*. */
const Message = { newQdisc: 36, delQdisc: 37, newFilter: 44, delFilter: 45, getFilter: 46 } as const;
/** TCA_* and TCA_BPF_*. */
const attribute = { kind: 1, options: 2 } as const;
const bpfAttribute = { fd: 6, name: 7, flags: 8, id: 11 } as const;
/** The kernel answers with what it made, with handle and priority. */
const NLM_F_ECHO = 8;
/** The discipline's place, its handle, and the parents of filters in it. */
const TC_H_CLSACT = 0xffff_fff1;
const clsactHandle = 0xffff_0000;
const parents = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;
/** ETH_P_ALL in network byte order. */
const ALL_PROTOCOLS = 0x0300;
/** The program's return value is the verdict. */
const TCA_BPF_FLAG_ACT_DIRECT = 1;

interface FilterPlace {
  readonly ifindex: number;
  readonly parent: number;
  readonly handle: number;
  readonly priority: number;
}

/** The start of a request about a filter or discipline, struct tcmsg. */
function trafficMessage({ ifindex, parent, handle, priority }: FilterPlace, protocol: number): Uint8Array {
  return kernelStruct('tcmsg', {
    ...{ tcmIfindex: ifindex, tcmHandle: handle, tcmParent: parent },
    tcmInfo: ((priority << 16) | protocol) >>> 0,
  }).packed();
}

/** Handle and priority in the kernel's message about a filter. */
function filterNumbers(message: Uint8Array): { readonly handle: number; readonly priority: number } {
  const filter = kernelStruct('tcmsg').load(message);
  return { handle: filter.get('tcmHandle'), priority: filter.get('tcmInfo') >>> 16 };
}

/** The options of a filter, by attribute, in the kernel's message about it. */
function filterOptions(message: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const options = decodeAttributes(message.subarray(structLayouts.tcmsg.size)).get(attribute.options);
  return options === undefined ? new Map() : decodeAttributes(options);
}

/** Follows the owner in the name of a filter whose owner added clsact. */
const ownsQdisc = '+clsact';

class ClsactFilter implements Link {
  readonly kind = 'tc';
  readonly #socket: NetlinkSocket;
  readonly #place: FilterPlace;
  readonly #madeQdisc: boolean;
  #programId: number;
  #attached = true;

  constructor(socket: NetlinkSocket, program: ProgramHandle, ifindex: number, options: TcOptions) {
    this.#socket = socket;
    const parent = parents[options.direction];
    this.#place = { ifindex, parent, handle: 0, priority: options.priority ?? 0 };
    this.#madeQdisc = this.#addQdisc() || this.#removeStale();
    try {
      this.#place = this.#putFilter(program, NetlinkFlag.create | NetlinkFlag.exclusive);
    } catch (error) {
      this.#removeQdisc();
      throw error;
    }
    this.#programId = program.id;
  }

  update(program: ProgramHandle): void {
    this.#putFilter(program, NetlinkFlag.create | NetlinkFlag.replace);
    this.#programId = program.id;
  }

  [Symbol.dispose](): void {
    if (!this.#attached) return;
    this.#attached = false;
    try {
      if (this.#isOurs()) this.#request(Message.delFilter, 0, 'remove a filter from');
      this.#removeQdisc();
    } catch (error) {
      // The device, and all on it, may be gone.
      if (!isErrno(error, constants.errno.ENODEV)) throw error;
    } finally {
      this.#socket[Symbol.dispose]();
    }
  }

  /** Returns whether it was not there before. */
  #addQdisc(): boolean {
    const place = { ...this.#place, parent: TC_H_CLSACT, handle: clsactHandle, priority: 0 };
    const payload = new NetlinkPayload(trafficMessage(place, 0)).string(attribute.kind, 'clsact').bytes;
    const flags = NetlinkFlag.create | NetlinkFlag.exclusive;
    try {
      this.#socket.request({ type: Message.newQdisc, flags, payload, what: this.#what('add clsact to') });
      return true;
    } catch (error) {
      if (isErrno(error, constants.errno.EEXIST)) return false;
      throw explained(error, 'clsact', 'CONFIG_NET_SCH_INGRESS', 'sch_ingress');
    }
  }

  #name(program: ProgramHandle): string {
    return `${program.name}@${ownerMark(ownIdentity())}${this.#madeQdisc ? ownsQdisc : ''}`;
  }

  /** Removes what processes left behind that were killed. Returns whether one of them had brought clsact. */
  #removeStale(): boolean {
    let brought = false;
    for (const parent of Object.values(parents)) {
      for (const { payload } of this.#filters(parent)) {
        const name = filterOptions(payload).get(bpfAttribute.name);
        const [, mark, more] = /@(\w+)(\+clsact)?\0?$/.exec(Buffer.from(name ?? []).toString('latin1')) ?? [];
        if (mark === undefined || !isOwnerGone(mark)) continue;
        brought ||= more === ownsQdisc;
        const place = { ...this.#place, parent, ...filterNumbers(payload) };
        try {
          this.#request(Message.delFilter, 0, 'remove a filter from', place);
        } catch (error) {
          // Somebody else removed it first.
          if (!isErrno(error, constants.errno.ENOENT)) throw error;
        }
      }
    }
    return brought;
  }

  #requestFilter(flags: number, payload: Uint8Array, what: string) {
    try {
      const request = { type: Message.newFilter, flags: flags | NLM_F_ECHO, payload, what };
      return this.#socket.request(request);
    } catch (error) {
      throw explained(error, 'filters of BPF programs', 'CONFIG_NET_CLS_BPF', 'cls_bpf');
    }
  }

  #putFilter(program: ProgramHandle, flags: number): FilterPlace {
    const payload = new NetlinkPayload(trafficMessage(this.#place, ALL_PROTOCOLS))
      .string(attribute.kind, 'bpf')
      .nest(attribute.options, (bpf) =>
        bpf
          .u32(bpfAttribute.fd, program.fd)
          .string(bpfAttribute.name, this.#name(program))
          .u32(bpfAttribute.flags, TCA_BPF_FLAG_ACT_DIRECT),
      ).bytes;
    const what = this.#what('add a filter to');
    const [made] = this.#requestFilter(flags, payload, what);
    if (made === undefined) throw new EbpfError(`${what}: the kernel did not say what it made`);
    return { ...this.#place, ...filterNumbers(made.payload) };
  }

  #isOurs(): boolean {
    try {
      const [filter] = this.#request(Message.getFilter, 0, 'look up a filter on');
      return (
        filter !== undefined && u32(filterOptions(filter.payload).get(bpfAttribute.id)) === this.#programId
      );
    } catch (error) {
      // Filter or discipline were removed.
      if (isErrno(error, constants.errno.ENOENT) || isErrno(error, constants.errno.EINVAL)) return false;
      throw error;
    }
  }

  /** Removes clsact if this link brought it and nobody else uses it by now. */
  #removeQdisc(): void {
    if (!this.#madeQdisc || Object.values(parents).some((parent) => this.#filters(parent).length > 0)) return;
    const place = { ...this.#place, parent: TC_H_CLSACT, handle: clsactHandle, priority: 0 };
    const payload = trafficMessage(place, 0);
    try {
      this.#socket.request({ type: Message.delQdisc, payload, what: this.#what('remove clsact from') });
    } catch (error) {
      if (!isErrno(error, constants.errno.ENOENT) && !isErrno(error, constants.errno.EINVAL)) throw error;
    }
  }

  #filters(parent: number) {
    const payload = trafficMessage({ ...this.#place, parent, handle: 0, priority: 0 }, 0);
    const what = this.#what('list filters on');
    return this.#socket.request({ type: Message.getFilter, flags: NetlinkFlag.dump, payload, what });
  }

  #request(type: number, flags: number, verb: string, place = this.#place) {
    const payload = new NetlinkPayload(trafficMessage(place, ALL_PROTOCOLS)).string(
      attribute.kind,
      'bpf',
    ).bytes;
    return this.#socket.request({ type, flags, payload, what: this.#what(verb) });
  }

  #what(verb: string): string {
    return `${verb} network device ${this.#place.ifindex}`;
  }
}

/** The kernel loads such modules by itself; without one, ENOENT says that it knows no such kind. */
function explained(error: unknown, what: string, option: string, module: string): unknown {
  if (!isErrno(error, constants.errno.ENOENT)) return error;
  return new UnsupportedError(what, undefined, `it takes ${option}, or its module: modprobe ${module}`);
}
