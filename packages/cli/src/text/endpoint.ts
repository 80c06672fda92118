import type { Endpoint } from '@weir/tracer';

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
