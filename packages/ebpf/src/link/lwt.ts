/** Programs on the packets of a route: lightweight tunnels (4.10, CONFIG_LWTUNNEL_BPF; 4.18 for segments, CONFIG_IPV6_SEG6_BPF). */
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
const LWTUNNEL_ENCAP_SEG6_LOCAL = 7;

/** How a route names a program: the kind of tunnel, and the attribute of the program, whose members are alike. */
interface Hook {
  readonly kind: string;
  readonly tunnel: number;
  readonly attribute: number;
}

/** LWT_BPF_IN, LWT_BPF_OUT, LWT_BPF_XMIT and SEG6_LOCAL_BPF, by program type. */
const hooks: ReadonlyMap<number, Hook> = new Map([
  [ProgramType.lwtIn, { kind: 'lwt_in', tunnel: LWTUNNEL_ENCAP_BPF, attribute: 1 }],
  [ProgramType.lwtOut, { kind: 'lwt_out', tunnel: LWTUNNEL_ENCAP_BPF, attribute: 2 }],
  [ProgramType.lwtXmit, { kind: 'lwt_xmit', tunnel: LWTUNNEL_ENCAP_BPF, attribute: 3 }],
  [ProgramType.lwtSeg6local, { kind: 'lwt_seg6local', tunnel: LWTUNNEL_ENCAP_SEG6_LOCAL, attribute: 8 }],
]);
const SEG6_LOCAL_ACTION = 1;
const SEG6_LOCAL_ACTION_END_BPF = 15;
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
 * Adds a route that runs a program on its packets (4.10): lwt_in on those that come in for it, lwt_out and lwt_xmit on those that go out, and
 * lwt_seg6local (4.18) on those of IPv6 that come in with a segment routing header whose current segment is the destination, once they are
 * set to the next segment (the action End.BPF). The route goes when the link is disposed of; the kernel keeps it when this process dies.
 * @throws OptionError for a destination that is none, or of IPv4 for segments; SyscallError, such as EEXIST where there is such a route;
 * UnsupportedError on a kernel without CONFIG_LWTUNNEL_BPF, or for segments CONFIG_IPV6_SEG6_BPF.
 */
export function attachLwt(program: ProgramHandle, route: LwtRoute): Link {
  const { lwtIn, lwtOut, lwtXmit, lwtSeg6local } = ProgramType;
  requireType(program, 'attachLwt', lwtIn, lwtOut, lwtXmit, lwtSeg6local);
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
  readonly #hook: Hook;
  #attached = false;

  constructor(program: ProgramHandle, route: LwtRoute) {
    this.#hook = hooks.get(program.type)!;
    this.kind = this.#hook.kind;
    this.#headroom = route.headroom;
    this.#destination = route.destination;
    try {
      const device = interfaceIndex(this.#socket, route.device);
      const prefix = parsePrefix(route.destination);
      if (program.type === ProgramType.lwtSeg6local && prefix.address.length === 4)
        throw new OptionError(`a route to ${route.destination}: segments are addresses of IPv6`);
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
    if (hooks.get(program.type) !== this.#hook)
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
    const { tunnel, attribute: hook } = this.#hook;
    const payload = this.#route().nest(attribute.encap, (encap) => {
      if (tunnel === LWTUNNEL_ENCAP_SEG6_LOCAL) encap.u32(SEG6_LOCAL_ACTION, SEG6_LOCAL_ACTION_END_BPF);
      encap.nest(hook, (named) =>
        named.u32(member.programFd, program.fd).string(member.programName, program.name),
      );
      if (this.#headroom !== undefined) encap.u32(LWT_BPF_XMIT_HEADROOM, this.#headroom);
    });
    payload.attribute(attribute.encapType, Uint8Array.of(tunnel, 0));
    const what = `add a route to ${this.#destination} with program ${program.name}`;
    try {
      this.#socket.request({ type: RTM_NEWROUTE, flags, payload: payload.bytes, what });
    } catch (error) {
      throw isWithoutLwt(error) ? unsupported(tunnel) : error;
    }
  }
}

function isWithoutLwt(error: unknown): boolean {
  return error instanceof SyscallError && error.errno === constants.errno.EOPNOTSUPP;
}

function unsupported(tunnel: number): UnsupportedError {
  return tunnel === LWTUNNEL_ENCAP_SEG6_LOCAL
    ? new UnsupportedError('programs of segments', undefined, 'it was built without CONFIG_IPV6_SEG6_BPF')
    : new UnsupportedError('programs of routes', undefined, 'it was built without CONFIG_LWTUNNEL_BPF');
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
