/** Network devices as rtnetlink sees them. Layout: include/uapi/linux/rtnetlink.h, if_link.h. */
import { constants } from 'node:os';
import { EbpfError, SyscallError } from '../errors.js';
import { structLayouts } from '../generated/kernel-structs.js';
import { kernelStruct } from '../sys/attr.js';
import { NetlinkProtocol, NetlinkSocket } from '../sys/netlink.js';
import { decodeAttributes, NetlinkPayload } from '../sys/netlink-message.js';

const RTM_GETLINK = 18;
const IFLA_IFNAME = 3;

/** The start of a request about a device, struct ifinfomsg. */
export function interfaceMessage(ifindex: number): Uint8Array {
  return kernelStruct('ifinfomsg', { ifiIndex: ifindex }).packed();
}

/** A device's number, by its name in the socket's network namespace. @throws SyscallError ENODEV */
export function interfaceIndex(socket: NetlinkSocket, device: string | number): number {
  if (typeof device === 'number') return device;
  const payload = new NetlinkPayload(interfaceMessage(0)).string(IFLA_IFNAME, device).bytes;
  const what = `look up network device ${device}`;
  const [reply] = withoutDevice(what, () => socket.request({ type: RTM_GETLINK, payload, what }));
  if (reply === undefined) throw new EbpfError(`the kernel did not answer about network device ${device}`);
  return kernelStruct('ifinfomsg').load(reply.payload).get('ifiIndex');
}

/** Says in words that there is no such device. */
function withoutDevice<Answer>(what: string, request: () => Answer): Answer {
  try {
    return request();
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== constants.errno.ENODEV) throw error;
    throw new SyscallError(what, error.errno, 'this network namespace has none of that name');
  }
}

/** The number of a device of the calling thread's network namespace. @throws SyscallError ENODEV */
export function deviceIndex(device: string): number {
  using socket = new NetlinkSocket(NetlinkProtocol.route);
  return interfaceIndex(socket, device);
}

/** The name of a device of the calling thread's network namespace. @throws SyscallError ENODEV */
export function deviceName(ifindex: number): string | undefined {
  using socket = new NetlinkSocket(NetlinkProtocol.route);
  const name = interfaceAttributes(socket, ifindex).get(IFLA_IFNAME);
  return name === undefined ? undefined : Buffer.from(name.subarray(0, -1)).toString('utf8');
}

/** The attributes of a device. @throws SyscallError */
export function interfaceAttributes(socket: NetlinkSocket, ifindex: number): Map<number, Uint8Array> {
  const payload = interfaceMessage(ifindex);
  const [reply] = socket.request({ type: RTM_GETLINK, payload, what: `look up network device ${ifindex}` });
  return reply === undefined
    ? new Map()
    : decodeAttributes(reply.payload.subarray(structLayouts.ifinfomsg.size));
}

/** A 32-bit attribute's value. */
export function u32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}
