/** Removals of flows, as balancers send them to each other. Pure. */
import { addressBytes, formatAddress } from '@weir/ebpf/address';
import type { Flow } from '../datapath/frame.js';
import type { Protocol, Service } from '../service.js';

/** What is removed: one flow, or the flows of a service, or of one of its reals. */
export type Removal = { readonly flow: Flow } | { readonly service: Service; readonly real?: string };

const FLOW = 0;
const SERVICE = 1;
/** Bits of the second byte. */
const Bit = { ipv6: 1, udp: 2, real: 4, real6: 8 } as const;
/** Kind, bits, and two numbers: the ports; or the length of the prefix and the port. */
const FIXED_BYTES = 6;
/** The length of a prefix that is a whole address. */
const WHOLE = 0xffff;

export function encodeRemoval(removal: Removal): Buffer {
  if ('flow' in removal) {
    const { source, sourcePort, destination, destinationPort, protocol } = removal.flow;
    return encode(FLOW, protocol, sourcePort, destinationPort, [source, destination]);
  }
  const { service, real } = removal;
  const [address, bits] = service.address.split('/') as [string, string?];
  const prefix = bits === undefined ? WHOLE : Number(bits);
  return encode(SERVICE, service.protocol, prefix, service.port, [address], real);
}

function encode(
  kind: number,
  protocol: Protocol,
  first: number,
  second: number,
  addresses: readonly string[],
  real?: string,
): Buffer {
  const ends = addresses.map(addressBytes);
  const realBytes = real === undefined ? new Uint8Array() : addressBytes(real);
  const head = Buffer.alloc(FIXED_BYTES);
  head[0] = kind;
  head[1] =
    (ends[0]!.length === 16 ? Bit.ipv6 : 0) |
    (protocol === 'udp' ? Bit.udp : 0) |
    (realBytes.length > 0 ? Bit.real : 0) |
    (realBytes.length === 16 ? Bit.real6 : 0);
  head.writeUInt16BE(first, 2);
  head.writeUInt16BE(second, 4);
  return Buffer.concat([head, ...ends, realBytes]);
}

/** Undefined unless the bytes are exactly one removal. */
export function decodeRemoval(bytes: Buffer): Removal | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const bits = bytes[1]!;
  const wide = bits & Bit.ipv6 ? 16 : 4;
  const protocol = bits & Bit.udp ? 'udp' : 'tcp';
  const [first, second] = [bytes.readUInt16BE(2), bytes.readUInt16BE(4)];
  const rest = bytes.subarray(FIXED_BYTES);
  const address = (at: number, length: number) => formatAddress(rest.subarray(at, at + length));
  if (bytes[0] === FLOW) {
    if (rest.length !== 2 * wide || (bits & Bit.real) !== 0) return undefined;
    const ends = { source: address(0, wide), destination: address(wide, wide) };
    return { flow: { ...ends, sourcePort: first, destinationPort: second, protocol } };
  }
  const realLength = bits & Bit.real ? (bits & Bit.real6 ? 16 : 4) : 0;
  if (bytes[0] !== SERVICE || rest.length !== wide + realLength) return undefined;
  if (first !== WHOLE && first > wide * 8) return undefined;
  const prefix = first === WHOLE ? '' : `/${first}`;
  return {
    service: { address: `${address(0, wide)}${prefix}`, port: second, protocol },
    ...(realLength > 0 && { real: address(wide, realLength) }),
  };
}
