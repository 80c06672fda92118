/** Expected frames of packets in the tunnel to a real. */
import { isIPv6 } from 'node:net';
import {
  address,
  BALANCER_MAC,
  checksum,
  ethernet,
  etherType,
  ipPacket,
  ipv4,
  ipv6,
  type Packet,
  pseudoHeader,
  ROUTER_MAC,
  u16,
} from './packet.js';

/** The flow that decides the outer source; for an ICMP error, the client's side of the quoted packet. */
export interface OuterFlow {
  readonly source: string;
  readonly sourcePort: number;
}

function text(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16)).join(
    ':',
  );
}

function frame(outer: readonly number[], padding: number): Uint8Array {
  return Uint8Array.from([
    ...ethernet(ROUTER_MAC, BALANCER_MAC, etherType(outer), outer),
    ...new Array<number>(padding).fill(0xee),
  ]);
}

/** The frame of IP in IP. */
export function inTunnel(
  inner: readonly number[],
  flow: OuterFlow,
  real: string,
  tos = 0,
  padding = 0,
  protocol = inner[0]! >> 4 === 6 ? 41 : 4,
): Uint8Array {
  const [high, low] = u16(flow.sourcePort) as [number, number];
  const client = address(flow.source);
  if (isIPv6(real)) {
    const last = client.slice(-4);
    const source = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last[0]! ^ high, last[1]! ^ low, last[2]!, last[3]!];
    return frame(ipv6(text(source), real, protocol, inner, { trafficClass: tos }), padding);
  }
  const [a, b] = client.length === 4 ? client.slice(2) : client.slice(12, 14);
  const source = [172, 16, low ^ a!, high ^ b!];
  return frame(ipv4(text(source), real, protocol, inner, { tos }), padding);
}

export const GUE_SOURCE4 = '192.0.2.77';
export const GUE_SOURCE6 = 'fd00:77:0:0:0:0:0:1';

/** The frame of GUE, variant 1. */
export function inGue(
  inner: readonly number[],
  flow: OuterFlow,
  real: string,
  tos = 0,
  padding = 0,
): Uint8Array {
  const [high, low] = u16(flow.sourcePort) as [number, number];
  const client = address(flow.source);
  const [a, b] = client.length === 4 ? client.slice(2, 4) : client.slice(12, 14);
  const toV6 = isIPv6(real);
  const port = toV6 ? [high ^ a!, low ^ b!] : [low ^ a!, high ^ b!];
  const outer = toV6 ? GUE_SOURCE6 : GUE_SOURCE4;
  const udp = [...port, ...u16(6080), ...u16(8 + inner.length), 0, 0, ...inner];
  const sum = checksum([...pseudoHeader(address(outer), address(real), 17, udp.length), ...udp]);
  udp.splice(6, 2, ...u16(sum || 0xffff));
  const ip = toV6 ? ipv6(outer, real, 17, udp, { trafficClass: tos }) : ipv4(outer, real, 17, udp, { tos });
  return frame(ip, padding);
}

/** The frame of GRE: IP in IP with a header in between. */
export function inGre(
  inner: readonly number[],
  flow: OuterFlow,
  real: string,
  tos = 0,
  padding = 0,
): Uint8Array {
  const gre = [0, 0, ...(inner[0]! >> 4 === 6 ? [0x86, 0xdd] : [8, 0]), ...inner];
  return inTunnel(gre, flow, real, tos, padding, 47);
}

/** A client's packet in the tunnel. */
export function tunnelled(packet: Packet, real: string, wrap: typeof inTunnel = inTunnel): Uint8Array {
  return wrap(ipPacket(packet), packet, real, packet.tos, packet.padding);
}
