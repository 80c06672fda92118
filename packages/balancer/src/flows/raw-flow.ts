/** An entry of a table of flows, as the program wrote it. */
import { FlowKind, Limit } from '../generated/balancer.js';

/** One object stands for each entry of a walk, one after the other. */
export interface RawFlow {
  /** Four words of the source, four of the destination, in network order; IPv4 takes the first of each. */
  readonly ends: Uint32Array;
  /** Whether `ends` holds the flow's addresses: those of an IPv6 flow may be unknown. */
  hasEnds: boolean;
  /** Both as the program loads them from a packet. */
  sourcePort: number;
  destinationPort: number;
  udp: boolean;
  ipv6: boolean;
  /** The handle of the flow's real. */
  handle: number;
  /** Whether a source route or a server id chose the real. */
  byRule: boolean;
  /** Ticks since the last use that was noted; at least 0. */
  idleTicks: number;
  /** A CPU, for an entry of its table. */
  cpu: number | undefined;
  /** A translated flow: the number of its VIP, the index of its slot, and the ticks after which it ends. */
  nat: { vip: number; slot: number; limit: number } | undefined;
}

const HANDLE_BITS = Limit.REAL_NUMBER_BITS + Limit.REAL_GENERATION_BITS;

/** The parts of a flow table's word `real`, as in bpf/flow-table.h. */
export const handleMask = 2 ** HANDLE_BITS - 1;
export const ruleBit = 2 ** HANDLE_BITS;
export const kindShift = HANDLE_BITS + 1;

export function emptyFlow(): RawFlow {
  return {
    ends: new Uint32Array(8),
    hasEnds: false,
    sourcePort: 0,
    destinationPort: 0,
    udp: false,
    ipv6: false,
    handle: 0,
    byRule: false,
    idleTicks: 0,
    cpu: undefined,
    nat: undefined,
  };
}

/** Sets what the words of an entry say. */
export function setWords(flow: RawFlow, ports: number, real: number, idleTicks: number, kind: number): void {
  flow.sourcePort = ports & 0xffff;
  flow.destinationPort = ports >>> 16;
  flow.udp = (kind & FlowKind.FLOW_UDP) !== 0;
  flow.ipv6 = (kind & FlowKind.FLOW_IPV6) !== 0;
  flow.handle = real & handleMask;
  flow.byRule = (real & ruleBit) !== 0;
  flow.idleTicks = Math.max(0, idleTicks | 0);
}

/** A port's number, of its two bytes as the program loads them; and the other way. */
export function swapPort(port: number): number {
  return ((port & 0xff) << 8) | (port >>> 8);
}
