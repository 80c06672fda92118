/** A device by which packets leave, other than that by which they came in. Layout: include/uapi/linux/if_link.h. */
import { EbpfError } from '@weir/ebpf';
import { decodeAttributes, NetlinkPayload, type NetlinkSocket } from '@weir/ebpf/sys';

const RTM_GETLINK = 18;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
/** struct ifinfomsg, with the device's number at 4. */
const INFO_BYTES = 16;
const MAC_BYTES = 6;

export interface ExitDevice {
  readonly ifindex: number;
  /** `02:00:5e:10:00:01` */
  readonly mac: string;
}

/** A device in the socket's network namespace. @throws SyscallError without it; EbpfError if it has no MAC address. */
export function exitDevice(socket: NetlinkSocket, name: string): ExitDevice {
  const payload = new NetlinkPayload(new Uint8Array(INFO_BYTES)).string(IFLA_IFNAME, name).bytes;
  const request = { type: RTM_GETLINK, payload, what: `look up the router's device ${name}` };
  const [reply] = socket.request(request);
  const mac = reply && decodeAttributes(reply.payload.subarray(INFO_BYTES)).get(IFLA_ADDRESS);
  if (reply === undefined || mac?.length !== MAC_BYTES)
    throw new EbpfError(`${name} has no MAC address: only Ethernet devices can lead to the router`);
  const view = new DataView(reply.payload.buffer, reply.payload.byteOffset);
  return {
    ifindex: view.getInt32(4, true),
    mac: Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':'),
  };
}
