/** Programs on the packets of a route: lightweight tunnels (4.10, CONFIG_LWTUNNEL_BPF). */
import { constants } from 'node:os';
import { addressBytes } from '../address/address.js';
import { type Prefix, parsePrefix } from '../address/prefix.js';
import { OptionError, SyscallError, UnsupportedError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { NetlinkProtocol, NetlinkSocket } from '../sys/netlink.js';
import { NetlinkFlag, NetlinkPayload } from '../sys/netlink-message.js';
import { ProgramType } from '../uapi/program-types.js';
import { interfaceIndex } from './device.js';
import type { Link } from './link.js';
import { requireType } from './program-kind.js';

/** A route whose packets run a program. */
export interface LwtRoute {
  /** The packets' destination, such as `10.1.0.0/16`. */
  readonly destination: string;
  /** The device that they leave by, its name or number in the calling thread's network namespace. */
  readonly device: string | number;
  /** The next hop. Default: the destination is reached by the device itself. */
  readonly gateway?: string;
  /** The number of the routing table. Default 254, the main one. */
  readonly table?: number;
  /** lwt_xmit: bytes that are kept free in front of packets, for headers that the program adds; at most 256. */
  readonly headroom?: number;
}

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
/** RTA_*. */
const attribute = { destination: 1, device: 4, gateway: 5, table: 15, encapType: 21, encap: 22 } as const;
const LWTUNNEL_ENCAP_BPF = 6;
/** LWT_BPF_*: the hooks by program type, and the members of each. */
const hooks: ReadonlyMap<number, { readonly kind: string; readonly attribute: number }> = new Map([
  [ProgramType.lwtIn, { kind: 'lwt_in', attribute: 1 }],
  [ProgramType.lwtOut, { kind: 'lwt_out', attribute: 2 }],
  [ProgramType.lwtXmit, { kind: 'lwt_xmit', attribute: 3 }],
]);
const LWT_BPF_XMIT_HEADROOM = 4;
const member = { programFd: 1, programName: 2 } as const;
const MAX_HEADROOM = 256;
const AF_INET = 2;
const AF_INET6 = 10;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RTN_UNICAST = 1;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;

/**
 * Adds a route that runs a program on its packets (4.10): lwt_in on those that come in for it, lwt_out and lwt_xmit on those that go out. The
 * route goes when the link is disposed of; the kernel keeps it when this process dies.
 * @throws OptionError for a destination that is none; SyscallError, such as EEXIST where there is such a route;
 * UnsupportedError on a kernel without CONFIG_LWTUNNEL_BPF.
 */
export function attachLwt(program: ProgramHandle, route: LwtRoute): Link {
  requireType(program, 'attachLwt', ProgramType.lwtIn, ProgramType.lwtOut, ProgramType.lwtXmit);
  const { headroom } = route;
  if (headroom !== undefined && (program.type !== ProgramType.lwtXmit || headroom > MAX_HEADROOM))
    throw new OptionError(`a headroom of ${headroom} bytes: at most ${MAX_HEADROOM}, for lwt_xmit`);
  return new LwtLink(program, route);
}

class LwtLink implements Link {
  readonly kind: string;
  readonly #socket = new NetlinkSocket(NetlinkProtocol.route);
  readonly #route: () => NetlinkPayload;
  readonly #destination: string;
  readonly #headroom: number | undefined;
  readonly #hook: number;
  #attached = false;

  constructor(program: ProgramHandle, route: LwtRoute) {
    const { kind, attribute: hook } = hooks.get(program.type)!;
    this.kind = kind;
    this.#hook = hook;
    this.#headroom = route.headroom;
    this.#destination = route.destination;
    try {
      const device = interfaceIndex(this.#socket, route.device);
      const prefix = parsePrefix(route.destination);
      this.#route = () => routePayload(prefix, device, route);
      this.#put(program, NetlinkFlag.create | NetlinkFlag.exclusive);
      this.#attached = true;
    } catch (error) {
      this.#socket[Symbol.dispose]();
      throw error;
    }
  }

  /** Puts another program of the same type in the place of this one. @throws SyscallError; OptionError for another type. */
  update(program: ProgramHandle): void {
    if (hooks.get(program.type)?.attribute !== this.#hook)
      throw new OptionError(`program ${program.name} is of another type than the route's (${this.kind})`);
    this.#put(program, NetlinkFlag.create | NetlinkFlag.replace);
  }

  [Symbol.dispose](): void {
    if (!this.#attached) return;
    this.#attached = false;
    const what = `remove the route to ${this.#destination}`;
    try {
      this.#socket.request({ type: RTM_DELROUTE, payload: this.#route().bytes, what });
    } catch (error) {
      // The route went with its device, or somebody removed it.
      const { ENODEV, ESRCH } = constants.errno;
      if (!(error instanceof SyscallError) || (error.errno !== ESRCH && error.errno !== ENODEV)) throw error;
    } finally {
      this.#socket[Symbol.dispose]();
    }
  }

  #put(program: ProgramHandle, flags: number): void {
    const payload = this.#route().nest(attribute.encap, (encap) => {
      encap.nest(this.#hook, (hook) =>
        hook.u32(member.programFd, program.fd).string(member.programName, program.name),
      );
      if (this.#headroom !== undefined) encap.u32(LWT_BPF_XMIT_HEADROOM, this.#headroom);
    });
    payload.attribute(attribute.encapType, Uint8Array.of(LWTUNNEL_ENCAP_BPF, 0));
    const what = `add a route to ${this.#destination} with program ${program.name}`;
    try {
      this.#socket.request({ type: RTM_NEWROUTE, flags, payload: payload.bytes, what });
    } catch (error) {
      throw isWithoutLwt(error)
        ? new UnsupportedError('programs of routes', undefined, 'it was built without CONFIG_LWTUNNEL_BPF')
        : error;
    }
  }
}

function isWithoutLwt(error: unknown): boolean {
  return error instanceof SyscallError && error.errno === constants.errno.EOPNOTSUPP;
}

/** What names the route: struct rtmsg, destination, device, gateway and table. */
function routePayload(prefix: Prefix, device: number, { gateway, table }: LwtRoute): NetlinkPayload {
  const isV4 = prefix.address.length === 4;
  const number = table ?? RT_TABLE_MAIN;
  const header = {
    ...{ family: isV4 ? AF_INET : AF_INET6, destinationBits: prefix.bits, sourceBits: 0, tos: 0 },
    // Tables beyond a byte are named by the attribute alone.
    ...{ table: number < 256 ? number : 0, protocol: RTPROT_STATIC },
    ...{ scope: isV4 && gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, type: RTN_UNICAST },
  };
  const payload = new NetlinkPayload(Uint8Array.of(...Object.values(header), 0, 0, 0, 0));
  payload.attribute(attribute.destination, prefix.address).u32(attribute.device, device);
  if (gateway !== undefined) payload.attribute(attribute.gateway, addressBytes(gateway));
  return payload.u32(attribute.table, number);
}
