/** Services with translated addresses, and their expected packets, from the RFCs alone. */
import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import type { Balancer, NatOptions, ServiceReal } from '../../src/index.js';
import { hex, open, VIP4, VIP6 } from './open-balancer.js';
import {
  address,
  BALANCER_MAC,
  type Bytes,
  CLIENT_MAC,
  ethernet,
  etherType,
  frameOf,
  ipPacket,
  type Packet,
  ROUTER_MAC,
  reversed,
} from './packet.js';

export const OWN4 = '192.0.2.77';
export const OWN6 = 'fd00:77:0:0:0:0:0:1';
export const REAL4 = '10.0.0.1';
export const REAL6 = 'fd00:0:0:0:0:0:0:1';
export const REAL_PORT = 8080;
export const FIRST_PORT = 20_000;
export const LAST_PORT = 20_999;

export const nat: NatOptions = { sources: [OWN4, OWN6], ports: [FIRST_PORT, LAST_PORT] };

export function isV6({ source }: Packet): boolean {
  return isIPv6(source);
}

/** The first real of a packet's family. */
export function realOf(packet: Packet): string {
  return isV6(packet) ? REAL6 : REAL4;
}

/** A balancer with translated services on port 80, each with one real. */
export function openNat(options: NatOptions = nat, reals?: readonly ServiceReal[]): Balancer {
  const balancer = open({ nat: options });
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const [vip, real] of [
      [VIP4, REAL4],
      [VIP6, REAL6],
    ] as const) {
      setReals(balancer, vip, protocol, reals ?? [{ address: real, port: REAL_PORT }]);
    }
  }
  return balancer;
}

export function setReals(
  balancer: Balancer,
  vip: string,
  protocol: 'tcp' | 'udp',
  reals: readonly ServiceReal[],
): void {
  balancer.setService({ address: vip, port: 80, protocol }, { reals, forwarding: 'nat' });
}

/** A packet on its way to the real. */
export function translated(
  packet: Packet,
  port: number,
  real = realOf(packet),
  realPort = REAL_PORT,
): Packet {
  const source = isV6(packet) ? OWN6 : OWN4;
  const ttl = (packet.ttl ?? 64) - 1;
  return { ...packet, source, sourcePort: port, destination: real, destinationPort: realPort, ttl };
}

function frame(destination: Bytes, ip: Bytes, padding = 0): string {
  const bytes = ethernet(destination, BALANCER_MAC, etherType(ip), ip);
  return hex(Uint8Array.from([...bytes, ...new Array<number>(padding).fill(0xee)]));
}

export function toRouter(ip: Bytes, padding = 0): string {
  return frame(ROUTER_MAC, ip, padding);
}

export function toClient(ip: Bytes, padding = 0): string {
  return frame(CLIENT_MAC, ip, padding);
}

/** Returns a sent packet's port on the balancer's address, and asserts every other byte. */
export function goesOut(balancer: Balancer, packet: Packet, real?: string, realPort?: number): number {
  const { verdict, frame: sent } = balancer.process(frameOf(packet));
  assert.equal(verdict, 'tx');
  const port = new DataView(sent.buffer, sent.byteOffset).getUint16(14 + (isV6(packet) ? 40 : 20));
  assert.equal(hex(sent), toRouter(ipPacket(translated(packet, port, real, realPort)), packet.padding));
  return port;
}

/** The real's answer to a packet that came from this port. */
export function replyTo(packet: Packet, port: number, more: Partial<Packet> = {}): Packet {
  return { ...reversed(translated(packet, port)), ttl: 64, ...more };
}

/** Asserts that a reply goes back from the VIP. */
export function comesBack(balancer: Balancer, packet: Packet, reply: Packet): void {
  const { verdict, frame: sent } = balancer.process(frameOf(reply));
  assert.equal(verdict, 'tx');
  const back = { ...reversed(packet), ttl: (reply.ttl ?? 64) - 1 };
  const wanted: Packet = {
    ...reply,
    source: back.source,
    sourcePort: back.sourcePort,
    destination: back.destination,
    destinationPort: back.destinationPort,
    ttl: back.ttl,
  };
  assert.equal(hex(sent), toClient(ipPacket(wanted), reply.padding));
}

/** An address's bytes as hexadecimal digits. */
export function addressHex(text: string): string {
  return hex(Uint8Array.from(address(text)));
}
