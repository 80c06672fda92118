import type { Endpoint } from '@weir/tracer';
import { escapeText } from './escape.js';

/** Addresses that a link has, and that another one may have as well: fe80::/10, and multicast within it. */
export function isOfLink(address: string): boolean {
  return /^(?:fe[89ab][0-9a-f]|ff[0-9a-f][12]):/.test(address);
}

/** `192.0.2.1`; `fe80::1%eth0`. */
export function formatAddress(address: string, interfaceName: string | undefined): string {
  return interfaceName === undefined || !isOfLink(address)
    ? address
    : `${address}%${escapeText(interfaceName)}`;
}

/** Both ends of a connection, or of a socket: the local one shows the interface that the socket is bound to. */
export function formatLocal(local: Endpoint, interfaceName: string | undefined): string {
  if (interfaceName === undefined) return formatEndpoint(local);
  return formatEndpoint({ ...local, address: `${local.address}%${escapeText(interfaceName)}` });
}

/** The peer's end: it shows the interface where its address means something on one link only. */
export function formatPeer({ address, port }: Endpoint, interfaceName: string | undefined): string {
  return formatEndpoint({ address: formatAddress(address, interfaceName), port });
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Makes an endpoint fit in `width` columns by leaving out the middle of an IPv6 address; its port stays whole. */
export function fitEndpoint(endpoint: string, width: number): string {
  const end = endpoint.lastIndexOf(']');
  if (endpoint.length <= width || end < 0) return endpoint;
  const room = width - (endpoint.length - end) - '[…'.length;
  const head = Math.ceil(room / 2);
  return `${endpoint.slice(0, 1 + head)}…${endpoint.slice(end - (room - head))}`;
}
