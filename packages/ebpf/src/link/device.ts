/** Network devices as rtnetlink sees them. Layout: include/uapi/linux/rtnetlink.h, if_link.h. */
import { EbpfError } from '../errors.js';
import { NetlinkProtocol, NetlinkSocket } from '../sys/netlink.js';
import { decodeAttributes, NetlinkPayload } from '../sys/netlink-message.js';

const getLink = 18; // RTM_GETLINK
const attributeName = 3; // IFLA_IFNAME

/** struct ifinfomsg, 16 bytes. */
export function interfaceMessage(ifindex: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setInt32(4, ifindex, true);
  return bytes;
}

/** A device's number, by its name in the socket's network namespace. @throws SyscallError ENODEV */
export function interfaceIndex(socket: NetlinkSocket, device: string | number): number {
  if (typeof device === 'number') return device;
  const payload = new NetlinkPayload(interfaceMessage(0)).string(attributeName, device).bytes;
  const [reply] = socket.request({ type: getLink, payload, what: `look up network device ${device}` });
  if (reply === undefined) throw new EbpfError(`the kernel did not answer about network device ${device}`);
  return new DataView(reply.payload.buffer, reply.payload.byteOffset).getInt32(4, true);
}

/** The number of a device of the calling thread's network namespace. @throws SyscallError ENODEV */
export function deviceIndex(device: string): number {
  using socket = new NetlinkSocket(NetlinkProtocol.route);
  return interfaceIndex(socket, device);
}

/** The attributes of a device. @throws SyscallError */
export function interfaceAttributes(socket: NetlinkSocket, ifindex: number): Map<number, Uint8Array> {
  const payload = interfaceMessage(ifindex);
  const [reply] = socket.request({ type: getLink, payload, what: `look up network device ${ifindex}` });
  return reply === undefined ? new Map() : decodeAttributes(reply.payload.subarray(16));
}

/** A 32-bit attribute's value. */
export function u32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}
