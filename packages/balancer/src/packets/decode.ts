/** Decodes the headers of a frame, one inside the other. */
import { formatAddress } from '@weir/ebpf/address';

/** A header. Bytes that are cut off, or that no decoder knows, are `data`: `bytes` is their number. */
export type Layer =
  | {
      readonly layer: 'ethernet';
      readonly source: string;
      readonly destination: string;
      readonly type: number;
    }
  | {
      readonly layer: 'ipv4';
      readonly source: string;
      readonly destination: string;
      readonly protocol: number;
      readonly ttl: number;
      readonly tos: number;
      /** The length in the header, bytes. */
      readonly length: number;
    }
  | {
      readonly layer: 'ipv6';
      readonly source: string;
      readonly destination: string;
      readonly protocol: number;
      readonly hopLimit: number;
      readonly trafficClass: number;
      /** The payload length in the header, bytes. */
      readonly length: number;
    }
  | {
      readonly layer: 'tcp';
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly flags: readonly string[];
    }
  | { readonly layer: 'udp'; readonly sourcePort: number; readonly destinationPort: number }
  | { readonly layer: 'gre'; readonly protocol: number }
  | { readonly layer: 'icmp' | 'icmpv6'; readonly type: number; readonly code: number }
  | { readonly layer: 'data'; readonly bytes: number };

const EtherType = { ipv4: 0x0800, ipv6: 0x86dd } as const;
export const Protocol = { icmp: 1, ipip: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47, icmpv6: 58 } as const;
const tcpFlags = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'] as const;

/** Types of ICMP messages that quote the packet which caused them: RFC 792, RFC 4443. */
const icmpErrors = new Set([3, 4, 5, 11, 12]);
const icmpv6Errors = new Set([1, 2, 3, 4]);

/**
 * Decodes a frame, outermost header first.
 *
 * @param frame The bytes from the Ethernet header on; it may be cut off.
 * @param guePort UDP to this port counts as GUE, variant 1, if an IP header follows.
 */
export function decodeFrame(frame: Uint8Array, guePort = 6080): Layer[] {
  const layers: Layer[] = [];
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let next: Step | undefined = ethernet;
  for (let at = 0; next !== undefined; ) {
    const decoded: Decoded | undefined = next(view, at, guePort);
    if (decoded === undefined) {
      if (at < frame.length) layers.push({ layer: 'data', bytes: frame.length - at });
      return layers;
    }
    layers.push(decoded.layer);
    at += decoded.size;
    next = decoded.next ?? nothing;
  }
  return layers;
}

/** Reads a header; returns undefined if it is incomplete. */
type Step = (view: DataView, at: number, guePort: number) => Decoded | undefined;

interface Decoded {
  readonly layer: Layer;
  /** Bytes. */
  readonly size: number;
  readonly next?: Step | undefined;
}

const nothing: Step = () => undefined;

const ethernet: Step = (view, at) => {
  if (view.byteLength < at + 14) return undefined;
  const type = view.getUint16(at + 12);
  const layer = { layer: 'ethernet', source: mac(view, at + 6), destination: mac(view, at), type } as const;
  return {
    layer,
    size: 14,
    next: type === EtherType.ipv4 ? ipv4 : type === EtherType.ipv6 ? ipv6 : undefined,
  };
};

const ipv4: Step = (view, at) => {
  if (view.byteLength < at + 20 || view.getUint8(at) >> 4 !== 4) return undefined;
  const size = (view.getUint8(at) & 15) * 4;
  const protocol = view.getUint8(at + 9);
  const layer = {
    layer: 'ipv4',
    source: address(view, at + 12, 4),
    destination: address(view, at + 16, 4),
    protocol,
    ttl: view.getUint8(at + 8),
    tos: view.getUint8(at + 1),
    length: view.getUint16(at + 2),
  } as const;
  const isLaterFragment = (view.getUint16(at + 6) & 0x1fff) !== 0;
  return { layer, size: Math.max(20, size), next: isLaterFragment ? undefined : transports[protocol] };
};

const ipv6: Step = (view, at) => {
  if (view.byteLength < at + 40 || view.getUint8(at) >> 4 !== 6) return undefined;
  const protocol = view.getUint8(at + 6);
  const layer = {
    layer: 'ipv6',
    source: address(view, at + 8, 16),
    destination: address(view, at + 24, 16),
    protocol,
    hopLimit: view.getUint8(at + 7),
    trafficClass: (view.getUint16(at) >> 4) & 0xff,
    length: view.getUint16(at + 4),
  } as const;
  return { layer, size: 40, next: transports[protocol] };
};

const ip: Step = (view, at, guePort) => ipv4(view, at, guePort) ?? ipv6(view, at, guePort);

const tcp: Step = (view, at) => {
  if (view.byteLength < at + 20) return undefined;
  const bits = view.getUint8(at + 13);
  const flags = tcpFlags.filter((_, bit) => ((bits >> bit) & 1) === 1);
  return {
    layer: { layer: 'tcp', sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2), flags },
    size: Math.max(20, (view.getUint8(at + 12) >> 4) * 4),
  };
};

const udp: Step = (view, at, guePort) => {
  if (view.byteLength < at + 8) return undefined;
  const destinationPort = view.getUint16(at + 2);
  const layer = { layer: 'udp', sourcePort: view.getUint16(at), destinationPort } as const;
  return { layer, size: 8, next: destinationPort === guePort ? ip : undefined };
};

/** Without optional fields, RFC 2784. */
const gre: Step = (view, at) => {
  if (view.byteLength < at + 4 || view.getUint16(at) !== 0) return undefined;
  const protocol = view.getUint16(at + 2);
  const inner = { [EtherType.ipv4]: ipv4, [EtherType.ipv6]: ipv6 }[protocol];
  return { layer: { layer: 'gre', protocol }, size: 4, next: inner };
};

const icmp =
  (name: 'icmp' | 'icmpv6', errors: ReadonlySet<number>): Step =>
  (view, at) => {
    if (view.byteLength < at + 8) return undefined;
    const type = view.getUint8(at);
    const layer = { layer: name, type, code: view.getUint8(at + 1) };
    return { layer, size: 8, next: errors.has(type) ? ip : undefined };
  };

const transports: Readonly<Partial<Record<number, Step>>> = {
  [Protocol.icmp]: icmp('icmp', icmpErrors),
  [Protocol.ipip]: ipv4,
  [Protocol.tcp]: tcp,
  [Protocol.udp]: udp,
  [Protocol.ipv6]: ipv6,
  [Protocol.gre]: gre,
  [Protocol.icmpv6]: icmp('icmpv6', icmpv6Errors),
};

function bytesAt(view: DataView, at: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, size);
}

function address(view: DataView, at: number, size: 4 | 16): string {
  return formatAddress(bytesAt(view, at, size));
}

function mac(view: DataView, at: number): string {
  return Array.from(bytesAt(view, at, 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
