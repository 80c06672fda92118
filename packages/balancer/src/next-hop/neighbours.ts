/** Next hops and their MAC addresses, from rtnetlink. Layout: include/uapi/linux/rtnetlink.h, neighbour.h. */
import { addressBytes } from '@weir/ebpf/address';
import { decodeAttributes, NetlinkFlag, NetlinkPayload, type NetlinkSocket } from '@weir/ebpf/sys';

const Message = { newNeighbour: 28, getNeighbour: 30, getRoute: 26 } as const;
const Route = { destination: 1, device: 4, gateway: 5, priority: 6, multipath: 9 } as const;
const Neighbour = { destination: 1, linkAddress: 2 } as const;
const TABLE_MAIN = 254;
const RTN_UNICAST = 1;
/** RTNH_F_DEAD and RTNH_F_LINKDOWN mark hops that take no packets. */
const UNUSABLE = 1 | 16;
/** NTF_USE: the kernel resolves the neighbour as if it had a packet for it. */
const NTF_USE = 1;

/** NUD_* */
const State = { stale: 4, usable: 2 | 4 | 8 | 0x10 | 0x40 | 0x80 } as const;

export interface NextHop {
  readonly ifindex: number;
  readonly address: Uint8Array;
}

export interface KnownNeighbour {
  /** `02:00:5e:10:00:01` */
  readonly mac: string;
  /** The kernel would confirm the entry before it used it. */
  readonly stale: boolean;
}

function family(address: Uint8Array): number {
  return address.length === 4 ? 2 : 10;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The default gateway of a device, or of any: IPv4 before IPv6, then the least metric. */
export function defaultGateway(socket: NetlinkSocket, ifindex: number | undefined): NextHop | undefined {
  for (const version of [2, 10]) {
    const routes: { metric: number; hop: NextHop }[] = [];
    const payload = new Uint8Array(12);
    payload[0] = version;
    const request = { type: Message.getRoute, flags: NetlinkFlag.dump, payload, what: 'list routes' };
    for (const { payload: route } of socket.request(request)) {
      // struct rtmsg: destination bits at 1, table at 4, type at 7.
      if (route[1] !== 0 || route[4] !== TABLE_MAIN || route[7] !== RTN_UNICAST) continue;
      const attributes = decodeAttributes(route.subarray(12));
      const priority = attributes.get(Route.priority);
      const metric = priority === undefined ? 0 : view(priority).getUint32(0, true);
      for (const hop of hopsOf(attributes)) {
        if (ifindex === undefined || hop.ifindex === ifindex) routes.push({ metric, hop });
      }
    }
    const [best] = routes.sort((a, b) => a.metric - b.metric);
    if (best !== undefined) return best.hop;
  }
  return undefined;
}

/** The gateways of a route. */
function hopsOf(attributes: Map<number, Uint8Array>): NextHop[] {
  const device = attributes.get(Route.device);
  const gateway = attributes.get(Route.gateway);
  if (device !== undefined && gateway !== undefined) {
    return [{ ifindex: view(device).getInt32(0, true), address: gateway }];
  }
  const hops: NextHop[] = [];
  let rest = attributes.get(Route.multipath);
  // struct rtnexthop: length at 0, flags at 2, device at 4; attributes follow.
  while (rest !== undefined && rest.length >= 8) {
    const length = view(rest).getUint16(0, true);
    const address = decodeAttributes(rest.subarray(8, length)).get(Route.gateway);
    if (address !== undefined && (rest[2]! & UNUSABLE) === 0) {
      hops.push({ ifindex: view(rest).getInt32(4, true), address });
    }
    rest = length < 8 ? undefined : rest.subarray((length + 3) & ~3);
  }
  return hops;
}

/** The device that leads to an address of a connected network. @throws SyscallError if there is no route. */
export function deviceTowards(socket: NetlinkSocket, address: string): number | undefined {
  const bytes = addressBytes(address);
  const route = new Uint8Array(12);
  route[0] = family(bytes);
  route[1] = bytes.length * 8;
  const payload = new NetlinkPayload(route).attribute(Route.destination, bytes).bytes;
  const [reply] = socket.request({ type: Message.getRoute, payload, what: `find the route to ${address}` });
  const device = reply && decodeAttributes(reply.payload.subarray(12)).get(Route.device);
  return device === undefined ? undefined : view(device).getInt32(0, true);
}

/** Looks up a neighbour's MAC address; undefined if the kernel does not know it. */
export function findNeighbour(socket: NetlinkSocket, hop: NextHop): KnownNeighbour | undefined {
  return listNeighbours(socket, family(hop.address))(hop);
}

/** Finds neighbours in a list. */
export type Neighbours = (hop: NextHop) => KnownNeighbour | undefined;

/** Lists the neighbours whose MAC addresses the kernel knows. @param of A family; 0 for all. @throws SyscallError */
export function listNeighbours(socket: NetlinkSocket, of = 0): Neighbours {
  const request = new Uint8Array(12);
  request[0] = of;
  const replies = socket.request({
    type: Message.getNeighbour,
    flags: NetlinkFlag.dump,
    payload: request,
    what: 'list neighbours',
  });
  const known = new Map<string, KnownNeighbour>();
  for (const { payload } of replies) {
    const state = view(payload).getUint16(8, true);
    if ((state & State.usable) === 0) continue;
    const attributes = decodeAttributes(payload.subarray(12));
    const mac = attributes.get(Neighbour.linkAddress);
    const address = attributes.get(Neighbour.destination);
    if (mac?.length !== 6 || address === undefined) continue;
    const text = Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
    const ifindex = view(payload).getInt32(4, true);
    known.set(hopKey({ ifindex, address }), { mac: text, stale: state === State.stale });
  }
  return (hop) => known.get(hopKey(hop));
}

function hopKey({ ifindex, address }: NextHop): string {
  return `${ifindex} ${Buffer.from(address).toString('hex')}`;
}

/** Makes the kernel ask for a neighbour's MAC address (ARP, neighbour discovery). @throws SyscallError */
export function askForNeighbour(socket: NetlinkSocket, { ifindex, address }: NextHop): void {
  socket.request({
    type: Message.newNeighbour,
    flags: NetlinkFlag.create,
    payload: new NetlinkPayload(neighbourMessage(address, ifindex, NTF_USE)).attribute(
      Neighbour.destination,
      address,
    ).bytes,
    what: 'ask for a neighbour',
  });
}

/** struct ndmsg: family at 0, device at 4, flags at 10. */
function neighbourMessage(address: Uint8Array, ifindex: number, flags: number): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes[0] = family(address);
  view(bytes).setInt32(4, ifindex, true);
  bytes[10] = flags;
  return bytes;
}
