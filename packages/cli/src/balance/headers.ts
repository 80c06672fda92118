/** The headers of a frame as text, a line each. */
import type { Layer } from '@weir/balancer/packets';

/** IANA's names of the protocols that such frames hold. */
const protocols: Readonly<Partial<Record<number, string>>> = {
  1: 'ICMP',
  4: 'IPv4',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMPv6',
  132: 'SCTP',
};

/** @param label stands before the first line. */
export function frameLines(label: string, layers: readonly Layer[]): string[] {
  return layers.map((layer, index) => `  ${(index === 0 ? label : '').padEnd(4)} ${layerText(layer)}`);
}

function layerText(layer: Layer): string {
  switch (layer.layer) {
    case 'ethernet':
      return `Ethernet ${layer.source} > ${layer.destination}, type 0x${layer.type.toString(16).padStart(4, '0')}`;
    case 'ipv4':
      return `IPv4 ${layer.source} > ${layer.destination}, ${protocolText(layer.protocol)}, TTL ${layer.ttl}, TOS ${layer.tos}, ${layer.length} bytes`;
    case 'ipv6':
      return `IPv6 ${layer.source} > ${layer.destination}, ${protocolText(layer.protocol)}, hop limit ${layer.hopLimit}, traffic class ${layer.trafficClass}, ${40 + layer.length} bytes`;
    case 'tcp':
      return `TCP ${layer.sourcePort} > ${layer.destinationPort}${layer.flags.length === 0 ? '' : `, ${layer.flags.join(' ')}`}`;
    case 'udp':
      return `UDP ${layer.sourcePort} > ${layer.destinationPort}`;
    case 'gre':
      return `GRE, type 0x${layer.protocol.toString(16).padStart(4, '0')}`;
    case 'icmp':
      return `ICMP type ${layer.type}, code ${layer.code}`;
    case 'icmpv6':
      return `ICMPv6 type ${layer.type}, code ${layer.code}`;
    case 'data':
      return `${layer.bytes} bytes`;
  }
}

function protocolText(number: number): string {
  return protocols[number] ?? `protocol ${number}`;
}
