/** What a driver can do with XDP, by the kernel's family `netdev`. Layout: include/uapi/linux/netdev.h, genetlink.h. */
import { deviceIndex } from '@weir/ebpf';
import { decodeAttributes, NetlinkPayload, NetlinkSocket } from '@weir/ebpf/sys';

const NETLINK_GENERIC = 16;
/** struct genlmsghdr: command, version, and two bytes without use. */
const HEADER_BYTES = 4;
/** The message's type of the family that knows all others. */
const GENL_ID_CTRL = 0x10;
const Control = { getFamily: 3, familyId: 1, familyName: 2 } as const;
const Netdev = { getDevice: 1, ifindex: 1, xdpFeatures: 3 } as const;
/** NETDEV_XDP_ACT_NDO_XMIT */
const NDO_XMIT = 1 << 2;

/**
 * Whether a driver sends packets that XDP redirects from another device's driver. Undefined if the kernel does not say, as
 * before Linux 6.3, or if there is no such device.
 */
export function takesRedirected(name: string): boolean | undefined {
  try {
    using socket = new NetlinkSocket(NETLINK_GENERIC);
    const family = familyNumber(socket);
    if (family === undefined) return undefined;
    const payload = new NetlinkPayload(header(Netdev.getDevice)).attribute(
      Netdev.ifindex,
      new Uint8Array(Uint32Array.of(deviceIndex(name)).buffer),
    ).bytes;
    const [reply] = socket.request({ type: family, payload, what: `ask what ${name} can do with XDP` });
    const features = reply && decodeAttributes(reply.payload.subarray(HEADER_BYTES)).get(Netdev.xdpFeatures);
    return features === undefined ? undefined : (features[0]! & NDO_XMIT) !== 0;
  } catch {
    return undefined;
  }
}

/** The number by which messages name the family. */
function familyNumber(socket: NetlinkSocket): number | undefined {
  const payload = new NetlinkPayload(header(Control.getFamily)).string(Control.familyName, 'netdev').bytes;
  const [reply] = socket.request({ type: GENL_ID_CTRL, payload, what: 'look up the family netdev' });
  const id = reply && decodeAttributes(reply.payload.subarray(HEADER_BYTES)).get(Control.familyId);
  return id === undefined ? undefined : new DataView(id.buffer, id.byteOffset).getUint16(0, true);
}

function header(command: number): Uint8Array {
  return Uint8Array.of(command, 1, 0, 0);
}
