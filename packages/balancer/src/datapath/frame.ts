/** Flows, and frames that stand for them. */
import { OptionError } from '@weir/ebpf';
import { keyAddress, wirePort } from '../address.js';
import { type Protocol, protocolNumbers } from '../service.js';

/** Addresses, ports and protocol of a flow, as in the client's packets. */
export interface Flow {
  /** The client's address. */
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly protocol: Protocol;
}

/** A message if the two ends of a flow are of different families. */
export function familyProblem({
  source,
  destination,
}: Pick<Flow, 'source' | 'destination'>): string | undefined {
  if (keyAddress(source).ipv6 === keyAddress(destination).ipv6) return undefined;
  return `${source} and ${destination} are of different families`;
}

const ETHERNET = 14;
const TCP = 20;
const UDP = 8;

const TCP_SYN = 0x02;
const TCP_ACK = 0x10;

/**
 * A frame without payload and checksums.
 *
 * @param begins Whether it begins a flow of TCP. Default: the flow began earlier.
 * @throws OptionError
 */
export function flowFrame(flow: Flow, begins = false): Uint8Array {
  const source = keyAddress(flow.source);
  const destination = keyAddress(flow.destination);
  const problem = familyProblem(flow);
  if (problem !== undefined) throw new OptionError(problem);
  const transport = flow.protocol === 'tcp' ? TCP : UDP;
  const header = source.ipv6 ? 40 : 20;
  const frame = new Uint8Array(ETHERNET + header + transport);
  const view = new DataView(frame.buffer);
  const protocol = protocolNumbers[flow.protocol];
  view.setUint16(12, source.ipv6 ? 0x86dd : 0x0800);
  if (source.ipv6) {
    view.setUint8(14, 0x60);
    view.setUint16(18, transport);
    view.setUint8(20, protocol);
  } else {
    view.setUint8(14, 0x45);
    view.setUint16(16, header + transport);
    view.setUint8(23, protocol);
  }
  const size = source.ipv6 ? 16 : 4;
  const addresses = ETHERNET + header - 2 * size;
  frame.set(new Uint8Array(source.words.buffer, 0, size), addresses);
  frame.set(new Uint8Array(destination.words.buffer, 0, size), addresses + size);
  const ports = ETHERNET + header;
  view.setUint16(ports, wirePort(flow.sourcePort), true);
  view.setUint16(ports + 2, wirePort(flow.destinationPort), true);
  if (flow.protocol === 'tcp') frame.set([TCP << 2, begins ? TCP_SYN : TCP_ACK], ports + 12);
  else view.setUint16(ports + 4, UDP);
  return frame;
}
