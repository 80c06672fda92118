/** Frames that a test sends on a device as they are, by a packet socket: packet(7). */
import { addressBytes } from '../../src/address/address.js';
import { interfaceIndex } from '../../src/link/device.js';
import { createArena } from '../../src/sys/arena.js';
import { Fd } from '../../src/sys/fd.js';
import { NetlinkProtocol, NetlinkSocket } from '../../src/sys/netlink.js';
import { syscall } from '../../src/sys/syscalls.js';

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const UDP_BYTES = 8;
const IPV6_BYTES = 40;
const IPV6_ADDRESS_BYTES = 16;
const ETH_P_IP = 0x800;
const ETH_P_IPV6 = 0x86dd;
const IPPROTO_UDP = 17;
const IPPROTO_ROUTING = 43;
const IPPROTO_NONE = 59;
const IPV6_SRCRT_TYPE_4 = 4;

/** A broadcast frame with a datagram that is empty. */
export function udpFrame(source: string, destination: string): Uint8Array {
  const frame = new Uint8Array(ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES);
  const view = new DataView(frame.buffer);
  frame.fill(0xff, 0, 6);
  frame.set([2, 0, 0, 0, 0, 9], 6);
  view.setUint16(12, ETH_P_IP);
  const ip = ETHERNET_BYTES;
  frame.set([0x45, 0], ip);
  view.setUint16(ip + 2, IPV4_BYTES + UDP_BYTES);
  frame.set([64, IPPROTO_UDP], ip + 8);
  frame.set(addressBytes(source), ip + 12);
  frame.set(addressBytes(destination), ip + 16);
  view.setUint16(ip + 10, checksum(frame.subarray(ip, ip + IPV4_BYTES)));
  const udp = ip + IPV4_BYTES;
  view.setUint16(udp, 9999);
  view.setUint16(udp + 2, 9);
  view.setUint16(udp + 4, UDP_BYTES);
  return frame;
}

/** A broadcast frame of IPv6 without a payload, whose segment routing header (RFC 8754) leads by one segment to another. */
export function segmentFrame(source: string, segment: string, next: string): Uint8Array {
  const segments = [next, segment];
  const headerBytes = 8 + IPV6_ADDRESS_BYTES * segments.length;
  const frame = new Uint8Array(ETHERNET_BYTES + IPV6_BYTES + headerBytes);
  const view = new DataView(frame.buffer);
  frame.fill(0xff, 0, 6);
  frame.set([2, 0, 0, 0, 0, 9], 6);
  view.setUint16(12, ETH_P_IPV6);
  const ip = ETHERNET_BYTES;
  frame[ip] = 6 << 4;
  view.setUint16(ip + 4, headerBytes);
  frame.set([IPPROTO_ROUTING, 64], ip + 6);
  frame.set(addressBytes(source), ip + 8);
  frame.set(addressBytes(segment), ip + 8 + IPV6_ADDRESS_BYTES);
  const routing = ip + IPV6_BYTES;
  const left = segments.length - 1;
  frame.set([IPPROTO_NONE, headerBytes / 8 - 1, IPV6_SRCRT_TYPE_4, left, left], routing);
  for (const [i, address] of segments.entries())
    frame.set(addressBytes(address), routing + 8 + IPV6_ADDRESS_BYTES * i);
  return frame;
}

/** The checksum of a header whose own is 0 yet. */
function checksum(header: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += (header[at]! << 8) | header[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Sends a frame out of a device of the calling thread's network namespace. */
export function sendFrame(device: string, frame: Uint8Array): void {
  const [AF_PACKET, SOCK_RAW, SOCK_CLOEXEC] = [17, 3, 0x80000];
  const addressLength = 20;
  using netlink = new NetlinkSocket(NetlinkProtocol.route);
  using socket = new Fd(syscall('socket', AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const arena = createArena(addressLength + frame.length);
  // struct sockaddr_ll
  arena.view.setUint16(0, AF_PACKET, true);
  arena.bytes.set(frame.subarray(12, 14), 2);
  arena.view.setInt32(4, interfaceIndex(netlink, device), true);
  arena.bytes.set(frame, addressLength);
  const data = arena.address + addressLength;
  syscall('sendto', socket.fd, data, frame.length, 0, arena.address, addressLength);
}
